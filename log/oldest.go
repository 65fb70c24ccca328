package log

import "github.com/mainstem-mq/mainstem/internal/model"

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
// of all candidates the oldest first, in the order of the log, which is that of
// append. The answer has an element for each candidate.
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
	segs := l.segments.all()
	for i := 0; i+1 < len(segs) && bytes > 0; i++ {
		s, end := segs[i], segs.end(i, 0)
		var died int64
		for j := range walks {
			died += walks[j].to(end)
		}
		back := comesBack(s.size.Load(), max(s.live.Load()-died, 0))
		if back == 0 {
			continue
		}
		bytes -= back
		for j := range walks {
			trims[j] = OldestTrim{Start: walks[j].next, Bytes: walks[j].bytes}
		}
	}
	for j := range walks {
		trims[j].Err = walks[j].err
	}
	return trims
}

// comesBack is how much of a segment comes back if so many bytes stay alive in
// it. It is worth moving them if they are less than half of it.
func comesBack(size, live int64) int64 {
	if live > size/2 {
		return 0
	}
	return size - live
}

// oldestWalk goes through a candidate's batches, oldest first.
type oldestWalk struct {
	Candidate
	next  model.Offset // of the first batch that is not passed
	at    Position     // where that stands; 0: not known yet
	bytes int64        // passed
	ended bool
	err   error
}

// to passes what stands in front of a Position, and returns how many bytes.
func (w *oldestWalk) to(end Position) (passed int64) {
	if w.ended || w.at >= end {
		return 0
	}
	it, err := w.Partition.iterate(w.next)
	for err == nil {
		e, _, ok, nextErr := it.next()
		if nextErr != nil {
			err = nextErr
			break
		}
		if !ok || e.LastOffset() >= w.Limit {
			w.ended = true
			return passed
		}
		// What stands in another log than the main one is older than all of it.
		if logID(e.Log) == mainLog {
			if at := Position(e.Position); at >= end {
				w.at = at
				return passed
			}
			passed += int64(e.Length)
		}
		w.next = e.LastOffset() + 1
		w.bytes += int64(e.Length)
	}
	// What was passed before may go; behind it nobody can look.
	w.ended, w.err = true, err
	return passed
}
