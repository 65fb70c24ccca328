package coordinator

import (
	"maps"
	"math"
	"slices"
	"time"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// consumerGroup is the part of a group whose members use the consumer protocol
// (KIP-848): the coordinator assigns. All but soft is durable or follows from
// what is, and changes in replay only. Records may come in any order, as
// compaction leaves them; restore mends what does not fit together then.
type consumerGroup struct {
	recorded        bool  // there is a record of epoch and hash
	epoch           int32 // rises with each change that asks for another assignment
	hash            int64 // of the subscribed topics: ids, partition counts, racks
	assignmentEpoch int32 // the epoch that targets were made for; 0: none was
	members         map[string]*consumerMember
	targets         map[string]partitions // by member id
	regexes         map[string]resolvedRegex
	index           consumerIndex
	soft            consumerSoft
}

// resolvedRegex is what a subscribed pattern stood for when it was last looked at.
type resolvedRegex struct {
	topics  []string
	version int64 // of the metadata
	at      int64 // ms
}

// consumerSoft is what dies with the machine.
type consumerSoft struct {
	settled  int32     // the newest epoch that all members have come to
	sum      topicsSum // the newest that was made
	assignor string    // that made the targets; "": not known, they were loaded
	refresh  bool      // a subscribed topic may have changed since hash was made
	lookedAt time.Time // when its topics were last compared with hash
	pace     dealPace
	// unassigned is the epoch for which no assignment could be made that the journal
	// can take: with the next one it is tried again.
	unassigned int32
	patterns   patternSoft
	refused    string             // why it could not become a classic group when that was last tried
	backAt     time.Time          // not before it may become one
	said       map[string]unshown // by member id
}

// note keeps what is waited for of a member, if anything is.
func (x *consumerSoft) note(id string, u unshown) {
	switch {
	case len(u.coming) == 0 && !u.denied:
		delete(x.said, id)
		return
	case x.said == nil:
		x.said = map[string]unshown{}
	}
	x.said[id] = u
}

// consumerIndex is what follows from the members and patterns, as sums: the
// same whatever order the records came in. Nothing has to walk over the members
// for one heartbeat.
type consumerIndex struct {
	holders     map[model.TopicID]map[int32]int // members that have it in assigned or revoking
	byInstance  map[string]string
	subscribers map[string]int // topic name -> members by name, and resolved patterns
	names       uint64         // counts changes of which topics those are; it does not follow from the members
	regexUsers  map[string]int
	assignors   map[string]int
	offers      map[string]int // protocols of classic members
	classics    int            // members that use the classic protocol
	lists       topicLists     // that members name
	matches     topicLists     // that patterns stand for
	bytes       int            // of lists, and of what members say besides
	matched     int            // of what patterns stand for, each by itself, as in their records
	settled     int            // members with nothing left to do at assignmentEpoch
}

func newConsumerGroup() *consumerGroup {
	return &consumerGroup{
		members: map[string]*consumerMember{},
		targets: map[string]partitions{},
		regexes: map[string]resolvedRegex{},
		index: consumerIndex{
			holders:     map[model.TopicID]map[int32]int{},
			byInstance:  map[string]string{},
			subscribers: map[string]int{},
			regexUsers:  map[string]int{},
			assignors:   map[string]int{},
			offers:      map[string]int{},
			lists:       topicLists{},
			matches:     topicLists{},
		},
	}
}

// state is where the group stands; it is derived, never stored.
func (c *consumerGroup) state() consumerState {
	switch {
	case len(c.members) == 0:
		return consumerEmpty
	case c.epoch > c.assignmentEpoch:
		return consumerAssigning
	case c.index.settled < len(c.members):
		return consumerReconciling
	}
	return consumerStable
}

// gone reports whether no record speaks of the group any more.
func (c *consumerGroup) gone() bool {
	return !c.recorded && c.assignmentEpoch == 0 && len(c.members) == 0 && len(c.targets) == 0 && len(c.regexes) == 0
}

// sorted lists the members by their ids.
func (c *consumerGroup) sorted() []*consumerMember {
	members := make([]*consumerMember, 0, len(c.members))
	for _, id := range slices.Sorted(maps.Keys(c.members)) {
		members = append(members, c.members[id])
	}
	return members
}

// sortedRegexes lists the patterns that members use.
func (c *consumerGroup) sortedRegexes() []string { return slices.Sorted(maps.Keys(c.index.regexUsers)) }

// consumes reports whether somebody in the group subscribes to the topic.
func (c *consumerGroup) consumes(topic string) bool { return c.index.subscribers[topic] > 0 }

// free reports whether a member could own the partition now: nobody else holds
// it or has yet to give it up.
func (c *consumerGroup) free(member *consumerMember, topic model.TopicID, partition int32) bool {
	others := c.index.holders[topic][partition]
	if member.current.assigned.has(topic, partition) {
		others--
	}
	if member.current.revoking.has(topic, partition) {
		others--
	}
	return others == 0
}

// add counts a member in (by 1) or out (by -1).
func (x *consumerIndex) add(m *consumerMember, assignmentEpoch int32, by int) {
	x.addCurrent(&m.current, assignmentEpoch, by)
	x.addMeta(m.meta, by)
	x.seat(m, by)
}

// replace counts a member out and what it became in; either may be nil. What it
// says of itself may be long and stays as it is most times, so then it is left.
func (x *consumerIndex) replace(old, fresh *consumerMember, assignmentEpoch int32) {
	if old != nil && fresh != nil && old.meta == fresh.meta {
		x.addCurrent(&old.current, assignmentEpoch, -1)
		x.addCurrent(&fresh.current, assignmentEpoch, 1)
		x.seat(fresh, 1)
		return
	}
	if old != nil {
		x.add(old, assignmentEpoch, -1)
	}
	if fresh != nil {
		x.add(fresh, assignmentEpoch, 1)
	}
}

func (x *consumerIndex) addCurrent(current *memberCurrent, assignmentEpoch int32, by int) {
	for _, set := range []partitions{current.assigned, current.revoking} {
		for topic, list := range set {
			x.hold(topic, list, by)
		}
	}
	if current.settled(assignmentEpoch) {
		x.settled += by
	}
}

func (x *consumerIndex) addMeta(meta *memberMeta, by int) {
	if meta == nil {
		return
	}
	x.bytes += by * meta.size()
	x.list(meta.topics, by)
	for _, topic := range meta.topics {
		x.subscribe(topic, by)
	}
	if meta.regex != nil && *meta.regex != "" {
		tally(x.regexUsers, *meta.regex, by)
	}
	if meta.assignor != nil {
		tally(x.assignors, *meta.assignor, by)
	}
	if meta.classic != nil {
		x.classics += by
		for _, p := range meta.classic.protocols {
			tally(x.offers, p.name, by)
		}
	}
}

// subscribe counts a topic's subscribers.
func (x *consumerIndex) subscribe(topic string, by int) {
	before := len(x.subscribers)
	if tally(x.subscribers, topic, by); len(x.subscribers) != before {
		x.names++
	}
}

// seat notes or forgets which member an instance is.
func (x *consumerIndex) seat(m *consumerMember, by int) {
	if m.meta == nil || m.meta.instance == nil {
		return
	}
	switch {
	case by > 0:
		x.byInstance[*m.meta.instance] = m.id
	case x.byInstance[*m.meta.instance] == m.id:
		delete(x.byInstance, *m.meta.instance)
	}
}

func (x *consumerIndex) hold(topic model.TopicID, list []int32, by int) {
	held := x.holders[topic]
	if held == nil {
		held = make(map[int32]int, len(list))
		x.holders[topic] = held
	}
	for _, partition := range list {
		tally(held, partition, by)
	}
	if len(held) == 0 {
		delete(x.holders, topic)
	}
}

// nextEpoch is the one after an epoch. The last one stays: a log that holds it
// is not of a broker that counted up to there.
func nextEpoch(epoch int32) int32 { return min(epoch, math.MaxInt32-1) + 1 }

// tally counts, and keeps no zeros.
func tally[K comparable](counts map[K]int, key K, by int) {
	if counts[key] += by; counts[key] == 0 {
		delete(counts, key)
	}
}
