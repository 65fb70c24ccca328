package assign

import (
	"cmp"
	"slices"
)

// roundsMax bounds how often all pools are looked through. Random subscriptions
// take a handful of rounds; a chain of a thousand members, each of whom shares
// one topic with the next, would take thousands. The next assignment goes on
// where this one stopped.
const roundsMax = 32

// workMax bounds what all rounds may look at together: members of pools. Only where
// thousands of members subscribe to different ones of thousands of topics does an
// assignment remain less even for it.
const workMax = 1 << 24

// apartMin is how far two members' loads must be apart for a move to help.
const apartMin = 2

// level turns how many partitions of each pool each member has into how many
// it gets, if members subscribe to different topics. Partitions without an
// owner go to the least loaded subscriber; then the most loaded give to the
// least loaded, while they differ by two or more.
func (p *plan) level() {
	load := make([]int32, len(p.spec.Members)) // over all pools
	order := make([]*pool, len(p.pools))
	for i := range p.pools {
		l := &p.pools[i]
		order[i] = l
		for at, m := range l.members {
			load[m] += l.counts[at]
		}
	}
	// Who has little choice comes first.
	slices.SortStableFunc(order, func(a, b *pool) int { return cmp.Compare(len(a.members), len(b.members)) })
	for _, l := range order {
		l.fill(load)
	}
	rounds := p.rounds()
	// The widest differences come first, since what evens them may even others.
	for apart := slices.Max(load); apart > apartMin && rounds > 0; apart = apart * 3 / 4 {
		rounds--
		for _, l := range order {
			l.even(load, apart)
		}
	}
	// A move in one pool may call for one in another. Each lessens the sum of
	// the squares of all loads, so this ends, mostly at once.
	for range min(roundsMax, rounds) {
		moved := false
		for _, l := range order {
			moved = l.even(load, apartMin) || moved
		}
		if !moved {
			return
		}
	}
}

// rounds is how often all pools may be looked through at a bearable price.
func (p *plan) rounds() int {
	work := 1
	for i := range p.pools {
		work += len(p.pools[i].members)
	}
	return workMax / work
}

// fill gives what has no owner to the least loaded, of them to the first.
func (l *pool) fill(load []int32) {
	free := l.size
	for _, has := range l.counts {
		free -= int(has)
	}
	if free == 0 {
		return
	}
	least := l.leastLoaded(load)
	for range free {
		at := least.least()
		l.counts[at]++
		load[l.members[at]]++
		least.pass()
	}
}

// even moves partitions from the most loaded members that have some of the
// pool to the least loaded, while they are so far apart; of equal ones the last
// gives and the first gets. It returns false if there was none to move.
func (l *pool) even(load []int32, apart int32) (moved bool) {
	if l.widest(load) < apart {
		return false
	}
	least, most := l.leastLoaded(load), l.mostLoaded(load)
	// Loads between the two ends only come closer, so who got something never
	// gives, nor does who gave ever get: neither queue need know what the other
	// did.
	for len(most) > 0 {
		from, to := most.most(), least.least()
		giver, getter := l.members[from], l.members[to]
		if load[giver]-load[getter] < apart {
			break
		}
		l.counts[from]--
		load[giver]--
		l.counts[to]++
		load[getter]++
		moved = true
		least.pass()
		if l.counts[from] > 0 {
			most.pass()
		} else {
			most.drop()
		}
	}
	return moved
}

// widest is how far those who could give and those who could get are apart.
// Nearly always it spares even its queues.
func (l *pool) widest(load []int32) int32 {
	low, high := load[l.members[0]], int32(0)
	for at, m := range l.members {
		low = min(low, load[m])
		if l.counts[at] > 0 {
			high = max(high, load[m])
		}
	}
	return high - low
}

// queue is a heap of members of a pool. An entry is a load and a place in
// pool.members, all its bits turned if the most loaded come first.
type queue []uint64

const oneMore = 1 << 32 // of an entry's load; one less if the bits are turned

// leastLoaded is all members of the pool, the least loaded and then the first
// in front.
func (l *pool) leastLoaded(load []int32) queue {
	q := make(queue, len(l.members))
	for at, m := range l.members {
		q[at] = uint64(load[m])<<32 | uint64(at)
	}
	slices.Sort(q) // what is sorted is a heap
	return q
}

// mostLoaded is the members that have some of the pool, the most loaded and
// then the last in front.
func (l *pool) mostLoaded(load []int32) queue {
	var q queue
	for at, m := range l.members {
		if l.counts[at] > 0 {
			q = append(q, ^(uint64(load[m])<<32 | uint64(at)))
		}
	}
	slices.Sort(q)
	return q
}

func (q queue) least() int { return int(uint32(q[0])) }
func (q queue) most() int  { return int(^uint32(q[0])) }

// pass puts the member in front, whose load got or lost one, where it belongs now.
func (q queue) pass() {
	q[0] += oneMore
	q.sink()
}

// drop takes the member in front out.
func (q *queue) drop() {
	last := len(*q) - 1
	(*q)[0] = (*q)[last]
	*q = (*q)[:last]
	q.sink()
}

func (q queue) sink() {
	for i := 0; ; {
		child := 2*i + 1
		if child+1 < len(q) && q[child+1] < q[child] {
			child++
		}
		if child >= len(q) || q[i] <= q[child] {
			return
		}
		q[i], q[child] = q[child], q[i]
		i = child
	}
}
