package log

import (
	"errors"
	"fmt"
	"hash/crc32"
	"sync/atomic"

	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// padBlock is what a padded group is rounded up to (Config.PadGroups).
const padBlock = 4096

// writer is the one goroutine that changes the log. It gives entries their
// Positions, writes them with one call per group and segment straight from the
// request buffers, and then changes the partitions' states and indexes.
//
// Invariant: what stands below written is whole; a partition's state covers
// exactly the entries below written.
type writer struct {
	queue    *queue
	segments *segments
	ring     *ring
	syncer   *syncer
	liveness *liveness
	latch    *latch
	clock    clock.Clock
	keeper   *keeper
	events   func(Event)
	padding  bool

	written  Position
	previous entryIdentity // of the newest entry
	prevSize uint32
	// newSegment says that the newest segment ends at written although there is
	// room: a failed write may have left whole entries behind it.
	newSegment bool

	group   group
	scratch writeScratch
	counted writeCounters
}

// writeScratch is memory that is used again for each write.
type writeScratch struct {
	headers []byte
	bufs    [][]byte
	ring    []ringItem
	durable []durableWait
	zeros   []byte
}

// errWrite says that entries were not written, and may stand behind the log's end
// nevertheless until the next segment cuts them off.
var errWrite = errors.New("write to segment")

// writeCounters are read by Stats.
type writeCounters struct {
	groups, bytes atomic.Uint64
}

// run is the writer goroutine. It ends once the queue is closed and empty.
func (w *writer) run() {
	var appends []*Append
	for {
		var task func()
		var ok bool
		if appends, task, ok = w.queue.take(appends); !ok {
			return
		}
		for rest := appends; len(rest) > 0; {
			rest = rest[w.step(rest):]
		}
		if task != nil {
			task()
		}
		clear(appends)
	}
}

// step writes one group from the front of list and returns how many appends
// were in it.
func (w *writer) step(list []*Append) int {
	g := &w.group
	taken := g.gather(list, int(w.segments.bytes-segmentHeaderSize))
	if err := w.latch.err(); err != nil {
		w.fail(0, err)
	} else if len(g.entries) > 0 {
		w.write()
	}
	for _, r := range g.refused {
		release(r.append)
		r.append.Done.Failed(r.append, r.err)
	}
	w.keeper.pace(w.written)
	return taken
}

// write writes the group's entries, in one call per segment.
func (w *writer) write() {
	g := &w.group
	now := w.clock.Now().UnixMilli()
	synced := w.syncer.position()
	for from := 0; from < len(g.entries); {
		seg, err := w.segmentFor(g.entries[from].header.Size)
		if err != nil {
			w.fail(from, err)
			return
		}
		to, size := w.plan(seg, from, now, synced)
		n, err := seg.file.WritevAt(w.scratch.bufs, seg.offset(w.written))
		if err == nil && n < size {
			err = fmt.Errorf("wrote %d of %d bytes", n, size)
		}
		if err != nil {
			to = w.whole(from, to, n, w.behind(seg, n))
		} else if pad := size - w.entriesSize(from, to); pad > 0 {
			w.commit(seg, from, to)
			w.commitPad(pad)
			from = to
			continue
		}
		w.commit(seg, from, to)
		if err != nil {
			w.newSegment = true
			w.fail(to, fmt.Errorf("%w %s: %w", errWrite, seg.name, err))
			return
		}
		from = to
	}
	w.counted.groups.Add(1)
}

// segmentFor returns a segment with room for an entry of the given size.
func (w *writer) segmentFor(size uint32) (*segment, error) {
	seg := w.segments.all().last()
	if !w.newSegment && w.written+Position(size) <= seg.limit() {
		if w.written-seg.First > (seg.limit()-seg.First)/2 {
			w.segments.prepare()
		}
		return seg, nil
	}
	next, err := w.segments.roll(w.written)
	if err != nil {
		if latched := w.latch.err(); latched != nil {
			err = latched
		}
		return nil, err
	}
	w.newSegment = false
	w.events(SegmentCreated{First: next.First, Generation: next.Generation})
	return next, nil
}

// commit makes the written entries [from, to) part of the log.
func (w *writer) commit(seg *segment, from, to int) {
	if from == to {
		return
	}
	g := &w.group
	last := &g.entries[to-1].header
	w.counted.bytes.Add(uint64(last.end() - w.written))
	w.written, w.previous, w.prevSize = last.end(), last.entryIdentity, last.Size
	wantSync := false
	for i := from; i < to && !wantSync; i++ {
		for k := g.entries[i].first; k >= 0 && !wantSync; k = g.next[k] {
			wantSync = g.appends[k].Sync
		}
	}
	// The disk starts at once; indexes and callbacks follow while it works.
	w.syncer.advance(w.written, wantSync)

	s := &w.scratch
	s.ring, s.durable = s.ring[:0], s.durable[:0]
	for i := from; i < to; i++ {
		w.apply(seg, &g.entries[i])
	}
	w.ring.add(s.ring)
	for i := range s.durable {
		a := s.durable[i].append
		a.Done.Written(a)
	}
	w.syncer.add(s.durable)
	clear(s.ring)
	clear(s.durable)
}

// commitPad counts a written pad entry in.
func (w *writer) commitPad(size int) {
	w.counted.bytes.Add(uint64(size))
	w.written += Position(size)
	w.previous, w.prevSize = entryIdentity{Kind: KindPad}, uint32(size)
	w.syncer.advance(w.written, false)
}

// apply changes the state and index of an entry's partition and keeps its
// buffers in the ring.
func (w *writer) apply(seg *segment, e *groupEntry) {
	g, s := &w.group, &w.scratch
	at := e.header.Position
	distance := uint32(entryHeaderSize)
	for i := e.first; i >= 0; i = g.next[i] {
		a := g.appends[i]
		s.durable = append(s.durable, durableWait{append: a, at: at, end: e.header.end()})
		if e.header.Kind != KindBatches {
			if err := w.liveness.applyControl(e.partition, &e.header, a.Payload); err != nil {
				w.events(BackgroundFailed{What: "applying a " + a.Kind.String() + " entry", Err: err})
			}
			release(a)
			continue
		}
		e.partition.applyBatches(batchesApplied{
			Entry: at, Distance: distance, Epoch: a.Epoch, AppendTime: e.header.AppendTime, Headers: a.Headers,
			Controls: controlsOf(a.Payload, a.Headers),
		})
		seg.live.Add(int64(len(a.Payload)))
		seg.held.Add(int64(len(a.Payload)))
		s.ring = append(s.ring, ringItem{at: at + Position(distance), payload: a.Payload, buffer: a.Buffer})
		distance += uint32(len(a.Payload))
	}
}

// fail fails the entries from the given one on, whatever their partition. What
// is queued behind them for those partitions was built on them, and is refused
// when its turn comes, by its generation.
func (w *writer) fail(from int, err error) {
	if vfs.IsNoSpace(err) && !errors.Is(err, ErrDiskFull) {
		err = fmt.Errorf("%w: %w", ErrDiskFull, err)
	}
	g := &w.group
	for i := from; i < len(g.entries); i++ {
		p := g.entries[i].partition
		if k := g.entries[i].header.Kind; k == KindPartitionState || k == KindCleanedTo {
			continue // nothing is built on it
		}
		if p.writer.group == g.number { // not raised for this group yet
			p.writer.group = 0
			p.raiseGeneration()
		}
	}
	w.events(AppendsFailed{Entries: len(g.entries) - from, At: w.written, Err: err})
	for i := from; i < len(g.entries); i++ {
		for k := g.entries[i].first; k >= 0; k = g.next[k] {
			a := g.appends[k]
			release(a)
			a.Done.Failed(a, err)
		}
	}
}

// writeMark writes a sync mark if the log is idle: then the newest entries
// have a syncedPos behind them that covers them, and damage there can be told
// from a torn tail. It is not synced for its own sake. Where groups are padded
// it fills its block: what comes next must not share a sector with it either.
func (w *writer) writeMark() {
	synced := w.syncer.position()
	if w.previous.Kind == KindSyncMark || synced < w.written || w.newSegment || w.latch.err() != nil {
		return
	}
	seg := w.segments.all().last()
	h := entryHeader{
		entryIdentity: entryIdentity{Kind: KindSyncMark},
		Size:          entryHeaderSize,
		Position:      w.written, Salt: seg.Salt, Synced: synced, AppendTime: w.clock.Now().UnixMilli(), Epoch: -1,
		Previous: w.previous, PreviousSize: w.prevSize,
	}
	if w.padding {
		h.Size = uint32(padRoom(seg.offset(w.written)))
		h.Payload = h.Size - entryHeaderSize
	}
	if h.end() > seg.limit() {
		return
	}
	payload := w.scratch.zeros[:h.Payload]
	h.PrefixCRC = payloadCRC(payload)
	var b [entryHeaderSize]byte
	h.encode(b[:])
	if _, err := seg.file.WritevAt([][]byte{b[:], payload}, seg.offset(w.written)); err != nil {
		w.newSegment = true
		return
	}
	w.written, w.previous, w.prevSize = h.end(), h.entryIdentity, h.Size
	w.syncer.advance(w.written, false)
}

// payloadCRC covers the payload of an entry that does not hold batches.
func payloadCRC(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// release gives back the hold that Enqueue took.
func release(a *Append) {
	if a.Buffer != nil {
		a.Buffer.Release()
	}
}
