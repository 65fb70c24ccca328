package replication

import (
	"bytes"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/internal/span"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// TestClaimedMaxTimestamp: a header whose largest timestamp is not its records'
// would mislead every later search by time, and retention by time. It is put
// right, as Kafka does, wherever the records are looked at; where they are not
// it is bound by message.timestamp.after.max.ms.
func TestClaimedMaxTimestamp(t *testing.T) {
	const hour = int64(time.Hour / time.Millisecond)
	for _, c := range []struct {
		name   string
		codec  batch.Codec
		times  []int64
		claim  int64
		stored int64 // 0: refused
	}{
		{"true", batch.None, []int64{begin, begin - 5}, begin, begin},
		{"above", batch.None, []int64{begin, begin - 5}, begin + 9, begin},
		{"far above", batch.None, []int64{begin}, begin + 1000*hour, begin},
		{"below", batch.None, []int64{begin - 5, begin}, begin - 5, begin},
		{"none", batch.None, []int64{begin}, -1, begin},
		{"below, the record is too late", batch.None, []int64{begin + 2*hour}, begin, 0},
		{"compressed, far above", batch.Gzip, []int64{begin}, begin + 1000*hour, begin},
		{"compressed, within the bound: believed", batch.Gzip, []int64{begin}, begin + 9, begin + 9},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				b := batch.NewBuilder(c.codec)
				for _, ts := range c.times {
					b.Add(ts, []byte("k"), nil)
				}
				raw, err := b.Build(nil)
				if err != nil {
					t.Fatal(err)
				}
				batch.SetMaxTimestamp(raw, c.claim)
				var a answers
				p := w.part(0)
				w.append(p, raw, &a)
				w.settle()
				if c.stored == 0 {
					a.wantCode(t, c.name, protocol.InvalidTimestamp)
					return
				}
				a.want(t, c.name, 0)
				if got := storedHeader(t, p).MaxTimestamp; got != c.stored {
					t.Errorf("stored is %d, want %d", got, c.stored)
				}
			})
		})
	}
}

// storedHeader is the header of a partition's first batch, whose CRC holds.
func storedHeader(t *testing.T, p *Partition) batch.Header {
	t.Helper()
	var out span.List
	defer out.Release()
	if res := p.Read(ReadRequest{MaxBytes: 1 << 20, CurrentEpoch: -1, LastFetchedEpoch: -1}, &out); res.Err != nil {
		t.Fatal(res.Err)
	}
	var buf bytes.Buffer
	if _, err := out.WriteTo(&buf); err != nil {
		t.Fatal(err)
	}
	h, err := batch.Parse(buf.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if err := batch.Verify(buf.Bytes(), &h); err != nil {
		t.Error(err)
	}
	return h
}
