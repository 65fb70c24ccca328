package log

import (
	"fmt"
	"hash/crc32"

	"github.com/mainstem-mq/mainstem/protocol/batch"
)

const (
	// coldBufferBytes is how much is gathered for one write to the cold log.
	coldBufferBytes = 512 << 10
	// coldFlushBytes is how much is written before it is sent to the disk. All of
	// a segment's copies at once would hold up the syncs of the log, which wait
	// behind them.
	coldFlushBytes = 4 << 20
)

// coldWriter appends to one segment of the cold log. It belongs to one
// goroutine (coldWriters).
type coldWriter struct {
	seg      *segment
	padding  bool
	written  Position // end of what was appended, the buffer included
	synced   Position // durable up to here
	flushed  Position // on the disk up to here, be it that nothing may count on it
	settled  Position // indexes speak of what is below, or never will
	previous lastEntry
	added    int64 // bytes of batches that are not durable yet
	held     int64 // and of those that are, but not counted as held by the segment

	buffer []byte // the end of what was appended; nil while nothing is on the move
}

func newColdWriter(seg *segment, padding bool) *coldWriter {
	return &coldWriter{seg: seg, padding: padding, written: seg.First, synced: seg.First, flushed: seg.First, settled: seg.First}
}

// room is the size of the largest entry that still fits, and a mark behind it.
func (w *coldWriter) room() int { return int(w.seg.limit()-w.written) - entryHeaderSize }

// relocated is the header of an entry for batches that stood in that of the
// header h.
func relocated(h *entryHeader, headers []batch.Header) *entryHeader {
	first, last := &headers[0], &headers[len(headers)-1]
	return &entryHeader{
		entryIdentity: entryIdentity{
			Partition: h.Partition, Kind: KindRelocated, BaseOffset: first.BaseOffset,
			LastDelta: int32(last.LastOffset() - first.BaseOffset),
		},
		AppendTime: h.AppendTime, Epoch: h.Epoch,
	}
}

// append adds an entry of batches, with a prefix in front of them, and returns
// where it stands. There must be room for it. h says what it is.
func (w *coldWriter) append(h *entryHeader, prefix []byte, headers []batch.Header, payload []byte) (Position, error) {
	h.Batches, h.Payload = uint32(len(headers)), uint32(len(prefix)+len(payload))
	h.Size = uint32(entrySize(int(h.Payload)))
	h.PrefixCRC = crc32.Update(0, castagnoli, prefix)
	at := 0
	for i := range headers {
		h.PrefixCRC = batch.PrefixCRC(h.PrefixCRC, payload[at:])
		at += headers[i].Size
	}
	w.added += int64(len(payload))
	return w.put(h, prefix, payload)
}

// put appends an entry whose place is not filled in yet.
func (w *coldWriter) put(h *entryHeader, parts ...[]byte) (Position, error) {
	if len(w.buffer) > 0 && len(w.buffer)+int(h.Size) > coldBufferBytes {
		if err := w.flush(); err != nil {
			return 0, err
		}
		if w.written-w.flushed >= coldFlushBytes {
			if err := w.datasync(); err != nil {
				return 0, err
			}
		}
	}
	h.Position, h.Salt, h.Synced = w.written, w.seg.Salt, w.synced
	h.Previous, h.PreviousSize = w.previous.Identity, w.previous.Size
	n := len(w.buffer)
	w.buffer = append(w.buffer, make([]byte, entryHeaderSize)...)
	h.encode(w.buffer[n:])
	for _, p := range parts {
		w.buffer = append(w.buffer, p...)
	}
	w.buffer = append(w.buffer, make([]byte, n+int(h.Size)-len(w.buffer))...)
	w.written = h.end()
	w.previous = lastEntry{h.entryIdentity, h.Size}
	return h.Position, nil
}

// flush writes the buffer.
func (w *coldWriter) flush() error {
	if len(w.buffer) == 0 {
		return nil
	}
	at := w.seg.offset(w.written) - int64(len(w.buffer))
	if _, err := w.seg.file.WriteAt(w.buffer, at); err != nil {
		return fmt.Errorf("write to segment %s: %w", w.seg.name, err)
	}
	w.buffer = w.buffer[:0]
	return nil
}

// sync makes all that was appended durable. Where sectors may tear, what comes
// next begins in a block of its own.
func (w *coldWriter) sync() error {
	if w.written == w.synced {
		return nil
	}
	if off := w.seg.offset(w.written); w.padding && off%padBlock != 0 {
		if room := padRoom(off); w.written+Position(room) <= w.seg.limit() {
			if err := w.pad(room); err != nil {
				return err
			}
		}
	}
	if err := w.flush(); err != nil {
		return err
	}
	if err := w.datasync(); err != nil {
		return err
	}
	w.synced = w.written
	w.held += w.added
	w.added = 0
	return nil
}

// datasync sends what was written to the disk.
func (w *coldWriter) datasync() error {
	if err := w.seg.file.Datasync(); err != nil {
		return fmt.Errorf("sync segment %s: %w", w.seg.name, err)
	}
	// Nobody asked for these pages, and they may push out what somebody will.
	dropPages(w.seg.file, w.seg.offset(w.flushed), w.seg.offset(w.written))
	w.flushed = w.written
	return nil
}

func (w *coldWriter) pad(room int) error {
	zeros := make([]byte, room-entryHeaderSize)
	_, err := w.put(&entryHeader{
		entryIdentity: entryIdentity{Kind: KindPad}, Size: uint32(room), Epoch: -1,
		Payload: uint32(len(zeros)), PrefixCRC: payloadCRC(zeros),
	}, zeros)
	return err
}

// mark writes a mark behind what is durable, and says so: damage there can be
// told from what a crash left. It is not synced for its own sake.
func (w *coldWriter) mark() error {
	last := w.previous.Identity.Kind
	if w.written > w.synced || last == 0 || last == KindSyncMark || int(w.seg.limit()-w.written) < entryHeaderSize {
		return nil // a padded segment's last entries go unmarked
	}
	_, err := w.put(&entryHeader{
		entryIdentity: entryIdentity{Kind: KindSyncMark}, Size: entryHeaderSize, Epoch: -1, PrefixCRC: payloadCRC(nil),
	})
	if err != nil {
		return err
	}
	return w.flush()
}

// settle hears that nothing more is to be said of what was written so far.
func (w *coldWriter) settle() error {
	if err := w.mark(); err != nil {
		return err
	}
	w.settled = w.written
	if len(w.buffer) == 0 {
		w.buffer = nil // it may be long until it is needed again
	}
	return nil
}

// count has the segment hold what is durable and stays. Not before: a start takes
// it for damage if fewer bytes are there than a checkpoint has counted.
func (w *coldWriter) count() {
	w.seg.held.Add(w.held)
	w.held = 0
}

// takeBack ends the segment where it was settled.
func (w *coldWriter) takeBack() {
	// If that fails, the room comes back with the segment: nothing else depends
	// on it, and a failed sync latches the log by itself.
	_ = w.seg.trim(w.settled)
}

// seal ends the segment, with a mark that is durable itself.
func (w *coldWriter) seal() error {
	if err := w.sync(); err != nil {
		return err
	}
	if err := w.mark(); err != nil {
		return err
	}
	if err := w.seg.file.Datasync(); err != nil {
		return fmt.Errorf("sync segment %s: %w", w.seg.name, err)
	}
	return nil
}
