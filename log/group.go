package log

import (
	"fmt"
	"math"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

const (
	// runBytesMax ends a run: beyond it a longer one makes reads no cheaper, and
	// one damaged header would cost more.
	runBytesMax = 1 << 20
	// groupBytesMax ends a group, so that the first sync of a burst starts while
	// the rest is still being written.
	groupBytesMax = 16 << 20
)

// partitionWriter is what the writer goroutine keeps of each partition. Only
// that goroutine touches it.
type partitionWriter struct {
	group uint64            // the group that the fields below speak of
	end   model.Offset      // where the next append must begin
	epoch model.LeaderEpoch // of the newest append
	open  int32             // the partition's newest entry in the group, or -1
}

// groupEntry is an entry in the making: appends of one partition.
type groupEntry struct {
	header      entryHeader
	partition   *PartitionLog // nil for entries that belong to none
	first, last int32         // of the appends, chained by group.next
}

// refusal is an append that the writer does not take, and why.
type refusal struct {
	append *Append
	err    error
}

// group is the appends that are written together. Its memory is used again.
type group struct {
	number  uint64
	appends []*Append
	next    []int32 // the append behind this one in the same entry, or -1
	entries []groupEntry
	refused []refusal
	bytes   int
}

// gather empties the group and takes appends from the front of list until the
// group is full. It returns how many it took.
func (g *group) gather(list []*Append, limit int) int {
	g.number++
	clear(g.appends)
	clear(g.entries)
	clear(g.refused)
	g.appends, g.next = g.appends[:0], g.next[:0]
	g.entries, g.refused, g.bytes = g.entries[:0], g.refused[:0], 0
	for i, a := range list {
		if g.bytes >= groupBytesMax {
			return i
		}
		g.add(a, limit)
	}
	return len(list)
}

// add admits an append, or refuses it. An append whose base does not fit was
// built on one that failed, or on nothing: in both cases the partition's
// generation rises, unless it has risen for that very reason.
func (g *group) add(a *Append, limit int) {
	p := a.Partition
	w := &p.writer
	if w.group != g.number {
		*w = partitionWriter{group: g.number, end: p.End(), epoch: p.lastEpoch(), open: -1}
	}
	if a.Generation != p.Generation() {
		g.refused = append(g.refused, refusal{a, ErrStale})
		return
	}
	if err := g.admit(a, w, limit); err != nil {
		p.raiseGeneration()
		g.refused = append(g.refused, refusal{a, err})
		return
	}
	w.epoch = a.Epoch
	switch a.Kind {
	case KindBatches:
		w.end = a.LastOffset() + 1
	case KindTruncate:
		w.end = min(w.end, a.BaseOffset)
	case KindLogStart:
		w.end = max(w.end, a.BaseOffset)
	case KindPartitionState, KindCleanedTo, KindSyncMark, KindPad, KindRelocated, KindCleaned:
	}
	g.chain(a, w, min(limit, runBytesMax))
}

// admit checks what only the writer can know.
func (g *group) admit(a *Append, w *partitionWriter, limit int) error {
	p := a.Partition
	size := entrySize(len(a.Payload))
	switch {
	case size > limit || size > entrySizeMax:
		return fmt.Errorf("%w: %d bytes, the limit is %d", ErrTooLarge, len(a.Payload), min(limit, entrySizeMax)-entryHeaderSize)
	case a.Epoch < w.epoch:
		return fmt.Errorf("%w: %d, the partition is at %d", ErrEpoch, a.Epoch, w.epoch)
	}
	switch a.Kind {
	case KindBatches:
		if err := p.Refused(); err != nil {
			return err
		}
		if len(a.Headers) == 0 || a.BaseOffset != a.Headers[0].BaseOffset || a.BaseOffset != w.end {
			return fmt.Errorf("%w: base offset %d, the partition ends at %d", ErrStale, a.BaseOffset, w.end)
		}
		if a.LastOffset()-a.BaseOffset > math.MaxInt32 {
			return fmt.Errorf("%w: %d records in one append", ErrTooLarge, a.LastOffset()-a.BaseOffset)
		}
	case KindTruncate:
		// A consumer can tell the old records from the new ones by their epoch
		// only, so nothing of the cut epochs may be written again.
		if a.BaseOffset < w.end && a.Epoch <= w.epoch {
			return fmt.Errorf("%w: a truncate entry of epoch %d cuts records of epoch %d", ErrEpoch, a.Epoch, w.epoch)
		}
	case KindLogStart, KindPartitionState, KindCleanedTo:
	case KindSyncMark, KindPad, KindRelocated, KindCleaned:
		return fmt.Errorf("%w: kind %v is the writer's own", ErrStale, a.Kind)
	}
	return nil
}

// chain adds an admitted append to its partition's newest entry if it goes on
// there, else to a new entry. A run grows up to limit bytes.
func (g *group) chain(a *Append, w *partitionWriter, limit int) {
	i := int32(len(g.appends))
	g.appends = append(g.appends, a)
	g.next = append(g.next, -1)
	g.bytes += entrySize(len(a.Payload))
	if a.Kind == KindBatches && w.open >= 0 {
		e := &g.entries[w.open]
		if e.header.Kind == KindBatches && e.header.Epoch == a.Epoch &&
			entrySize(int(e.header.Payload)+len(a.Payload)) <= limit &&
			a.LastOffset()-e.header.BaseOffset <= math.MaxInt32 {
			g.next[e.last] = i
			e.last = i
			e.header.extend(a)
			return
		}
	}
	w.open = int32(len(g.entries))
	e := groupEntry{partition: a.Partition, first: i, last: i}
	e.header.Partition = a.Partition.ID()
	e.header.Kind = a.Kind
	e.header.BaseOffset = a.BaseOffset
	e.header.Epoch = a.Epoch
	if a.Kind == KindPartitionState {
		// So that its successor can tell the log start if this entry is damaged.
		e.header.LastDelta = int32(min(a.BaseOffset-a.Partition.Start(), math.MaxInt32))
	}
	e.header.extend(a)
	g.entries = append(g.entries, e)
}

// extend counts an append in, and goes on with the prefix CRC.
func (h *entryHeader) extend(a *Append) {
	h.Payload += uint32(len(a.Payload))
	h.Size = uint32(entrySize(int(h.Payload)))
	if h.Kind != KindBatches {
		h.PrefixCRC = payloadCRC(a.Payload)
		return
	}
	h.LastDelta = int32(a.LastOffset() - h.BaseOffset)
	h.Batches += uint32(len(a.Headers))
	at := 0
	for i := range a.Headers {
		h.PrefixCRC = batch.PrefixCRC(h.PrefixCRC, a.Payload[at:])
		at += a.Headers[i].Size
	}
}
