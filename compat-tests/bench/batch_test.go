package main

import (
	"encoding/binary"
	"hash/crc32"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestRequest reads a request as a broker does, after it was given its place.
func TestRequest(t *testing.T) {
	for name, l := range map[string]load{
		"without keys": {Size: 100, BatchMax: smallMax},
		"with keys":    {Size: 100, BatchMax: smallMax, Keys: 1000},
		"one record":   {Size: 100, BatchMax: 300},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.UnixMilli(1_700_000_000_123)
			r := l.newRequest("topic")
			r.address(77, 5, now, 40, max(l.Keys, 1))
			if size := binary.BigEndian.Uint32(r.raw); int(size) != len(r.raw)-4 {
				t.Errorf("size %d of %d bytes", size, len(r.raw))
			}
			if n := binary.BigEndian.Uint32(r.raw[atCorrelation:]); n != 77 {
				t.Errorf("correlation id %d", n)
			}
			var req kmsg.ProduceRequest
			req.SetVersion(produceVersion)
			const header = 4 + 2 + 2 + 4 + 2 + len("bench")
			if err := req.ReadFrom(r.raw[header:]); err != nil {
				t.Fatal(err)
			}
			p := req.Topics[0].Partitions[0]
			if req.Topics[0].Topic != "topic" || p.Partition != 5 || req.Acks != -1 {
				t.Errorf("topic %s, partition %d, acks %d", req.Topics[0].Topic, p.Partition, req.Acks)
			}
			checkBatch(t, &l, p.Records, now)
		})
	}
}

func checkBatch(t *testing.T, l *load, raw []byte, now time.Time) {
	t.Helper()
	var b kmsg.RecordBatch
	if err := b.ReadFrom(raw); err != nil {
		t.Fatal(err)
	}
	if uint32(b.CRC) != crc32.Checksum(raw[atBatchBody:], castagnoli) {
		t.Error("the CRC is wrong")
	}
	if int(b.NumRecords) != l.perBatch() || b.FirstTimestamp != now.UnixMilli() || b.MaxTimestamp != now.UnixMilli() {
		t.Errorf("%d records from %d to %d", b.NumRecords, b.FirstTimestamp, b.MaxTimestamp)
	}
	if len(raw) > l.BatchMax {
		t.Errorf("%d bytes, at most %d", len(raw), l.BatchMax)
	}
	rest := b.Records
	for i := range int(b.NumRecords) {
		size, n := binary.Varint(rest)
		var rec kmsg.Record
		if err := rec.ReadFrom(rest[:n+int(size)]); err != nil {
			t.Fatalf("record %d: %v", i, err)
		}
		rest = rest[n+int(size):]
		if len(rec.Value) != l.Size || int(rec.OffsetDelta) != i {
			t.Fatalf("record %d: %d bytes, offset delta %d", i, len(rec.Value), rec.OffsetDelta)
		}
		if l.Keys > 0 && binary.BigEndian.Uint64(rec.Key) != keyOf(40+i, l.Keys) {
			t.Fatalf("record %d has key %x", i, rec.Key)
		}
	}
	if len(rest) > 0 {
		t.Errorf("%d bytes behind the records", len(rest))
	}
}

// TestKeyOf wants each key once in every round.
func TestKeyOf(t *testing.T) {
	for _, keys := range []int{1, 1000, 10_000, 1_000_000} {
		seen := make([]bool, keys)
		for n := range keys {
			k := keyOf(n+keys, keys)
			if seen[k] {
				t.Fatalf("%d keys: %d twice", keys, k)
			}
			seen[k] = true
		}
	}
}
