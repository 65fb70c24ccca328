package assign

import (
	"cmp"
	"slices"
)

// deal gives items, which are partitions or rows of them, to members of whom
// it is settled how many each gets.
type deal struct {
	members []int32
	room    []int32 // by member: how many more it gets; all zero at the end
	owner   []int32 // by item: who has it, or nobody
	order   []int   // in which items may stay with their owners; nil if none has one
	class   []int32 // by item: its class of racks, see racks.go
	racks   *racks  // nil: racks say nothing
	taken   []int32 // by item: who gets it
}

// run deals all items. There is room for just as many.
func (d *deal) run() []int32 {
	d.taken = slices.Repeat([]int32{nobody}, len(d.owner))
	if d.racks != nil {
		d.keep(func(item int, m int32) bool { return d.racks.match(d.class[item], m) })
		d.localize()
	}
	d.keep(func(int, int32) bool { return true })
	turns := ring{members: slices.Clone(d.members)}
	hasRoom := func(m int32) bool { return d.room[m] > 0 }
	for item, m := range d.taken {
		if m == nobody {
			d.give(item, turns.next(hasRoom))
		}
	}
	return d.taken
}

// keep leaves items with their owners, as far as these have room.
func (d *deal) keep(may func(item int, m int32) bool) {
	for _, item := range d.order {
		m := d.owner[item]
		if m != nobody && d.taken[item] == nobody && d.room[m] > 0 && may(item, m) {
			d.give(item, m)
		}
	}
}

func (d *deal) give(item int, m int32) {
	d.taken[item] = m
	d.room[m]--
}

// ring is members that get one item each in turn.
type ring struct {
	members []int32
	at      int
}

// next is whose turn it is, of those that may have more; who may not once never
// may again. There must be one.
func (r *ring) next(may func(m int32) bool) int32 {
	for {
		if r.at == len(r.members) {
			r.at = 0
			r.members = slices.DeleteFunc(r.members, func(m int32) bool { return !may(m) })
		}
		m := r.members[r.at]
		r.at++
		if may(m) {
			return m
		}
	}
}

// keepOrder is the order in which partitions of a pool may stay with their
// owners: the first one of all topics, then the second ones, and so on. So a
// member that has too many gives up some of each topic, where it would else
// keep all of one topic and lose another: a topic ought to be spread.
func (p *plan) keepOrder(l *pool) []int {
	type span struct{ begin, size int }
	spans, begin := make([]span, 0, len(l.topics)), 0
	for _, t := range l.topics {
		spans = append(spans, span{begin, p.partitions(t)})
		begin += p.partitions(t)
	}
	slices.SortStableFunc(spans, func(a, b span) int { return cmp.Compare(b.size, a.size) })
	order := make([]int, 0, l.size)
	for i := 0; len(order) < l.size; i++ {
		for spans[len(spans)-1].size <= i {
			spans = spans[:len(spans)-1]
		}
		for _, s := range spans {
			order = append(order, s.begin+i)
		}
	}
	return order
}
