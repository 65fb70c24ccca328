package log

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// timed builds a batch at offset 100 whose records have these timestamps, and
// a partition that holds it alone.
func timed(t *testing.T, codec batch.Codec, times ...int64) (*PartitionLog, *stored, batch.Header) {
	t.Helper()
	b := batch.NewBuilder(codec)
	b.BaseOffset, b.LeaderEpoch = 100, 6
	for _, ts := range times {
		b.Add(ts, nil, []byte("value"))
	}
	raw, err := b.Build(nil)
	if err != nil {
		t.Fatal(err)
	}
	h, err := batch.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	disk := &stored{bytes: raw}
	p := newPartitionLog(1, &Log{shared: partitionShared{batches: disk}})
	p.applyBatches(batchesApplied{Epoch: 6, AppendTime: 50, Headers: []batch.Header{h}})
	return p, disk, h
}

func TestLookupInsideABatch(t *testing.T) {
	t.Parallel()
	for _, codec := range []batch.Codec{batch.None, batch.Gzip, batch.Snappy, batch.LZ4, batch.Zstd} {
		p, _, _ := timed(t, codec, 10, 30, 20, 30)
		got, ok, err := p.FirstAtOrAfter(11, 104)
		if want := (TimestampOffset{101, 30, 6}); err != nil || !ok || got != want {
			t.Errorf("%v: FirstAtOrAfter: %+v, %v, %v", codec, got, ok, err)
		}
		got, ok, err = p.MaxTimestamp(104)
		if want := (TimestampOffset{101, 30, 6}); err != nil || !ok || got != want {
			t.Errorf("%v: MaxTimestamp: %+v, %v, %v", codec, got, ok, err)
		}
		if _, ok, err = p.FirstAtOrAfter(31, 104); err != nil || ok {
			t.Errorf("%v: later than all: %v, %v", codec, ok, err)
		}
		p.applyLogStart(1, 102, 6)
		if got, _, _ = p.FirstAtOrAfter(11, 104); got.Offset != 102 {
			t.Errorf("%v: below the log start: %+v", codec, got)
		}
	}
}

// The broker set one time for all records; the deltas in them mean nothing.
func TestLookupLogAppendTime(t *testing.T) {
	t.Parallel()
	p, disk, _ := timed(t, batch.None, 10, 30)
	binary.BigEndian.PutUint16(disk.bytes[21:], 8)
	got, ok, err := p.FirstAtOrAfter(5, 102)
	if want := (TimestampOffset{100, 30, 6}); err != nil || !ok || got != want {
		t.Errorf("%+v, %v, %v", got, ok, err)
	}
}

// Records that nobody can decode are answered by their batch.
func TestLookupUndecodableRecords(t *testing.T) {
	t.Parallel()
	p, disk, _ := timed(t, batch.Zstd, 10, 30)
	clear(disk.bytes[batch.HeaderSize:])
	got, ok, err := p.FirstAtOrAfter(20, 102)
	if want := (TimestampOffset{100, 30, 6}); err != nil || !ok || got != want {
		t.Errorf("%+v, %v, %v", got, ok, err)
	}
}

func TestLookupDiskError(t *testing.T) {
	t.Parallel()
	p, disk, _ := timed(t, batch.None, 10)
	disk.err = errors.New("disk")
	if _, _, err := p.FirstAtOrAfter(5, 101); !errors.Is(err, disk.err) {
		t.Errorf("FirstAtOrAfter: %v", err)
	}
	if _, _, err := p.MaxTimestamp(101); !errors.Is(err, disk.err) {
		t.Errorf("MaxTimestamp: %v", err)
	}
}

func TestExpiredStart(t *testing.T) {
	t.Parallel()
	p := newPartitionLog(1, &Log{})
	for i, times := range []struct{ stamp, appended int64 }{
		{10, 50},   // old by its timestamp
		{1000, 20}, // a clock ahead: old by its append
		{-1, 30},   // none: old by its append
		{90, 90},   // young
		{5, 95},    // old, but behind a young one
	} {
		p.applyBatches(batchesApplied{Entry: Position(i), AppendTime: times.appended, Headers: []batch.Header{
			{BaseOffset: p.End(), Size: 100, ProducerID: -1, MaxTimestamp: times.stamp},
		}})
	}
	for _, c := range []struct {
		name        string
		age, size   int64
		limit, want model.Offset
	}{
		{"no limits", -1, -1, 5, 0},
		{"by time, only a prefix", 60, -1, 5, 3},
		{"by time, all", 1, -1, 5, 5},
		{"by time, below the limit", 1, -1, 2, 2},
		{"by size, not below it", -1, 250, 5, 2},
		{"by size, exactly", -1, 300, 5, 2},
		{"by size 0", -1, 0, 5, 5},
		{"by size, then by time", 60, 100, 5, 5},
	} {
		if got, err := p.ExpiredStart(100, c.age, c.size, c.limit); err != nil || got != c.want {
			t.Errorf("%s: %d, %v; want %d", c.name, got, err, c.want)
		}
	}
}
