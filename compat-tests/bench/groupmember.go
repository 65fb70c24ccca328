package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
)

const (
	// groupPatience bounds one answer: a join may wait for all other members.
	groupPatience = time.Minute
	// longSession is the longest that both targets allow by default: nobody is
	// put out while the load is busy with others.
	longSession = 30 * time.Minute
)

// dialAll opens so many connections, which close when the context ends.
func (l *load) dialAll(ctx context.Context, n int) ([]*harness.Conn, func(), error) {
	var conns []*harness.Conn
	closeAll := func() {
		for _, c := range conns {
			_ = c.Close()
		}
	}
	for range n {
		c, err := harness.Dial(l.Addr, 10*time.Second)
		if err != nil {
			closeAll()
			return nil, nil, err
		}
		conns = append(conns, c)
	}
	stop := context.AfterFunc(ctx, closeAll)
	return conns, func() { stop(); closeAll() }, nil
}

// groupName is the n-th group of a load on a topic.
func groupName(topic string, n int) string { return fmt.Sprintf("%s-g%d", topic, n) }

// groupMember is a member of a classic group.
type groupMember struct {
	conn       *harness.Conn
	group, id  string
	generation int32
}

// join takes part in a rebalance and returns the members that the group has, if
// this one is to lead it. Version 3 needs no second turn for a member id.
func (m *groupMember) join(topic string, round uint32) ([]kmsg.JoinGroupResponseMember, error) {
	meta := kmsg.NewConsumerMemberMetadata()
	meta.Topics = []string{topic}
	// Who joins with other metadata than before wants a rebalance.
	meta.UserData = fmt.Appendf(nil, "%8d", round)
	req := kmsg.NewPtrJoinGroupRequest()
	req.SetVersion(3)
	req.Group, req.MemberID, req.ProtocolType = m.group, m.id, "consumer"
	req.SessionTimeoutMillis = int32(longSession.Milliseconds())
	req.RebalanceTimeoutMillis = int32(groupPatience.Milliseconds())
	p := kmsg.NewJoinGroupRequestProtocol()
	p.Name, p.Metadata = "range", meta.AppendTo(nil)
	req.Protocols = append(req.Protocols, p)
	answer, err := m.conn.Ask(req, groupPatience)
	if err != nil {
		return nil, fmt.Errorf("join %s: %w", m.group, err)
	}
	resp, ok := answer.(*kmsg.JoinGroupResponse)
	if !ok {
		return nil, fmt.Errorf("join %s: the answer is a %T", m.group, answer)
	}
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
		return nil, fmt.Errorf("join %s: %w", m.group, err)
	}
	m.id, m.generation = resp.MemberID, resp.Generation
	return resp.Members, nil
}

// sync ends a rebalance; members are given if this one leads it.
func (m *groupMember) sync(topic string, members []kmsg.JoinGroupResponseMember) error {
	req := kmsg.NewPtrSyncGroupRequest()
	req.SetVersion(2)
	req.Group, req.MemberID, req.Generation = m.group, m.id, m.generation
	for i, other := range members {
		plan := kmsg.NewConsumerMemberAssignment()
		t := kmsg.NewConsumerMemberAssignmentTopic()
		t.Topic, t.Partitions = topic, []int32{int32(i)}
		plan.Topics = append(plan.Topics, t)
		a := kmsg.NewSyncGroupRequestGroupAssignment()
		a.MemberID, a.MemberAssignment = other.MemberID, plan.AppendTo(nil)
		req.GroupAssignment = append(req.GroupAssignment, a)
	}
	answer, err := m.conn.Ask(req, groupPatience)
	if err != nil {
		return fmt.Errorf("sync %s: %w", m.group, err)
	}
	resp, ok := answer.(*kmsg.SyncGroupResponse)
	if !ok {
		return fmt.Errorf("sync %s: the answer is a %T", m.group, answer)
	}
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
		return fmt.Errorf("sync %s: %w", m.group, err)
	}
	if len(resp.MemberAssignment) == 0 {
		return fmt.Errorf("sync %s: nothing is assigned", m.group)
	}
	return nil
}

// heartbeat says that it lives; kerr.RebalanceInProgress asks it to join.
func (m *groupMember) heartbeat() error {
	req := kmsg.NewPtrHeartbeatRequest()
	req.SetVersion(3)
	req.Group, req.MemberID, req.Generation = m.group, m.id, m.generation
	answer, err := m.conn.Ask(req, groupPatience)
	if err != nil {
		return fmt.Errorf("heartbeat of %s: %w", m.group, err)
	}
	resp, ok := answer.(*kmsg.HeartbeatResponse)
	if !ok {
		return fmt.Errorf("heartbeat of %s: the answer is a %T", m.group, answer)
	}
	return kerr.ErrorForCode(resp.ErrorCode)
}

func (m *groupMember) leave() error {
	req := kmsg.NewPtrLeaveGroupRequest()
	req.SetVersion(1)
	req.Group, req.MemberID = m.group, m.id
	answer, err := m.conn.Ask(req, groupPatience)
	if err != nil {
		return fmt.Errorf("leave %s: %w", m.group, err)
	}
	resp, ok := answer.(*kmsg.LeaveGroupResponse)
	if !ok {
		return fmt.Errorf("leave %s: the answer is a %T", m.group, answer)
	}
	return kerr.ErrorForCode(resp.ErrorCode)
}

// joinAlone makes it the only member of its group.
func (m *groupMember) joinAlone(topic string) error {
	members, err := m.join(topic, 0)
	if err != nil {
		return err
	}
	if len(members) != 1 {
		return errors.Join(fmt.Errorf("%s has %d members, not one", m.group, len(members)), m.leave())
	}
	return m.sync(topic, members)
}
