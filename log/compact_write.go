package log

import (
	"fmt"
	"math"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/log/index"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// runEntryBytes ends an entry of a run: beyond it a longer one makes reads no
// cheaper, and one damaged header would cost more. Where segments are small a
// quarter of one does.
const runEntryBytes = 256 << 10

// runWriter writes the entries of one run. It remembers what the index has to
// say of each batch.
type runWriter struct {
	partition model.PartitionID
	writers   *coldWriters
	most      int // bytes of batches in an entry, unless one has more
	prefix    cleanedPrefix
	header    entryHeader // of the entry in the making
	batches   []batch.Header
	payload   []byte
	entries   []index.Entry // of all batches; the last len(batches) do not know their place
	bytes     int64         // written
}

func newRunWriter(id model.PartitionID, to model.Offset, writers *coldWriters) runWriter {
	most := min(runEntryBytes, int(writers.log.segments.bytes/4))
	return runWriter{partition: id, writers: writers, most: most, prefix: cleanedPrefix{to: to}}
}

// add takes what was kept of a batch, which the entry e of the index finds.
func (r *runWriter) add(e *index.Entry, b, kept []byte) error {
	h, err := batch.Parse(kept)
	if err == nil && &kept[0] != &b[0] {
		err = batch.Verify(kept, &h)
	}
	if err != nil {
		return fmt.Errorf("what the cleaner made of the batch at offset %d: %w", e.BaseOffset, err)
	}
	if h.Size != len(kept) || h.BaseOffset < e.BaseOffset || h.LastOffset() > e.LastOffset() {
		return fmt.Errorf("%w: the cleaner made offsets %d to %d of %d to %d", errEntryFields, h.BaseOffset, h.LastOffset(), e.BaseOffset, e.LastOffset())
	}
	if n := len(r.entries); n > 0 && h.BaseOffset <= r.entries[n-1].LastOffset() {
		// It was truncated, and written to again: the compaction is overtaken.
		return fmt.Errorf("%w: offset %d comes after %d", ErrCorrupt, h.BaseOffset, r.entries[n-1].LastOffset())
	}
	if n := len(r.batches); n > 0 && (len(r.payload)+len(kept) > r.most || h.LastOffset()-r.batches[0].BaseOffset > math.MaxInt32) {
		if err := r.flush(); err != nil {
			return err
		}
	}
	r.payload = append(r.payload, kept...)
	r.batches = append(r.batches, h)
	// Several batches share these in their entry. The newest time of any keeps
	// retention from taking one too early.
	r.header.AppendTime = max(r.header.AppendTime, e.AppendTime)
	r.header.Epoch = max(r.header.Epoch, h.LeaderEpoch)
	r.entries = append(r.entries, index.Entry{
		BaseOffset: h.BaseOffset, LastOffsetDelta: h.LastOffsetDelta, Log: uint8(sideLog(r.partition)),
		Length: uint32(h.Size), MaxTimestamp: h.MaxTimestamp,
	})
	return nil
}

// flush writes the entry in the making.
func (r *runWriter) flush() error {
	first, last := &r.batches[0], &r.batches[len(r.batches)-1]
	to := coldStream{log: sideLog(r.partition)}
	w, err := r.writers.writer(to, entrySize(cleanedPrefixSize+len(r.payload)))
	if err != nil {
		return err
	}
	if r.prefix.sequence == 0 {
		r.prefix.run = w.written
	}
	h := r.header
	h.Partition, h.Kind = r.partition, KindCleaned
	h.BaseOffset, h.LastDelta = first.BaseOffset, int32(last.LastOffset()-first.BaseOffset)
	at, err := w.append(&h, r.prefix.encode(), r.batches, r.payload)
	if err != nil {
		return err
	}
	placeCleaned(r.entries[len(r.entries)-len(r.batches):], at, h.AppendTime)
	r.bytes += int64(h.Size)
	r.prefix.previousEnd = last.LastOffset() + 1
	r.prefix.sequence++
	r.header, r.batches, r.payload = entryHeader{}, r.batches[:0], r.payload[:0]
	return nil
}

// placeCleaned says where the batches of a cleaned entry stand.
func placeCleaned(entries []index.Entry, at Position, appendTime int64) {
	distance := uint32(entryHeaderSize + cleanedPrefixSize)
	for i := range entries {
		e := &entries[i]
		e.Position, e.EntryDistance, e.AppendTime = uint64(at)+uint64(distance), distance, appendTime
		distance += e.Length
	}
}

// finish ends the run and says what it is.
func (r *runWriter) finish() (cleanedPart, error) {
	if len(r.batches) > 0 {
		r.prefix.last = true
		if err := r.flush(); err != nil {
			return cleanedPart{}, err
		}
	}
	return cleanedPart{run: r.prefix.run, to: r.prefix.to, end: r.prefix.previousEnd, entries: r.prefix.sequence}, nil
}
