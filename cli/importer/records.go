package importer

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// unfoldMax bounds what a batch may become; records are read as they come.
const unfoldMax = 1 << 30

// seen is a record that was read: where it stands, and what it is.
type seen struct {
	offset model.Offset
	digest [sha256.Size]byte
}

// reader reads the records of one side, one after the other.
type reader struct {
	im   *Importer
	side *side
	tp   model.TopicPartition

	next, end model.Offset // of what is to be fetched
	bytes     int64        // that were
	records   []seen
	scratch   []byte
}

// peek is the next record; nil at the end.
func (r *reader) peek(ctx context.Context) (*seen, error) {
	for len(r.records) == 0 {
		if r.next >= r.end {
			return nil, nil
		}
		if err := r.load(ctx); err != nil {
			return nil, err
		}
	}
	return &r.records[0], nil
}

func (r *reader) pop() { r.records = r.records[1:] }

// load fetches some more.
func (r *reader) load(ctx context.Context) error {
	return r.im.persist(ctx, func(ctx context.Context) error {
		f, err := r.side.read(ctx, r.tp, r.next, r.end)
		if outOfRange(err) {
			return r.skip(ctx, err)
		}
		if err != nil {
			return err
		}
		r.records = r.records[:0:0]
		for _, b := range f.batches {
			r.bytes += int64(b.Size)
			if err := r.unfold(b); err != nil {
				return fmt.Errorf("%s, partition %s, offset %d: %w", r.side.name, partName(r.tp), b.BaseOffset, err)
			}
		}
		r.next = f.next
		return nil
	})
}

// skip goes on where the partition begins now: retention has taken what was to be read.
func (r *reader) skip(ctx context.Context, err error) error {
	start, failed := r.side.place(ctx, r.tp, atEarliest, readUncommitted)
	if failed != nil {
		return failed
	}
	if start.offset <= r.next {
		return err
	}
	r.next = start.offset
	return nil
}

// unfold takes the records of a batch, as far as they were asked for.
func (r *reader) unfold(b batch.Batch) error {
	return batch.Records(b.Bytes, &b.Header, unfoldMax, func(rec batch.Record) error { //nolint:wrapcheck // The caller says where.
		at := b.BaseOffset + model.Offset(rec.OffsetDelta)
		if at < r.next || at >= r.end {
			return nil
		}
		r.scratch = appendRecord(r.scratch[:0], at, &b.Header, &rec)
		r.records = append(r.records, seen{at, sha256.Sum256(r.scratch)})
		return nil
	})
}

// appendRecord writes all that a consumer sees of a record.
func appendRecord(dst []byte, at model.Offset, h *batch.Header, r *batch.Record) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(at))
	if h.LogAppendTime() {
		dst = binary.BigEndian.AppendUint64(append(dst, 1), uint64(h.MaxTimestamp))
	} else {
		dst = binary.BigEndian.AppendUint64(append(dst, 0), uint64(h.FirstTimestamp+r.TimestampDelta))
	}
	dst = appendField(appendField(dst, r.Key), r.Value)
	dst = binary.AppendVarint(dst, int64(r.HeaderCount()))
	for key, value := range r.Headers() {
		dst = appendField(appendField(dst, key), value)
	}
	return dst
}

// appendField writes a field so that none is mistaken for another; nil is null.
func appendField(dst, field []byte) []byte {
	if field == nil {
		return binary.AppendVarint(dst, -1)
	}
	return append(binary.AppendVarint(dst, int64(len(field))), field...)
}
