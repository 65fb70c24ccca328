package assign

import "github.com/mainstem-mq/mainstem/internal/model"

// Uniform deals all partitions as evenly as subscriptions allow; if they do not
// divide, the first members get one more, unless others would lose one by that.
// With the spread settled, partitions go to members in their rack, and then to
// those that have them. It returns what each member gets, in the order of
// Spec.Members, nil for nothing. Lists ascend; they share memory and must not be
// changed in place.
func Uniform(spec *Spec) []map[model.TopicID][]int32 {
	p := newPlan(spec)
	p.owners()
	p.countOwned()
	switch len(p.pools) {
	case 0:
	case 1:
		p.pools[0].share()
	default:
		p.level()
	}
	room := make([]int32, len(spec.Members))
	for i := range p.pools {
		p.dealPool(&p.pools[i], room)
	}
	return p.result()
}

// countOwned sets how many partitions each member has.
func (p *plan) countOwned() {
	place := make([]int32, len(p.spec.Members)) // of a member, in its pool
	for i := range p.pools {
		pool := &p.pools[i]
		for at, m := range pool.members {
			place[m] = int32(at)
		}
		for _, t := range pool.topics {
			for _, m := range p.owner[p.first[t]:p.first[t+1]] {
				if m != nobody {
					pool.counts[place[m]]++
				}
			}
		}
	}
}

// share turns how many partitions each member has into how many it gets, if
// the pool is all there is: the same number for all, and of the rest one more,
// first for those that have more now, so that they lose less.
func (l *pool) share() {
	each, rest := int32(l.size/len(l.members)), l.size%len(l.members)
	more := make([]bool, len(l.members))
	for i, has := range l.counts {
		if rest > 0 && has > each {
			more[i] = true
			rest--
		}
	}
	for i := range l.counts {
		if !more[i] && rest > 0 {
			more[i] = true
			rest--
		}
		l.counts[i] = each
		if more[i] {
			l.counts[i]++
		}
	}
}

// dealPool deals a pool's partitions in the order of its topics. room is by
// member, all zero.
func (p *plan) dealPool(l *pool, room []int32) {
	d := &deal{members: l.members, room: room, racks: p.racks, order: p.keepOrder(l)}
	d.owner = make([]int32, 0, l.size)
	for _, t := range l.topics {
		d.owner = append(d.owner, p.owner[p.first[t]:p.first[t+1]]...)
		if p.racks != nil {
			d.class = append(d.class, p.racks.class[p.first[t]:p.first[t+1]]...)
		}
	}
	for i, m := range l.members {
		room[m] = l.counts[i]
	}
	taken := d.run()
	for _, t := range l.topics {
		taken = taken[copy(p.taken[p.first[t]:p.first[t+1]], taken):]
	}
}
