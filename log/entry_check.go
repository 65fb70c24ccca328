package log

import (
	"fmt"
	"hash/crc32"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// checkPlace refuses an entry that is not where it says it is, or that belongs
// to another segment.
func (h *entryHeader) checkPlace(at Position, salt uint32) error {
	if h.Position != at || h.Salt != salt {
		return fmt.Errorf("%w: it says %d, salt %#x; here are %d, %#x", errEntryPlace, h.Position, h.Salt, at, salt)
	}
	return nil
}

// checkBody checks all that follows the header: b is the whole entry. It
// appends the headers of the batches to into.
func (h *entryHeader) checkBody(b []byte, into []batch.Header) ([]batch.Header, error) {
	payload := b[entryHeaderSize : entryHeaderSize+int(h.Payload)]
	for _, x := range b[entryHeaderSize+int(h.Payload) : h.Size] {
		if x != 0 {
			return into, fmt.Errorf("%w: padding is not zero", errEntryPayload)
		}
	}
	if !h.Kind.holdsBatches() {
		if payloadCRC(payload) != h.PrefixCRC {
			return into, fmt.Errorf("%w: CRC is wrong", errEntryPayload)
		}
		return into, nil
	}
	crc, n := crc32.Update(0, castagnoli, payload[:h.Kind.batchesAt()]), uint32(0)
	next := h.BaseOffset
	switch {
	case h.Kind == KindRelocated && origin(payload) > positionMax:
		return into, fmt.Errorf("%w: moved from %d", errEntryPayload, origin(payload))
	case h.Kind == KindCleaned:
		if err := decodeCleanedPrefix(payload).check(h); err != nil {
			return into, err
		}
	}
	payload = payload[h.Kind.batchesAt():]
	for len(payload) > 0 {
		bh, err := batch.Parse(payload)
		if err != nil {
			return into, fmt.Errorf("%w: batch %d: %w", errEntryPayload, n, err)
		}
		if err := batch.Verify(payload, &bh); err != nil {
			return into, fmt.Errorf("%w: batch %d: %w", errEntryPayload, n, err)
		}
		if bh.BaseOffset < next || bh.BaseOffset > next && (h.Kind != KindCleaned || n == 0) || bh.LastOffsetDelta < 0 {
			return into, fmt.Errorf("%w: batch %d begins at offset %d, not %d", errEntryPayload, n, bh.BaseOffset, next)
		}
		crc = batch.PrefixCRC(crc, payload)
		next = bh.LastOffset() + 1
		n++
		into = append(into, bh)
		payload = payload[bh.Size:]
	}
	switch {
	case crc != h.PrefixCRC:
		return into, fmt.Errorf("%w: prefix CRC is wrong", errEntryPayload)
	case n != h.Batches:
		return into, fmt.Errorf("%w: %d batches, the header says %d", errEntryPayload, n, h.Batches)
	case next-1-h.BaseOffset != model.Offset(h.LastDelta):
		return into, fmt.Errorf("%w: ends at offset %d, the header says %d+%d", errEntryPayload, next-1, h.BaseOffset, h.LastDelta)
	}
	return into, nil
}
