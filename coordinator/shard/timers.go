package shard

import (
	"container/heap"
	"iter"
	"maps"
	"time"
)

// Timers are the deadlines of one machine. They hold no clock: their owner asks
// for the next one and pops those that are due.
type Timers[K comparable] struct {
	byKey map[K]*deadline[K]
	order deadlines[K]
	seq   uint64
}

type deadline[K comparable] struct {
	key K
	at  time.Time
	seq uint64 // equal times fire in the order in which they were set
	pos int
}

// Set makes a deadline, or moves it.
func (t *Timers[K]) Set(key K, at time.Time) {
	if t.byKey == nil {
		t.byKey = map[K]*deadline[K]{}
	}
	t.seq++
	d := t.byKey[key]
	if d == nil {
		d = &deadline[K]{key: key, at: at, seq: t.seq}
		t.byKey[key] = d
		heap.Push(&t.order, d)
		return
	}
	d.at, d.seq = at, t.seq
	heap.Fix(&t.order, d.pos)
}

// Cancel removes a deadline, if it is set.
func (t *Timers[K]) Cancel(key K) {
	if d := t.byKey[key]; d != nil {
		heap.Remove(&t.order, d.pos)
		delete(t.byKey, key)
	}
}

// Has reports whether a deadline is set.
func (t *Timers[K]) Has(key K) bool { return t.byKey[key] != nil }

// At is when a deadline is; zero: it is not set.
func (t *Timers[K]) At(key K) time.Time {
	if d := t.byKey[key]; d != nil {
		return d.at
	}
	return time.Time{}
}

// Keys are those that are set, in no order.
func (t *Timers[K]) Keys() iter.Seq[K] { return maps.Keys(t.byKey) }

// Next is the earliest deadline.
func (t *Timers[K]) Next() (time.Time, bool) {
	if len(t.order) == 0 {
		return time.Time{}, false
	}
	return t.order[0].at, true
}

// Pop removes the earliest deadline if it is not after now.
func (t *Timers[K]) Pop(now time.Time) (K, bool) {
	if len(t.order) == 0 || t.order[0].at.After(now) {
		var none K
		return none, false
	}
	key := t.order[0].key
	t.Cancel(key)
	return key, true
}

// deadlines is a heap by time.
type deadlines[K comparable] []*deadline[K]

func (d deadlines[K]) Len() int { return len(d) }

func (d deadlines[K]) Less(i, j int) bool {
	if !d[i].at.Equal(d[j].at) {
		return d[i].at.Before(d[j].at)
	}
	return d[i].seq < d[j].seq
}

func (d deadlines[K]) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].pos, d[j].pos = i, j
}

// Push implements heap.Interface.
func (d *deadlines[K]) Push(x any) {
	e, ok := x.(*deadline[K])
	if !ok {
		return
	}
	e.pos = len(*d)
	*d = append(*d, e)
}

// Pop implements heap.Interface.
func (d *deadlines[K]) Pop() any {
	last := (*d)[len(*d)-1]
	(*d)[len(*d)-1] = nil
	*d = (*d)[:len(*d)-1]
	return last
}
