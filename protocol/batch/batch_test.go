package batch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"iter"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// batchOf builds a batch with a record for each value.
func batchOf(tb testing.TB, c Codec, values ...string) []byte {
	tb.Helper()
	b := NewBuilder(c)
	for i, v := range values {
		b.Add(int64(1000+i), []byte("key"), []byte(v))
	}
	out, err := b.Build(nil)
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// edited returns a copy of the batch with the edit and, so that only the edit
// is wrong with it, a right CRC.
func edited(batch []byte, edit func(b []byte)) []byte {
	b := bytes.Clone(batch)
	edit(b)
	if len(b) > atAttributes {
		sealCRC(b)
	}
	return b
}

func set16(at int, n int16) func([]byte) {
	return func(b []byte) { binary.BigEndian.PutUint16(b[at:], uint16(n)) }
}

func set32(at int, n int32) func([]byte) {
	return func(b []byte) { binary.BigEndian.PutUint32(b[at:], uint32(n)) }
}

func set64(at int, n int64) func([]byte) {
	return func(b []byte) { binary.BigEndian.PutUint64(b[at:], uint64(n)) }
}

func both(edits ...func([]byte)) func([]byte) {
	return func(b []byte) {
		for _, e := range edits {
			e(b)
		}
	}
}

func TestParseAgainstKmsg(t *testing.T) {
	b := NewBuilder(Gzip)
	b.BaseOffset, b.LeaderEpoch, b.ProducerID, b.ProducerEpoch, b.BaseSequence = 1<<40, 3, 1<<50, 4, 5
	b.Transactional = true
	b.Add(2000, nil, []byte("a"))
	b.Add(1000, nil, []byte("b")) // earlier: the deltas may be negative
	out, err := b.Build(nil)
	if err != nil {
		t.Fatal(err)
	}
	var want kmsg.RecordBatch
	if err := want.ReadFrom(out); err != nil {
		t.Fatal(err)
	}
	h, err := Parse(append(out, "the next batch"...))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Header{
		BaseOffset: model.Offset(want.FirstOffset), Size: int(want.Length) + 12,
		LeaderEpoch: model.LeaderEpoch(want.PartitionLeaderEpoch), CRC: uint32(want.CRC),
		Attributes: want.Attributes, LastOffsetDelta: want.LastOffsetDelta,
		FirstTimestamp: want.FirstTimestamp, MaxTimestamp: want.MaxTimestamp,
		ProducerID: model.ProducerID(want.ProducerID), ProducerEpoch: model.ProducerEpoch(want.ProducerEpoch),
		BaseSequence: want.FirstSequence, Records: want.NumRecords,
	}, h); diff != "" {
		t.Error(diff)
	}
	if h.Size != len(out) || h.LastOffset() != 1<<40+1 || h.MaxTimestamp != 2000 || h.LastSequence() != 6 {
		t.Errorf("%+v", h)
	}
	if h.Codec() != Gzip || !h.IsTransactional() || h.IsControl() || h.LogAppendTime() || h.HasDeleteHorizon() {
		t.Errorf("attributes are %#x", h.Attributes)
	}
	if err := Validate(out, &h); err != nil {
		t.Error(err)
	}
}

func TestParseRefuses(t *testing.T) {
	good := batchOf(t, None, "a")
	for _, c := range []struct {
		name  string
		bytes []byte
		err   error
		says  string
	}{
		{"nothing", nil, ErrTruncated, "0 bytes"},
		{"no magic yet", good[:atMagic], ErrTruncated, "16 bytes"},
		{"half a header", good[:40], ErrTruncated, "40 are there"},
		{"all but a byte", good[:len(good)-1], ErrTruncated, "are there"},
		{"magic 0", edited(good, func(b []byte) { b[atMagic] = 0 }), ErrMagic, "magic 0"},
		{"magic 1", edited(good, func(b []byte) { b[atMagic] = 1 }), ErrMagic, "Kafka 0.11"},
		{"magic 3", edited(good, func(b []byte) { b[atMagic] = 3 }), ErrCorrupt, "magic is 3, expected 2"},
		{"length below a header", edited(good, set32(atLength, HeaderSize-13)), ErrCorrupt, "length is 48, at least 49"},
		{"negative length", edited(good, set32(atLength, -13)), ErrCorrupt, "length is -13"},
		{"2 GiB", edited(good, set32(atLength, 1<<31-1)), ErrTruncated, "2147483659 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := Parse(c.bytes); !errors.Is(err, c.err) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %v that says %q", err, c.err, c.says)
			}
		})
	}
}

func TestValidate(t *testing.T) {
	good := batchOf(t, None, "a", "b")
	idempotent := edited(good, both(set64(atProducerID, 7), set16(atProducerEpoch, 0), set32(atBaseSequence, 0)))
	for _, c := range []struct {
		name  string
		batch []byte
		err   error
		says  string
	}{
		{"good", good, nil, ""},
		{"idempotent", idempotent, nil, ""},
		{"sarama: sequence 0 without a producer id", edited(good, set32(atBaseSequence, 0)), nil, ""},
		{"negative timestamps", edited(good, both(set64(atFirstTimestamp, -5), set64(atMaxTimestamp, -5))), nil, ""},
		{"no records", edited(good, both(set32(atRecords, 0), set32(atLastOffsetDelta, -1))), ErrInvalid, "number of records is 0"},
		{"negative records", edited(good, both(set32(atRecords, -1), set32(atLastOffsetDelta, -2))), ErrInvalid, "number of records is -1"},
		{"more offsets than records", edited(good, set32(atLastOffsetDelta, 2)), ErrInvalid, "last offset delta is 2, expected 1"},
		{"records that do not fit", edited(good, both(set32(atRecords, 1000), set32(atLastOffsetDelta, 999))), ErrInvalid, "hold"},
		{"control batch", edited(good, set16(atAttributes, controlBit)), ErrInvalid, "attributes are 0x0020"},
		{"LogAppendTime, which is rewritten", edited(good, set16(atAttributes, logAppendTimeBit)), nil, ""},
		{"a bit of the future", edited(good, set16(atAttributes, 0x100)), ErrInvalid, "attributes are 0x0100"},
		{"codec 5", edited(good, set16(atAttributes, 5)), ErrCodec, "number 5"},
		{"codec 7", edited(good, set16(atAttributes, 7)), ErrCodec, "number 7"},
		{"producer id -2", edited(good, set64(atProducerID, -2)), ErrInvalid, "producer id is -2"},
		{"transaction of nobody", edited(good, set16(atAttributes, transactionalBit)), ErrInvalid, "no producer id"},
		{"no sequence", edited(idempotent, set32(atBaseSequence, -1)), ErrInvalid, "base sequence is -1"},
		{"no epoch", edited(idempotent, set16(atProducerEpoch, -1)), ErrInvalid, "producer epoch is -1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, err := Parse(c.batch)
			if err != nil {
				t.Fatal(err)
			}
			err = Validate(c.batch, &h)
			if !errors.Is(err, c.err) || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %v that says %q", err, c.err, c.says)
			}
		})
	}
}

// TestEveryBitIsCovered flips each bit of a batch: either Parse or Verify
// notices, or PrefixCRC does.
func TestEveryBitIsCovered(t *testing.T) {
	good := batchOf(t, None, "value")
	prefix := PrefixCRC(0, good)
	for bit := range len(good) * 8 {
		b := bytes.Clone(good)
		b[bit/8] ^= 1 << (bit % 8)
		noticed := PrefixCRC(0, b) != prefix
		h, err := Parse(b)
		if err != nil || Verify(b, &h) != nil {
			noticed = true
		}
		if !noticed {
			t.Errorf("bit %d of byte %d", bit%8, bit/8)
		}
		if at := bit / 8; at >= PrefixSize && !errors.Is(Verify(b, &h), ErrCorrupt) {
			t.Errorf("byte %d lies within the CRC", at)
		}
	}
}

func TestPrefixCRCGoesOn(t *testing.T) {
	a, b := batchOf(t, None, "a"), batchOf(t, None, "b")
	want := crc32.Checksum(append(bytes.Clone(a[:PrefixSize]), b[:PrefixSize]...), castagnoli)
	if got := PrefixCRC(PrefixCRC(0, a), b); got != want {
		t.Errorf("got %#x, want %#x", got, want)
	}
}

func TestRewriters(t *testing.T) {
	b := batchOf(t, None, "a", "b")
	SetBaseOffset(b, 1<<33)
	SetLeaderEpoch(b, 12)
	h, err := Parse(b)
	if err != nil || h.BaseOffset != 1<<33 || h.LeaderEpoch != 12 {
		t.Fatalf("%+v, %v", h, err)
	}
	if err := Verify(b, &h); err != nil {
		t.Errorf("the CRC leaves out offset and epoch: %v", err)
	}
	next := []byte("another batch")
	crc := SetLogAppendTime(append(b, next...)[:len(b)], 5000)
	h, err = Parse(b)
	if err != nil || !h.LogAppendTime() || h.MaxTimestamp != 5000 || h.FirstTimestamp != 1000 || h.CRC != crc {
		t.Fatalf("%+v, %v", h, err)
	}
	if err := Verify(b, &h); err != nil {
		t.Error(err)
	}
	crc = SetCreateTime(append(b, next...)[:len(b)])
	h, err = Parse(b)
	if err != nil || h.LogAppendTime() || h.MaxTimestamp != 5000 || h.FirstTimestamp != 1000 || h.CRC != crc {
		t.Fatalf("%+v, %v", h, err)
	}
	if err := Verify(b, &h); err != nil {
		t.Error(err)
	}
}

func TestSplit(t *testing.T) {
	a, b := batchOf(t, None, "a"), batchOf(t, Zstd, "b", "c")
	stream := append(append(bytes.Clone(a), b...), a[:30]...)
	var sizes []int
	var last error
	for batch, err := range Split(stream) {
		if last = err; err == nil {
			sizes = append(sizes, len(batch.Bytes))
		}
	}
	if !cmp.Equal(sizes, []int{len(a), len(b)}) || !errors.Is(last, ErrTruncated) {
		t.Errorf("sizes %v, then %v", sizes, last)
	}
	count := func(seq iter.Seq2[Batch, error]) (n int) {
		for _, err := range seq {
			if err == nil {
				n++
			}
		}
		return n
	}
	seq := Split(a)
	if first, again := count(seq), count(seq); first != 1 || again != 1 {
		t.Errorf("%d batches, then %d, want 1 each time", first, again)
	}
	if n := count(Split(nil)); n != 0 {
		t.Errorf("nothing holds %d batches", n)
	}
	for _, err := range Split(stream) {
		if err != nil {
			t.Error(err)
		}
		break // must not go on, or panic
	}
}
