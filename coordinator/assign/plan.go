package assign

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// nobody stands where the number of a member could.
const nobody = int32(-1)

// plan is a Spec by numbers: members and topics by their place in the Spec,
// partitions in one row, topic after topic.
type plan struct {
	spec   *Spec
	number map[model.TopicID]int32 // of each topic
	first  []int                   // by topic: the place of its partition 0; one more than there are topics
	pools  []pool
	owner  []int32 // by partition: who has it and may keep it; nil for Range
	taken  []int32 // by partition: who gets it
	racks  *racks  // nil: racks say nothing
}

// pool is topics that have the same subscribers: among them partitions can be
// exchanged freely.
type pool struct {
	topics  []int32
	members []int32 // who subscribes, ascending
	counts  []int32 // by place in members: how many partitions each gets
	size    int     // partitions
}

func newPlan(spec *Spec) *plan {
	p := &plan{
		spec:   spec,
		number: make(map[model.TopicID]int32, len(spec.Topics)),
		first:  make([]int, 1, len(spec.Topics)+1),
	}
	size := 0
	for t := range spec.Topics {
		p.number[spec.Topics[t].ID] = int32(t)
		size += int(max(0, spec.Topics[t].Partitions))
		p.first = append(p.first, size)
	}
	p.taken = slices.Repeat([]int32{nobody}, size)
	p.makePools()
	p.racks = newRacks(p)
	return p
}

// partitions is how many partitions a topic has.
func (p *plan) partitions(topic int32) int { return p.first[topic+1] - p.first[topic] }

// makePools sorts topics by who subscribes to them. Most groups have one pool.
func (p *plan) makePools() {
	classOf, lists := p.subscriptions()
	subscribers := make([][]int32, len(p.spec.Topics)) // by topic: the classes, ascending
	for class, list := range lists {
		for _, t := range list {
			subscribers[t] = append(subscribers[t], int32(class))
		}
	}
	pools := map[string]int{}
	var key []byte
	for t, classes := range subscribers {
		if len(classes) == 0 {
			continue
		}
		key = appendNumbers(key[:0], classes)
		i, known := pools[string(key)]
		if !known {
			i = len(p.pools)
			pools[string(key)] = i
			members := membersOf(classes, classOf, len(lists))
			p.pools = append(p.pools, pool{members: members, counts: make([]int32, len(members))})
		}
		p.pools[i].topics = append(p.pools[i].topics, int32(t))
		p.pools[i].size += p.partitions(int32(t))
	}
}

// subscriptions gives members of equal subscriptions one class: the class of
// each member, and the topics of each class.
func (p *plan) subscriptions() (classOf []int32, lists [][]int32) {
	classOf = make([]int32, len(p.spec.Members))
	known := map[string]int32{}
	var key []byte
	for m := range p.spec.Members {
		topics := p.spec.Members[m].Topics
		key = key[:0]
		for i := range topics {
			key = append(key, topics[i][:]...)
		}
		class, ok := known[string(key)]
		if !ok {
			class = int32(len(lists))
			known[string(key)] = class
			var list []int32
			for _, id := range topics {
				if t, exists := p.number[id]; exists {
					list = append(list, t)
				}
			}
			lists = append(lists, list)
		}
		classOf[m] = class
	}
	return classOf, lists
}

func membersOf(classes, classOf []int32, classesMax int) []int32 {
	in := make([]bool, classesMax)
	for _, class := range classes {
		in[class] = true
	}
	var members []int32
	for m, class := range classOf {
		if in[class] {
			members = append(members, int32(m))
		}
	}
	return members
}

func appendNumbers(key []byte, numbers []int32) []byte {
	for _, n := range numbers {
		key = binary.LittleEndian.AppendUint32(key, uint32(n))
	}
	return key
}

// owners finds who has each partition. What two claim, the first has.
func (p *plan) owners() {
	p.owner = slices.Repeat([]int32{nobody}, len(p.taken))
	for m := range p.spec.Members {
		member := &p.spec.Members[m]
		for id, partitions := range member.Owned { // in any order: a member only takes what is free
			t, exists := p.number[id]
			if !exists {
				continue
			}
			if _, subscribed := slices.BinarySearchFunc(member.Topics, id, compareIDs); !subscribed {
				continue
			}
			for _, i := range partitions {
				if i < 0 || int(i) >= p.partitions(t) {
					continue
				}
				if at := p.first[t] + int(i); p.owner[at] == nobody {
					p.owner[at] = int32(m)
				}
			}
		}
	}
}

func compareIDs(a, b model.TopicID) int { return bytes.Compare(a[:], b[:]) }

// portion is what one member gets, while the result is written.
type portion struct {
	topics, partitions int
	from, to           int   // its part of the arena: of the present topic, and of what is written
	last               int32 // the topic it was last seen in
}

// result is who gets what, by member; nil for who gets nothing. The lists
// ascend and lie in one piece of memory.
func (p *plan) result() []map[model.TopicID][]int32 {
	portions := make([]portion, len(p.spec.Members))
	for t := range p.spec.Topics {
		p.eachTaken(t, func(_, m int32) {
			s := &portions[m]
			s.partitions++
			if s.topics == 0 || s.last != int32(t) {
				s.topics, s.last = s.topics+1, int32(t)
			}
		})
	}
	result := make([]map[model.TopicID][]int32, len(portions))
	size := 0
	for m := range portions {
		s := &portions[m]
		if s.topics > 0 {
			result[m] = make(map[model.TopicID][]int32, s.topics)
		}
		s.from, s.to, s.last = size, size, nobody
		size += s.partitions
	}
	arena := make([]int32, size)
	var seen []int32
	for t := range p.spec.Topics {
		seen = seen[:0]
		p.eachTaken(t, func(partition, m int32) {
			s := &portions[m]
			if s.last != int32(t) {
				s.from, s.last = s.to, int32(t)
				seen = append(seen, m)
			}
			arena[s.to] = partition
			s.to++
		})
		for _, m := range seen {
			result[m][p.spec.Topics[t].ID] = arena[portions[m].from:portions[m].to:portions[m].to]
		}
	}
	return result
}

// eachTaken calls do for each partition of a topic that somebody gets.
func (p *plan) eachTaken(topic int, do func(partition, member int32)) {
	for i, m := range p.taken[p.first[topic]:p.first[topic+1]] {
		if m != nobody {
			do(int32(i), m)
		}
	}
}
