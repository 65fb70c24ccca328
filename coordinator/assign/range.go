package assign

import (
	"cmp"
	"slices"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// Range deals each topic by itself: each member gets a stretch of partitions, in
// the order of instance ids, or else ids; if they do not divide, the first get
// one more. Topics of equal size and equal subscribers are dealt alike, as joins
// of topics need it: who has partition 3 of one has it of all. If that brings
// more partitions into their member's rack, members get others than a stretch,
// but as many. What they own says nothing. The result is as that of Uniform.
func Range(spec *Spec) []map[model.TopicID][]int32 {
	p := newPlan(spec)
	room := make([]int32, len(spec.Members))
	for i := range p.pools {
		l := &p.pools[i]
		slices.SortStableFunc(l.members, func(a, b int32) int {
			return compareNames(&spec.Members[a], &spec.Members[b])
		})
		slices.SortStableFunc(l.topics, func(a, b int32) int { return cmp.Compare(p.partitions(a), p.partitions(b)) })
		for topics := l.topics; len(topics) > 0; {
			alike := 1
			for alike < len(topics) && p.partitions(topics[alike]) == p.partitions(topics[0]) {
				alike++
			}
			p.dealAlike(topics[:alike], l.members, room)
			topics = topics[alike:]
		}
	}
	return p.result()
}

// compareNames is Range's order of members: a static one keeps its place when
// it comes back with another id.
func compareNames(a, b *Member) int {
	return cmp.Or(cmp.Compare(cmp.Or(a.Instance, a.ID), cmp.Or(b.Instance, b.ID)), cmp.Compare(a.ID, b.ID))
}

// dealAlike deals topics of one size and the same subscribers.
func (p *plan) dealAlike(topics, members, room []int32) {
	rows := p.partitions(topics[0])
	taken := make([]int32, 0, rows) // by row, which is one partition of each topic
	for i, m := range members {
		size := rows / len(members)
		if i < rows%len(members) {
			size++
		}
		taken = append(taken, slices.Repeat([]int32{m}, size)...)
	}
	if p.racks != nil {
		for _, m := range taken {
			room[m]++
		}
		d := &deal{members: members, room: room, racks: p.racks, owner: slices.Repeat([]int32{nobody}, rows)}
		d.class = p.rowClasses(topics)
		if near := d.run(); p.matches(topics, near) > p.matches(topics, taken) {
			taken = near
		}
	}
	for _, t := range topics {
		copy(p.taken[p.first[t]:p.first[t+1]], taken)
	}
}

// rowClasses is the class of each row: a member is near a row if it is near
// the partition of each topic.
func (p *plan) rowClasses(topics []int32) []int32 {
	first := topics[0]
	classes := slices.Clone(p.racks.class[p.first[first]:p.first[first+1]])
	for _, t := range topics[1:] {
		for i := range classes {
			classes[i] = p.racks.both(classes[i], p.racks.class[p.first[t]+i])
		}
	}
	return classes
}

// matches is how many partitions are near their members if rows are taken so.
// It may be fewer though more rows are: also of a row that is near nobody as a
// whole, some partitions are near.
func (p *plan) matches(topics, taken []int32) (matches int) {
	for _, t := range topics {
		for i, m := range taken {
			if p.racks.match(p.racks.class[p.first[t]+i], m) {
				matches++
			}
		}
	}
	return matches
}
