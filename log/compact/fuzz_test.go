package compact

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"testing"

	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// FuzzClean: whatever bytes are taken for a sound batch, the cleaner neither
// panics nor takes more than its share, and what it keeps is a sound batch with
// records.
func FuzzClean(f *testing.F) {
	for c := batch.None; c <= batch.Zstd; c++ {
		f.Add(made(f, 3, c, "a", "1", "b", "-", "a", "2").bytes, int64(5000))
	}
	f.Fuzz(func(t *testing.T, b []byte, now int64) {
		if len(b) < batch.HeaderSize {
			return
		}
		// Where the header's length, magic and CRC stand.
		b = bytes.Clone(b)
		binary.BigEndian.PutUint32(b[8:], uint32(len(b)-12))
		b[16] = batch.Magic
		binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], crc32.MakeTable(crc32.Castagnoli)))
		keys := NewKeyMap(1<<12, 0.9)
		keys.Reset(100)
		c := New(Config{Keys: keys, NowMs: now, DeleteRetentionMs: 1000})
		if full, err := c.Learn(b); full || err != nil {
			return
		}
		kept, err := c.Clean(b)
		if err != nil || kept == nil {
			return
		}
		before, _ := batch.Parse(b)
		after, err := batch.Parse(kept)
		if err != nil || batch.Verify(kept, &after) != nil || after.Size != len(kept) {
			t.Fatalf("%d bytes of %d are kept: %v", len(kept), len(b), err)
		}
		if after.BaseOffset != before.BaseOffset || after.LastOffsetDelta != before.LastOffsetDelta || after.Codec() != before.Codec() {
			t.Fatalf("%+v became %+v", before, after)
		}
		if bytes.Equal(b, kept) {
			return
		}
		n := int32(0)
		if err := batch.Records(kept, &after, unfoldMax, func(batch.Record) error {
			n++
			return nil
		}); err != nil || n == 0 || n != after.Records {
			t.Fatalf("%d of %d records: %v", n, after.Records, err)
		}
	})
}
