package telemetry

import (
	"container/list"
	"time"

	"github.com/mainstem-mq/mainstem/protocol"
)

// instancesMax is how many clients are known; Kafka knows as many. The longest
// silent one is forgotten for a new one, which only forgives it an early request.
const instancesMax = 16384

// instance is what is known of a client between its requests.
type instance struct {
	id          ID
	plan        plan
	epoch       uint64 // of the subscriptions that the plan was made of
	asked       time.Time
	pushed      time.Time
	mayAtOnce   bool               // it has asked since it pushed
	terminating bool               // it said that its last push was its last
	failed      protocol.ErrorCode // what its last request was told
}

// instances are the clients that are known, by their ids, bounded.
type instances struct {
	byID map[ID]*list.Element // of *instance
	used list.List            // the longest silent first
}

// find is the client with an id, made when it is not known; fresh says so.
func (s *instances) find(id ID) (in *instance, fresh bool) {
	if e, ok := s.byID[id]; ok {
		s.used.MoveToBack(e)
		return e.Value.(*instance), false //nolint:forcetypeassert // Nothing else is put there.
	}
	if s.byID == nil {
		s.byID = map[ID]*list.Element{}
	}
	for len(s.byID) >= instancesMax {
		s.forget(s.used.Front().Value.(*instance).id) //nolint:forcetypeassert // As above.
	}
	in = &instance{id: id}
	s.byID[id] = s.used.PushBack(in)
	return in, true
}

func (s *instances) forget(id ID) {
	if e, ok := s.byID[id]; ok {
		s.used.Remove(e)
		delete(s.byID, id)
	}
}

// mayAsk reports whether the client may ask for its subscriptions now: once in a push
// interval, or when it was told that it does not know them.
func (in *instance) mayAsk(now time.Time) bool {
	last := in.asked
	if in.pushed.After(last) {
		last = in.pushed
	}
	again := in.failed == protocol.UnknownSubscriptionID || in.failed == protocol.UnsupportedCompressionType
	if !again && !last.IsZero() && now.Sub(last) < in.plan.interval {
		return false
	}
	in.asked, in.mayAtOnce = now, true
	return true
}

// mayPush reports whether the client may push now: once in a push interval. The first
// push after it has asked may come at any time, as clients spread theirs.
func (in *instance) mayPush(now time.Time) bool {
	if !in.mayAtOnce && !in.pushed.IsZero() && now.Sub(in.pushed) < in.plan.interval {
		return false
	}
	in.pushed, in.mayAtOnce = now, false
	return true
}
