package coordinator

import (
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

// ConsumerHeartbeat handles ConsumerGroupHeartbeat, versions 0 and 1, by which
// members of consumer groups join, stay, learn what they own, tell what they
// have let go of, and leave. Version 1 brought patterns, and member ids that the
// clients make. It never waits for other members.
func (g *Groups) ConsumerHeartbeat(
	req *kmsg.ConsumerGroupHeartbeatRequest, caller Caller, reply func(*kmsg.ConsumerGroupHeartbeatResponse),
) {
	b := &beat{req: req, caller: caller}
	config := g.config()
	if err := b.check(&config); err != nil {
		reply(beatFailed(req, err))
		return
	}
	b.owned = ownedOf(req)
	q := question[*kmsg.ConsumerGroupHeartbeatResponse]{
		req.Group, protocol.NoError, reply,
		func(code protocol.ErrorCode) *kmsg.ConsumerGroupHeartbeatResponse {
			return beatFailed(req, &protocol.Error{Code: code})
		},
	}
	q.ask(g, func(m *machine, s *step) *kmsg.ConsumerGroupHeartbeatResponse { return m.beat(s, b) })
}

// beat is one heartbeat on its way through the machine.
type beat struct {
	req    *kmsg.ConsumerGroupHeartbeatRequest
	caller Caller
	owned  partitions // what the member says that it owns

	classic *memberMeta // of a member that joins by the classic protocol: all that it says of itself
}

// The member epochs of those who come and go.
const (
	epochJoin  = 0
	epochLeave = -1
)

func (b *beat) joins() bool { return b.req.MemberEpoch == epochJoin }

// told reports whether the member says what it owns.
func (b *beat) told() bool { return b.req.Topics != nil }

// full reports whether the member says all there is to say, as clients do after
// an error: then it wants to hear all, too.
func (b *beat) full() bool {
	subscribes := b.req.SubscribedTopicNames != nil || b.req.SubscribedTopicRegex != nil
	return b.req.RebalanceTimeoutMillis != unchanged && subscribes && b.told()
}

// unchanged stands for a rebalance timeout that the member does not repeat.
const unchanged = -1

func beatFailed(req *kmsg.ConsumerGroupHeartbeatRequest, err *protocol.Error) *kmsg.ConsumerGroupHeartbeatResponse {
	resp := kmsg.NewPtrConsumerGroupHeartbeatResponse()
	resp.Version, resp.ErrorCode = req.Version, int16(err.Code)
	if err.Message != "" {
		resp.ErrorMessage = &err.Message
	}
	return resp
}

// beat handles a heartbeat, in a broadcast group as one in the member's cell.
func (m *machine) beat(s *step, b *beat) *kmsg.ConsumerGroupHeartbeatResponse {
	if err := m.place(s, b); err != nil {
		return beatFailed(b.req, err)
	}
	resp := m.beatGroup(s, b)
	if resp.ErrorCode == 0 && b.req.MemberEpoch >= epochJoin {
		m.attend(s, b, resp.Assignment != nil && len(resp.Assignment.Topics) > 0)
	}
	return resp
}

// beatGroup handles a heartbeat in the group that it names. All that can refuse
// it comes before its first record.
func (m *machine) beatGroup(s *step, b *beat) *kmsg.ConsumerGroupHeartbeatResponse {
	if b.req.MemberEpoch < epochJoin {
		return m.leaveConsumer(s, b)
	}
	var member *consumerMember
	var err *protocol.Error
	if b.joins() {
		member, err = m.joinConsumer(s, b)
	} else {
		member, err = m.knownConsumer(b)
		if err == nil {
			err = m.groups[b.req.Group].consumer.room(member, b, s.config.GroupBytesMax)
		}
	}
	if err != nil {
		return beatFailed(b.req, err)
	}
	g := m.subscribe(s, b, member)
	c := g.consumer
	m.assign(s, g)
	before := memberCurrent{}
	if member != nil {
		before = member.current
	}
	member = m.advance(s, g, b, c.members[b.req.MemberID])
	m.watchConsumer(s, g, member)
	resp := beatFailed(b.req, &protocol.Error{})
	resp.MemberID, resp.MemberEpoch = &member.id, member.current.epoch
	resp.HeartbeatIntervalMillis = int32(member.pace(s, g).Milliseconds())
	// Who comes with another epoch did not hear of its own.
	if b.joins() || b.full() || b.req.MemberEpoch != before.epoch ||
		!member.current.assigned.equal(before.assigned) {
		resp.Assignment = assignmentOf(member.current.assigned)
	}
	return resp
}

// knownConsumer finds the member that a heartbeat comes from. A group that is
// not there, or is no consumer group, has no such member: then the client joins
// anew (Kafka says GROUP_ID_NOT_FOUND, which ends some clients for good).
func (m *machine) knownConsumer(b *beat) (*consumerMember, *protocol.Error) {
	req := b.req
	g := m.groups[req.Group]
	if g == nil || g.consumer == nil {
		return nil, protocol.Errorf(protocol.UnknownMemberID, "Group %s has no member %s.", req.Group, req.MemberID)
	}
	if err := g.consumer.identify(req.Group, req.MemberID, req.InstanceID); err != nil {
		return nil, err
	}
	member := g.consumer.members[req.MemberID]
	return member, member.checkEpoch(b)
}

// identify finds out whether the caller is who it says.
func (c *consumerGroup) identify(group, id string, instance *string) *protocol.Error {
	if instance != nil {
		holder, ok := c.index.byInstance[*instance]
		switch {
		case !ok:
			return protocol.Errorf(protocol.UnknownMemberID, "Group %s has no instance %s.", group, *instance)
		case holder != id:
			return protocol.Errorf(protocol.FencedInstanceID, "Instance %s of group %s is another member now.", *instance, group)
		}
	}
	if c.members[id] == nil {
		return protocol.Errorf(protocol.UnknownMemberID, "Group %s has no member %s.", group, id)
	}
	return nil
}

// checkEpoch refuses a heartbeat of another epoch than the member's. The one
// before is good too if the member owns nothing but what is counted as its own:
// an answer did not reach it, perhaps not the last one only.
func (m *consumerMember) checkEpoch(b *beat) *protocol.Error {
	epoch := b.req.MemberEpoch
	switch {
	case m.current.state == memberUnknown && (!b.told() || len(b.owned) > 0):
		return protocol.Errorf(protocol.FencedMemberEpoch,
			"What member %s owns is unknown: it must give all up and join again.", m.id)
	case epoch > m.current.epoch:
	case epoch == m.current.epoch, epoch == m.current.previous && b.told() && b.owned.within(m.current.assigned.or(m.current.revoking)):
		return nil
	}
	return protocol.Errorf(protocol.FencedMemberEpoch,
		"Member %s comes with epoch %d and is at %d: it must give all up and join again.", m.id, epoch, m.current.epoch)
}

// advance takes the member a step towards its target.
func (m *machine) advance(s *step, g *group, b *beat, member *consumerMember) *consumerMember {
	c, before := g.consumer, member.current
	d := c.dutyOf(s, b, member)
	next := reconcile(before, d)
	same := next.equal(&before)
	if !same || d.told {
		c.soft.note(member.id, d.unshownAfter(&before, &next))
	}
	if same {
		return member
	}
	s.record(memberCurrentRecord(g.id, member.id, &next))
	m.apply(s)
	key := timerKey{timerRebalance, g.id, member.id}
	switch {
	case next.state != memberUnrevoked:
		m.timers.Cancel(key)
	case before.state != memberUnrevoked || !before.revoking.within(next.revoking):
		m.awaitRevocation(s, g, member) // what it gave up before does not count
	}
	m.released(s, g)
	return c.members[member.id]
}

// dutyOf is what a heartbeat of the member has to bring it to.
func (c *consumerGroup) dutyOf(s *step, b *beat, member *consumerMember) duty {
	d := duty{
		epoch: c.assignmentEpoch, target: c.targets[member.id], owned: b.owned, told: b.told(),
		free:       func(topic model.TopicID, partition int32) bool { return c.free(member, topic, partition) },
		subscribed: func(topic model.TopicID) bool { return c.subscribes(s.view, member.meta, topic) },
	}
	if b.joins() {
		return d // it takes nothing that it was told before
	}
	last := c.soft.said[member.id]
	d.coming = last.coming
	if !d.told && last.denied && last.owned.equal(member.current.assigned) {
		// It heard the answer, as it would repeat itself otherwise, and is where it
		// shall be: it will not say so again.
		d.owned, d.told = last.owned, true
	}
	return d
}

// heartbeat is how often members of a consumer group shall send one.
func (s *step) heartbeat(group string) time.Duration {
	return s.config.ConsumerHeartbeat.resolve(s.rules(group).Heartbeat)
}

func ownedOf(req *kmsg.ConsumerGroupHeartbeatRequest) partitions {
	owned := parts{}
	for _, t := range req.Topics {
		owned.add(t.TopicID, t.Partitions)
	}
	return newPartitions(owned)
}

// assignmentOf shows a set; the answer may share its lists, which never change.
func assignmentOf(set partitions) *kmsg.ConsumerGroupHeartbeatResponseAssignment {
	a := &kmsg.ConsumerGroupHeartbeatResponseAssignment{Topics: []kmsg.ConsumerGroupHeartbeatResponseAssignmentTopic{}}
	for _, topic := range set.topics() {
		a.Topics = append(a.Topics, kmsg.ConsumerGroupHeartbeatResponseAssignmentTopic{TopicID: topic, Partitions: set[topic]})
	}
	return a
}
