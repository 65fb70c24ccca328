package log

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// relocator is the goroutine that copies the few living batches of old
// segments into the cold log, so that these die and can be unlinked.
//
// The order of things is what a crash at any point can not break:
//
//  1. The living batches are copied, and the copies synced (relocate).
//  2. An index file that says where they are now is written and synced, and the
//     partitions and counters follow it at one moment (keeper.install).
//  3. The old segment has no live bytes any more, and goes the way of all dead
//     segments (reclaim.go): partitions restated, two checkpoints that name the
//     new index file and the cold segments but not the old one, unlink.
//
// Before 2 nothing speaks of the copies; before the checkpoint of 3 a start
// finds the batches in the old segment.
type relocator struct {
	log      *Log
	done     map[*segment]bool          // what can be done for them was done in this life
	told     map[model.PartitionID]bool // that damage of its index keeps its batches where they are
	segments atomic.Uint64
	bytes    atomic.Uint64 // of batches that were moved
	pacer    pacer
	writers  *coldWriters

	wake     chan struct{}
	requests chan func()
	stop     chan struct{}
}

func newRelocator(l *Log) *relocator {
	r := &relocator{
		log: l, writers: l.coldLog.newWriters(), done: make(map[*segment]bool), told: make(map[model.PartitionID]bool),
		wake: make(chan struct{}, 1), requests: make(chan func()), stop: make(chan struct{}),
	}
	r.pacer = pacer{
		clock: l.env.Clock, closed: r.stop,
		rate:   func() int64 { return l.cfg.RelocateRate },
		earned: func() int64 { return relocatePerAppended * int64(l.syncer.end()) },
	}
	return r
}

// Relocate empties, one after the other, the old segments of which little
// lives, as Config.RelocateBelow says, and returns how many, and the bytes that
// were moved. It is done now and then without being asked; the space comes back
// with the next Reclaim.
func (l *Log) Relocate() (segments int, bytes int64, err error) {
	r := l.relocator
	result := make(chan error, 1)
	f := func() {
		// Count what died since the last checkpoint first.
		err := l.keeper.do(l.keeper.checkpoint)
		if err == nil {
			segments, bytes, err = r.round()
		}
		result <- err
	}
	select {
	case r.requests <- f:
		err = <-result
		return segments, bytes, err
	case <-r.stop:
		return 0, 0, ErrClosed
	}
}

// poke wakes the relocator; it never blocks.
func (r *relocator) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// run is the relocator goroutine.
func (r *relocator) run() {
	for {
		select {
		case <-r.stop:
			return
		case f := <-r.requests:
			f()
		case <-r.wake:
			if _, _, err := r.round(); err != nil && !errors.Is(err, ErrClosed) && !errors.Is(err, ErrLatched) {
				r.log.env.Events(BackgroundFailed{What: "relocating", Err: err})
			}
		}
	}
}

// round relocates until there is nothing worth it.
func (r *relocator) round() (segments int, bytes int64, err error) {
	for {
		v, ok := r.choose()
		if !ok {
			return segments, bytes, nil
		}
		if err := r.log.latch.err(); err != nil {
			return segments, bytes, err
		}
		r.done[v.segment] = true
		n, err := r.relocate(v)
		bytes += n
		if vfs.IsNoSpace(err) {
			delete(r.done, v.segment) // there may be room another time
		}
		if err != nil {
			return segments, bytes, fmt.Errorf("segment %s: %w", v.name, err)
		}
		segments++
	}
}

// relocate moves what lives in a segment. Copies of which no index speaks are
// taken back: it failed, or all of them have died meanwhile.
func (r *relocator) relocate(v segmentRange) (int64, error) {
	l := r.log
	if !v.acquire() {
		return 0, nil // it was dead already, and is gone
	}
	defer v.Release()
	defer r.writers.settled()
	begin := l.env.Clock.Now()
	c := newRelocation(r, v)
	err := r.copyLiving(c)
	if err == nil && len(c.moved) > 0 {
		if err = r.writers.sync(); err == nil {
			err = l.keeper.do(func() error { return l.keeper.install(c) })
		}
	}
	if err != nil || !c.filed {
		r.writers.giveUp()
		return 0, err
	}
	r.segments.Add(1)
	r.bytes.Add(uint64(c.bytes))
	l.env.Events(SegmentRelocated{Name: v.name, Bytes: c.bytes, Left: v.live.Load(), Took: l.env.Clock.Now().Sub(begin)})
	return c.bytes, nil
}
