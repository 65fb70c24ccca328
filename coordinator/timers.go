package coordinator

import (
	"container/heap"
	"time"
)

// timerKind says what a deadline is for.
type timerKind int8

const (
	timerSession   timerKind = iota // a member must be heard of
	timerJoin                       // a rebalance must end
	timerSync                       // members must have fetched their assignment
	timerRebalance                  // a member of a consumer group must have given up partitions
	timerAssign                     // a consumer group must have targets for its epoch
	timerDowngrade                  // a group with classic members only may go back to their protocol
	timerPatterns                   // topics are to be tried on a consumer group's patterns
	timerRewind                     // a rewind cannot be undone any more
	timerExpiry                     // offsets are to be looked through
)

// timerKey names a deadline; setting it again moves it.
type timerKey struct {
	kind          timerKind
	group, member string
}

// timers are the deadlines of one machine. They hold no clock: their owner asks
// for the next one and pops those that are due.
type timers struct {
	byKey map[timerKey]*deadline
	order deadlines
	seq   uint64
}

type deadline struct {
	key timerKey
	at  time.Time
	seq uint64 // equal times fire in the order in which they were set
	pos int
}

func (t *timers) set(key timerKey, at time.Time) {
	if t.byKey == nil {
		t.byKey = map[timerKey]*deadline{}
	}
	t.seq++
	d := t.byKey[key]
	if d == nil {
		d = &deadline{key: key, at: at, seq: t.seq}
		t.byKey[key] = d
		heap.Push(&t.order, d)
		return
	}
	d.at, d.seq = at, t.seq
	heap.Fix(&t.order, d.pos)
}

func (t *timers) cancel(key timerKey) {
	if d := t.byKey[key]; d != nil {
		heap.Remove(&t.order, d.pos)
		delete(t.byKey, key)
	}
}

func (t *timers) has(key timerKey) bool { return t.byKey[key] != nil }

// at is when a deadline is; zero: it is not set.
func (t *timers) at(key timerKey) time.Time {
	if d := t.byKey[key]; d != nil {
		return d.at
	}
	return time.Time{}
}

// next is the earliest deadline.
func (t *timers) next() (time.Time, bool) {
	if len(t.order) == 0 {
		return time.Time{}, false
	}
	return t.order[0].at, true
}

// pop removes the earliest deadline if it is not after now.
func (t *timers) pop(now time.Time) (timerKey, bool) {
	if len(t.order) == 0 || t.order[0].at.After(now) {
		return timerKey{}, false
	}
	key := t.order[0].key
	t.cancel(key)
	return key, true
}

// deadlines is a heap by time.
type deadlines []*deadline

func (d deadlines) Len() int { return len(d) }

func (d deadlines) Less(i, j int) bool {
	if !d[i].at.Equal(d[j].at) {
		return d[i].at.Before(d[j].at)
	}
	return d[i].seq < d[j].seq
}

func (d deadlines) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].pos, d[j].pos = i, j
}

// Push implements heap.Interface.
func (d *deadlines) Push(x any) {
	e, ok := x.(*deadline)
	if !ok {
		return
	}
	e.pos = len(*d)
	*d = append(*d, e)
}

// Pop implements heap.Interface.
func (d *deadlines) Pop() any {
	last := (*d)[len(*d)-1]
	(*d)[len(*d)-1] = nil
	*d = (*d)[:len(*d)-1]
	return last
}
