package log

import (
	"encoding/binary"
	"fmt"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/span"
	"github.com/mainstem-mq/mainstem/log/index"
)

var _ batchReader = (*Log)(nil)

// readBatch implements batchReader: one whole batch in memory.
func (l *Log) readBatch(e index.Entry) (b []byte, release func(), err error) {
	at, n := Position(e.Position), int(e.Length)
	if b, buffer, ok := l.ringGet(logID(e.Log), at, n); ok {
		release = func() {}
		if buffer != nil {
			release = buffer.Release
		}
		if len(b) == n {
			return b, release, nil
		}
		release()
	}
	seg, err := l.hold(place{logID(e.Log), at})
	if err != nil {
		return nil, nil, err
	}
	defer seg.Release()
	b = make([]byte, n)
	if err := l.cold.fill(nil, seg, at, b, aheadStep{}); err != nil {
		return nil, nil, err
	}
	return b, func() {}, nil
}

// ringGet is ring.get for the main log: nothing else is in the ring.
func (l *Log) ringGet(log logID, at Position, n int) ([]byte, *span.Buffer, bool) {
	if log != mainLog {
		return nil, nil, false
	}
	return l.ring.get(at, n)
}

// verifyOnceMax is how near to the head of its entry a batch is for verify to
// read both at once: the first one of each is.
const verifyOnceMax = 128

// verify checks an index entry against the log.
func (p *PartitionLog) verify(e *index.Entry) error {
	seg, err := p.log.hold(place{logID(e.Log), Position(e.Position) - Position(e.EntryDistance)})
	if err != nil {
		return err
	}
	defer seg.Release()
	return seg.verify(p.id, e, func(at Position, b []byte) error { return p.log.cold.fill(nil, seg, at, b, aheadStep{}) })
}

// verify checks that the log holds what an index entry says: an entry of this
// partition with a batch of this base offset and length. read gives the bytes
// of the segment at a Position.
func (seg *segment) verify(id model.PartitionID, e *index.Entry, read func(at Position, b []byte) error) error {
	at := Position(e.Position) - Position(e.EntryDistance)
	const enough = 12 // base offset and length
	var few [verifyOnceMax]byte
	b := few[:entryHeaderSize]
	near := int(e.EntryDistance)+enough <= len(few)
	if near {
		b = few[:int(e.EntryDistance)+enough]
	}
	if err := read(at, b); err != nil {
		return err
	}
	h, err := decodeEntryHeader(b)
	if err == nil {
		err = h.checkPlace(at, seg.Salt)
	}
	if err != nil {
		return fmt.Errorf("%w: entry at %d: %w", ErrCorrupt, at, err)
	}
	if near {
		b = b[e.EntryDistance:]
	} else if err := read(Position(e.Position), b[:enough]); err != nil {
		return err
	}
	base, size := binary.BigEndian.Uint64(b), binary.BigEndian.Uint32(b[8:])+enough
	if seg.Log != logID(e.Log) || !h.Kind.holdsBatches() || h.Partition != id || e.EntryDistance+e.Length > h.Size ||
		base != uint64(e.BaseOffset) || size != e.Length {
		return fmt.Errorf("%w: the index says offset %d of partition %d, %d bytes, at %d; the log has offset %d of partition %d, %d bytes",
			ErrCorrupt, e.BaseOffset, id, e.Length, e.Position, base, h.Partition, size)
	}
	return nil
}
