package log

import (
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/log/index"
)

// Candidate is a partition whose oldest batches may go for the disk's sake.
type Candidate struct {
	Partition *PartitionLog
	Limit     model.Offset // nothing that reaches it goes
}

// OldestTrim is what is to go of a candidate.
type OldestTrim struct {
	Start model.Offset // the new log start; the present one if nothing goes
	Bytes int64        // of its batches
	Err   error        // the partition could not be looked at; what lies behind keeps
}

// OldestFirst finds what has to go so that so many bytes of segments come back:
// of all candidates the oldest first, what was moved to the cold log before all
// else, then in the order of the log, which is that of append. The answer has
// an element for each candidate.
//
// It goes by whole segments, since nothing less comes back. What others have in
// a segment stays and keeps it on the disk, or, where it is little, will move
// to elsewhere: such segments count as what will come back of them, those of
// earlier rounds too. So the candidates do not lose more and more because of
// others' data, and lose nothing in segments that mostly hold others' data
// unless newer ones need it. The newest segment is not touched.
func (l *Log) OldestFirst(bytes int64, list []Candidate) []OldestTrim {
	walks := make([]oldestWalk, len(list))
	trims := make([]OldestTrim, len(list))
	for i, c := range list {
		walks[i] = oldestWalk{Candidate: c, next: c.Partition.Start()}
		trims[i].Start = walks[i].next
	}
	plan := &oldestPlan{log: l, cold: l.coldLog.segments.all(), main: l.segments.all(), died: make(map[*segment]int64)}
	for _, end := range plan.steps() {
		if bytes <= plan.back() {
			break
		}
		before := plan.back()
		for j := range walks {
			walks[j].to(end, plan.dies)
		}
		plan.passed = end
		if plan.back() == before {
			continue
		}
		for j := range walks {
			trims[j] = OldestTrim{Start: walks[j].next, Bytes: walks[j].bytes}
		}
	}
	for j := range walks {
		trims[j].Err = walks[j].err
	}
	return trims
}

// oldestPlan counts what would come back.
type oldestPlan struct {
	log        *Log
	cold, main chain
	died       map[*segment]int64
	passed     place // all segments that end here or before count
	counted    struct {
		main int   // so many segments of the main log
		back int64 // came back of them
	}
}

// steps are the ends of the segments, oldest first.
func (o *oldestPlan) steps() (list []place) {
	for _, s := range o.cold {
		list = append(list, place{s.Log, s.limit()})
	}
	for i := 0; i+1 < len(o.main); i++ {
		list = append(list, place{mainLog, o.main.end(i, 0)})
	}
	return list
}

// dies takes an entry that would go.
func (o *oldestPlan) dies(e *index.Entry) {
	c := o.main
	if logID(e.Log) != mainLog {
		c = o.cold
	}
	if s := c.find(Position(e.Position)); s != nil {
		o.died[s] += int64(e.Length)
	}
}

// back is what comes back of the segments that were passed, as far as one died
// wholly, or will be moved. Of the cold log all count: what stands there may go
// in another order.
func (o *oldestPlan) back() (bytes int64) {
	for _, s := range o.cold {
		bytes += o.comesBack(s)
	}
	if o.passed.log != mainLog {
		return bytes
	}
	for n := &o.counted; n.main+1 < len(o.main) && o.main.end(n.main, 0) <= o.passed.at; n.main++ {
		n.back += o.comesBack(o.main[n.main])
	}
	return bytes + o.counted.back
}

// comesBack is how much of a segment comes back: nothing, unless so little
// stays alive that it is moved.
func (o *oldestPlan) comesBack(s *segment) int64 {
	live, size := max(s.live.Load()-o.died[s], 0), s.taken()
	if live > 0 && !o.log.relocator.little(live, s.held.Load()) {
		return 0
	}
	return max(size-live, 0)
}

// oldestWalk goes through a candidate's batches, oldest first.
type oldestWalk struct {
	Candidate
	next  model.Offset // of the first batch that is not passed
	at    place        // where that stands, if it is known
	known bool
	bytes int64 // passed
	ended bool
	err   error
}

// olderThan reports whether a place stands before another in the order of age:
// what stands in the cold log is older than all of the main one.
func (p place) olderThan(o place) bool {
	if (p.log == mainLog) != (o.log == mainLog) {
		return o.log == mainLog
	}
	return p.at < o.at
}

// to passes what stands in front of a place, and tells of it.
func (w *oldestWalk) to(end place, dies func(*index.Entry)) {
	if w.ended || w.known && !w.at.olderThan(end) {
		return
	}
	it, err := w.Partition.iterate(w.next)
	if err == nil {
		defer it.close()
	}
	for err == nil {
		e, _, ok, nextErr := it.next()
		if nextErr != nil {
			err = nextErr
			break
		}
		if !ok || e.LastOffset() >= w.Limit {
			w.ended = true
			return
		}
		if at := (place{logID(e.Log), Position(e.Position)}); !at.olderThan(end) {
			w.at, w.known = at, true
			return
		}
		dies(&e)
		w.next = e.LastOffset() + 1
		w.bytes += int64(e.Length)
	}
	// What was passed before may go; behind it nobody can look.
	w.ended, w.err = true, err
}
