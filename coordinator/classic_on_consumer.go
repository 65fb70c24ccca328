package coordinator

import (
	"cmp"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/protocol"
)

// A consumer group can have members that use the classic protocol: the group was
// a classic one, or will be. For them its epochs are generations. What others are
// told by heartbeats they learn in rebalances of their own: Heartbeat tells them to
// join again, JoinGroup takes them a step towards their target and is answered at
// once, SyncGroup shows what they have then. None of them leads.

// joinMixed lets a member join a consumer group with members by JoinGroup.
func (m *machine) joinMixed(s *step, w *joinWait, g *group, caller Caller, offers []offer) {
	c, req := g.consumer, w.req
	id, former, code := c.seatClassic(s, req, caller)
	if code == protocol.NoError {
		code = g.admitsClassic(s, req, former, offers)
	}
	switch {
	case code != protocol.NoError:
		w.refuse(s, code, req.MemberID)
		return
	case req.MemberID == "" && req.InstanceID == nil && req.Version >= 4:
		// Whoever comes with an id is taken to have got it so: nothing is kept.
		w.refuse(s, protocol.MemberIDRequired, id)
		return
	}
	sub, _ := decodeSubscription(offers[0].metadata) // read above
	if former == nil && c.members[id] == nil && slices.ContainsFunc(sub.owned, AssignedTopic.some) {
		// It was put out and does not know: what it works on is another's by now.
		w.refuse(s, protocol.UnknownMemberID, req.MemberID)
		return
	}
	b := classicBeat(newMember(id, req, caller, offers), &sub, req.Group, partitionsOf(s.view, sub.owned))
	if err := c.room(cmp.Or(c.members[id], former), b, s.config.GroupBytesMax); err != nil {
		w.refuse(s, err.Code, req.MemberID)
		return
	}
	if former != nil {
		m.succeedConsumer(s, g, former, id)
	}
	g = m.subscribe(s, b, c.members[id])
	m.assign(s, g)
	m.timers.Cancel(timerKey{timerJoin, g.id, id})
	member := m.advance(s, g, b, g.consumer.members[id])
	if down := m.downgrade(s, g, "member "+id+" joins by it, and nobody uses the other one any more"); down != nil {
		m.rejoin(s, down, w, down.byID[id], offers, "member "+id+" joins")
		return
	}
	m.watchConsumer(s, g, member)
	m.timers.Set(timerKey{timerSync, g.id, id}, s.in(member.meta.rebalanceTimeout))
	resp := joinFailed(req, protocol.NoError)
	protocolType, name := consumerType, offers[0].name
	resp.MemberID, resp.Generation, resp.ProtocolType, resp.Protocol = id, member.current.epoch, &protocolType, &name
	shard.Respond(&s.Turn, w.reply, resp, w.failed)
}

// seatClassic finds out who joins, and whose place it takes. A dynamic member
// that comes with an id has it, also if it is not in the group: its id may be new.
func (c *consumerGroup) seatClassic(s *step, req *kmsg.JoinGroupRequest, caller Caller) (id string, former *consumerMember, code protocol.ErrorCode) {
	switch {
	case req.InstanceID == nil && req.MemberID == "":
		return caller.ClientID + "-" + s.suffix(), nil, protocol.NoError
	case req.InstanceID == nil:
		return req.MemberID, nil, protocol.NoError
	case req.MemberID == "":
		former = c.members[c.index.byInstance[*req.InstanceID]]
		return *req.InstanceID + "-" + s.suffix(), former, protocol.NoError
	}
	if err := c.identify(req.Group, req.MemberID, req.InstanceID); err != nil {
		return "", nil, err.Code
	}
	return req.MemberID, nil, protocol.NoError
}

// admitsClassic finds out whether a member with these protocols can be in the
// group: with all other classic ones it has one in common, so that the group can
// become a classic one.
func (g *group) admitsClassic(s *step, req *kmsg.JoinGroupRequest, former *consumerMember, offers []offer) protocol.ErrorCode {
	c := g.consumer
	before := former
	if before == nil {
		before = c.members[req.MemberID]
	}
	switch {
	case before == nil && len(c.members) >= s.config.ConsumerMembersMax, bytesOf(offers) > s.config.GroupBytesMax:
		return protocol.GroupMaxSizeReached
	case req.ProtocolType != consumerType || len(offers) == 0 || !c.shares(before, offers):
		return protocol.InconsistentGroupProtocol
	}
	if _, ok := decodeSubscription(offers[0].metadata); !ok {
		return protocol.InconsistentGroupProtocol
	}
	return protocol.NoError
}

// shares reports whether all classic members besides one offer one of these.
func (c *consumerGroup) shares(but *consumerMember, offers []offer) bool {
	others := c.index.classics
	own := map[string]int{}
	if but != nil && but.meta.classic != nil {
		others--
		for _, p := range but.meta.classic.protocols {
			own[p.name]++
		}
	}
	for _, p := range offers {
		if c.index.offers[p.name]-own[p.name] == others {
			return true
		}
	}
	return false
}

// classicBeat is a JoinGroup as the heartbeat that it stands for.
func classicBeat(member *member, sub *memberSubscription, group string, owned partitions) *beat {
	req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	req.Group, req.MemberID, req.MemberEpoch = group, member.id, epochJoin
	req.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{} // it tells what it owns
	return &beat{req: req, owned: owned, classic: member.consumerMeta(sub)}
}

// classicMember finds the member that a request of the classic protocol is from.
func (c *consumerGroup) classicMember(group, id string, instance *string, generation int32) (*consumerMember, protocol.ErrorCode) {
	if err := c.identify(group, id, instance); err != nil {
		return nil, err.Code
	}
	member := c.members[id]
	switch {
	case member.meta.classic == nil:
		return nil, protocol.UnknownMemberID
	case member.current.epoch != generation:
		return nil, protocol.IllegalGeneration
	}
	return member, protocol.NoError
}

// syncMixed shows a classic member what it has.
func (m *machine) syncMixed(s *step, w *syncWait, g *group) {
	c, req := g.consumer, w.req
	member, code := c.classicMember(req.Group, req.MemberID, req.InstanceID, req.Generation)
	if code == protocol.NoError {
		m.watchConsumer(s, g, member)
		if req.ProtocolType != nil && *req.ProtocolType != consumerType || req.Protocol != nil && *req.Protocol != member.meta.classic.first().name {
			code = protocol.InconsistentGroupProtocol
		}
	}
	if code == protocol.NoError && m.outrun(s, g, member) {
		m.callBack(s, g, member)
		code = protocol.RebalanceInProgress
	}
	if code != protocol.NoError {
		w.refuse(s, code)
		return
	}
	m.timers.Cancel(timerKey{timerSync, g.id, member.id})
	resp := w.failed(protocol.NoError)
	first := member.meta.classic.first()
	protocolType, name := consumerType, first.name
	resp.ProtocolType, resp.Protocol = &protocolType, &name
	sub, _ := decodeSubscription(first.metadata) // else version 0
	resp.MemberAssignment = encodeAssignment(sub.version, namesOf(s.view, member.current.assigned))
	shard.Respond(&s.Turn, w.reply, resp, w.failed)
}

// heartbeatMixed keeps a classic member, and tells it when to join again.
func (m *machine) heartbeatMixed(s *step, g *group, req *kmsg.HeartbeatRequest) protocol.ErrorCode {
	member, code := g.consumer.classicMember(req.Group, req.MemberID, req.InstanceID, req.Generation)
	if code != protocol.NoError {
		return code
	}
	m.watchConsumer(s, g, member)
	current := member.current
	if m.outrun(s, g, member) || current.state == memberUnrevoked || current.state == memberUnreleased && g.allFree(s, member) {
		m.callBack(s, g, member)
		return protocol.RebalanceInProgress
	}
	return protocol.NoError
}

// outrun reports whether there is a target that the member has not come to. One
// that is yet to be made does not count: joining again would not take it there.
func (m *machine) outrun(s *step, g *group, member *consumerMember) bool {
	m.assign(s, g)
	return member.current.epoch < g.consumer.assignmentEpoch && member.current.state != memberUnrevoked
}

// allFree reports whether all that the member waits for is free.
func (g *group) allFree(s *step, member *consumerMember) bool {
	c := g.consumer
	want := c.targets[member.id].minus(member.current.assigned)
	for topic, list := range want {
		if !c.subscribes(s.view, member.meta, topic) {
			continue
		}
		for _, partition := range list {
			if !c.free(member, topic, partition) {
				return false
			}
		}
	}
	return true
}

// callBack gives a member that was told to join again its time for that.
func (m *machine) callBack(s *step, g *group, member *consumerMember) {
	key := timerKey{timerJoin, g.id, member.id}
	m.timers.Cancel(timerKey{timerSync, g.id, member.id})
	if !m.timers.Has(key) {
		m.timers.Set(key, s.in(member.meta.rebalanceTimeout))
	}
}

// expireClassic removes a classic member that did not take its next step in time.
func (m *machine) expireClassic(s *step, g *group, id, why string) {
	if g.consumer == nil {
		return
	}
	if member := g.consumer.members[id]; member != nil && member.meta.classic != nil {
		m.fence(s, g, id, why)
	}
}

// leaveMixed takes a classic member out. An administrator names its instance alone.
func (m *machine) leaveMixed(s *step, g *group, l kmsg.LeaveGroupRequestMember, why string) protocol.ErrorCode {
	c, id := g.consumer, l.MemberID
	if id == "" && l.InstanceID != nil {
		id = c.index.byInstance[*l.InstanceID]
	}
	if err := c.identify(g.id, id, l.InstanceID); err != nil {
		return err.Code
	}
	if c.members[id].meta.classic == nil {
		return protocol.UnknownMemberID
	}
	m.fence(s, g, id, why)
	return protocol.NoError
}
