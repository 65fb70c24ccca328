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
		walks[i] = oldestWalk{Candidate: c, next: c.Partition.Start(), at: oldestPlace()}
		trims[i].Start = walks[i].next
	}
	plan := newOldestPlan(l)
	first := oldestPlace() // of what the walks come to next
	for _, end := range plan.steps() {
		before := plan.back()
		if bytes <= before {
			break
		}
		if first.olderThan(end) {
			first = newestPlace()
			for j := range walks {
				walks[j].to(end, plan.dies)
				if walks[j].at.olderThan(first) {
					first = walks[j].at
				}
			}
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
	segments   map[*segment]*oldestSegment
	passed     place // all segments that end here or before count
	coldBack   int64 // comes back of the cold log
	counted    struct {
		main int   // so many segments of the main log
		back int64 // came back of them
	}
}

// oldestSegment is a segment as it was when the plan began, but for what would
// die in it.
type oldestSegment struct{ size, live, held int64 }

func newOldestPlan(l *Log) *oldestPlan {
	o := &oldestPlan{
		log: l, cold: l.coldLog.segments.all(), main: l.segments.all(),
		segments: make(map[*segment]*oldestSegment),
	}
	for _, c := range []chain{o.cold, o.main} {
		for _, s := range c {
			// The size of a cold one takes a system call, so it is asked for once.
			o.segments[s] = &oldestSegment{size: s.taken(), live: s.live.Load(), held: s.held.Load()}
		}
	}
	for _, s := range o.cold {
		o.coldBack += o.comesBack(s)
	}
	return o
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
	c, isCold := o.main, logID(e.Log) != mainLog
	if isCold {
		c = o.cold
	}
	s := c.find(Position(e.Position))
	if s == nil {
		return
	}
	before := o.comesBack(s)
	o.segments[s].live -= int64(e.Length)
	if isCold {
		o.coldBack += o.comesBack(s) - before
	}
}

// back is what comes back of the segments that were passed, as far as one died
// wholly, or will be moved. Of the cold log all count: what stands there may go
// in another order.
func (o *oldestPlan) back() (bytes int64) {
	if o.passed.log != mainLog {
		return o.coldBack
	}
	for n := &o.counted; n.main+1 < len(o.main) && o.main.end(n.main, 0) <= o.passed.at; n.main++ {
		n.back += o.comesBack(o.main[n.main])
	}
	return o.coldBack + o.counted.back
}

// comesBack is how much of a segment comes back: nothing, unless so little
// stays alive that it is moved.
func (o *oldestPlan) comesBack(s *segment) int64 {
	x := o.segments[s]
	live := max(x.live, 0)
	if live > 0 && !o.log.relocator.little(live, x.held) {
		return 0
	}
	return max(x.size-live, 0)
}

// oldestWalk goes through a candidate's batches, oldest first.
type oldestWalk struct {
	Candidate
	next  model.Offset // of the first batch that is not passed
	at    place        // it stands there, or behind; newestPlace if there is none
	bytes int64        // passed
	err   error
}

// oldestPlace is older than any other, but not than itself.
func oldestPlace() place { return place{log: mainLog + 1} }

// newestPlace is newer than any other, but not than itself.
func newestPlace() place { return place{mainLog, positionMax} }

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
	if !w.at.olderThan(end) {
		return
	}
	w.at = newestPlace()
	it, err := w.Partition.iterate(w.next)
	if err != nil {
		w.err = err
		return
	}
	defer it.close()
	for {
		e, _, ok, err := it.next()
		if err != nil {
			w.err = err // what was passed before may go; behind it nobody can look
			return
		}
		if !ok || e.LastOffset() >= w.Limit {
			return
		}
		if at := (place{logID(e.Log), Position(e.Position)}); !at.olderThan(end) {
			w.at = at
			return
		}
		dies(&e)
		w.next = e.LastOffset() + 1
		w.bytes += int64(e.Length)
	}
}
