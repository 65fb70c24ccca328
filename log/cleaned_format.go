package log

import (
	"encoding/binary"
	"fmt"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// A compaction of a partition writes a *run*: all that is left of its offsets
// below some To, in cleaned entries in side segments, ascending, with gaps.
// Numbers are little endian. In front of the batches of each such entry:
//
//	0                8                16               24           28           32
//	+----------------+----------------+----------------+------------+------------+
//	| run            | To             | previous end   | sequence   | 1: the last|
//	+----------------+----------------+----------------+------------+------------+
//
// run is the Position at which the run's first entry was written, which names
// the run for ever: an entry that is relocated keeps its prefix. sequence counts
// the entries of a run from 0. previous end is the offset behind the entry
// before it, 0 for the first: where that entry is gone it tells whether anything
// was that a reader may ask for.
//
// A run counts once a cleaned-to entry in the main log names it. Its base
// offset is To; its payload:
//
//	0                8                16           20           24
//	+----------------+----------------+------------+------------+
//	| run            | end            | entries    | zero       |
//	+----------------+----------------+------------+------------+
//
// end is the offset behind the run's last batch. A run without entries says
// that nothing below To is left.
const (
	cleanedPrefixSize = 32
	cleanedToSize     = 24
	cleanedLast       = 1
)

// cleanedPrefix is what stands in front of a cleaned entry's batches.
type cleanedPrefix struct {
	run         Position
	to          model.Offset
	previousEnd model.Offset
	sequence    uint32
	last        bool
}

func (c *cleanedPrefix) encode() []byte {
	le := binary.LittleEndian
	b := make([]byte, cleanedPrefixSize)
	le.PutUint64(b, uint64(c.run))
	le.PutUint64(b[8:], uint64(c.to))
	le.PutUint64(b[16:], uint64(c.previousEnd))
	le.PutUint32(b[24:], c.sequence)
	if c.last {
		le.PutUint32(b[28:], cleanedLast)
	}
	return b
}

func decodeCleanedPrefix(b []byte) cleanedPrefix {
	le := binary.LittleEndian
	return cleanedPrefix{
		run: Position(le.Uint64(b)), to: model.Offset(le.Uint64(b[8:])), previousEnd: model.Offset(le.Uint64(b[16:])),
		sequence: le.Uint32(b[24:]), last: le.Uint32(b[28:]) == cleanedLast,
	}
}

// check refuses what can not be together.
func (c cleanedPrefix) check(h *entryHeader) error {
	last := h.BaseOffset + model.Offset(h.LastDelta)
	if c.run > h.Position || last >= c.to || c.previousEnd < 0 || c.previousEnd > h.BaseOffset || (c.sequence == 0) != (c.previousEnd == 0) {
		return fmt.Errorf("%w: offsets %d to %d of %v", errEntryPayload, h.BaseOffset, last, c)
	}
	return nil
}

// String is what the dump prints.
func (c cleanedPrefix) String() string {
	s := fmt.Sprintf("entry %d of run %d, cleaned to %d, behind offset %d", c.sequence, c.run, c.to, c.previousEnd)
	if c.last {
		s += ", the last"
	}
	return s
}

// cleanedPart says what of a partition is cleaned: its offsets below to are the
// entries of one run, and gaps between them are none of damage.
type cleanedPart struct {
	run     Position
	to      model.Offset // 0: nothing was cleaned. A truncation lowers it
	end     model.Offset // behind the run's last batch, when it was written
	entries uint32
}

// payload is that of the entry that names the run.
func (c *cleanedPart) payload() []byte {
	le := binary.LittleEndian
	b := make([]byte, cleanedToSize)
	le.PutUint64(b, uint64(c.run))
	le.PutUint64(b[8:], uint64(c.end))
	le.PutUint32(b[16:], c.entries)
	return b
}

func decodeCleanedTo(h *entryHeader, payload []byte) (cleanedPart, error) {
	if len(payload) != cleanedToSize {
		return cleanedPart{}, fmt.Errorf("%w: %d bytes in a cleaned-to entry", errEntryPayload, len(payload))
	}
	le := binary.LittleEndian
	c := cleanedPart{
		run: Position(le.Uint64(payload)), to: h.BaseOffset,
		end: model.Offset(le.Uint64(payload[8:])), entries: le.Uint32(payload[16:]),
	}
	return c, c.check()
}

func (c *cleanedPart) check() error {
	if c.to < 0 || c.end < 0 || c.run > positionMax || (c.entries == 0) != (c.end == 0) {
		return fmt.Errorf("%w: cleaned to %d, run %d, %d entries up to %d", errEntryPayload, c.to, c.run, c.entries, c.end)
	}
	return nil
}
