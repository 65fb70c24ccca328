package coordinator

import (
	"cmp"
	"fmt"

	gocmp "github.com/google/go-cmp/cmp"
)

// durableConsumer is all that records say of a consumer group.
type durableConsumer struct {
	Recorded               bool
	Epoch, AssignmentEpoch int32
	Hash                   int64
	Members                map[string]consumerMember
	Targets                map[string]partitions
	Regexes                map[string]resolvedRegex
}

// consumerTypes are compared field by field.
var consumerTypes = gocmp.AllowUnexported(
	committed{}, consumerMember{}, memberMeta{}, memberCurrent{}, classicMeta{}, offer{}, resolvedRegex{}, consumerIndex{}, topicList{},
	rewind{}, rewindTopic{}, rewindMark{})

func (c *consumerGroup) durable() *durableConsumer {
	if c == nil {
		return nil
	}
	d := &durableConsumer{c.recorded, c.epoch, c.assignmentEpoch, c.hash, map[string]consumerMember{}, c.targets, c.regexes}
	for id, m := range c.members {
		d.Members[id] = *m
	}
	return d
}

// checkConsumer checks what consumer.go promises of a group in service.
func (m *machine) checkConsumer(g *group) error {
	c := g.consumer
	if c == nil {
		return nil
	}
	if d := diff(c.recomputed(), c.index); d != "" {
		return fmt.Errorf("index, recomputed (-) and kept (+):\n%s", d)
	}
	if g.stored != nil || len(g.order) > 0 || len(g.pendingJoin) > 0 || g.state != stateEmpty {
		return fmt.Errorf("it is a classic group too")
	}
	if c.gone() || !c.recorded {
		return fmt.Errorf("nothing says that it is there")
	}
	if late := m.timers.Has(timerKey{timerAssign, g.id, ""}); late != (len(c.members) > 0 && c.epoch > c.assignmentEpoch) {
		return fmt.Errorf("assignment timer %v, epoch %d, assigned %d", late, c.epoch, c.assignmentEpoch)
	}
	if waits := m.timers.Has(timerKey{timerDowngrade, g.id, ""}); waits && !c.classicOnly() || c.classicOnly() && !waits && c.soft.refused == "" {
		return fmt.Errorf("it waits to be a classic group: %v, with %d classic members of %d", waits, c.index.classics, len(c.members))
	}
	for id := range c.targets {
		if c.members[id] == nil {
			return fmt.Errorf("target of %s, who is no member", id)
		}
	}
	for regex := range c.regexes {
		if c.index.regexUsers[regex] == 0 {
			return fmt.Errorf("pattern %s, which nobody uses", regex)
		}
	}
	instances := map[string]string{}
	for id, member := range c.members {
		if err := cmp.Or(c.checkMember(id, member), m.checkConsumerTimers(g, member)); err != nil {
			return fmt.Errorf("member %s: %w", id, err)
		}
		if i := member.meta.instance; i != nil {
			if instances[*i] != "" {
				return fmt.Errorf("members %s and %s are one instance", instances[*i], id)
			}
			instances[*i] = id
		}
	}
	return nil
}

func (c *consumerGroup) checkMember(id string, m *consumerMember) error {
	switch {
	case m.id != id:
		return fmt.Errorf("it calls itself %s", m.id)
	case m.meta == nil:
		return fmt.Errorf("nothing is known of it")
	case max(m.current.epoch, c.assignmentEpoch) > c.epoch:
		return fmt.Errorf("epoch %d, assignment epoch %d, group epoch %d", m.current.epoch, c.assignmentEpoch, c.epoch)
	}
	return nil
}

func (m *machine) checkConsumerTimers(g *group, member *consumerMember) error {
	if !m.timers.Has(timerKey{timerSession, g.id, member.id}) {
		return fmt.Errorf("nobody watches it")
	}
	if m.timers.Has(timerKey{timerRebalance, g.id, member.id}) != (member.current.state == memberUnrevoked) {
		return fmt.Errorf("rebalance timer in state %d", member.current.state)
	}
	return nil
}

// recomputed is the index as it follows from members and patterns.
func (c *consumerGroup) recomputed() consumerIndex {
	fresh := newConsumerGroup()
	for _, m := range c.members {
		fresh.index.add(m, c.assignmentEpoch, 1)
	}
	for regex, r := range c.regexes {
		fresh.setRegex(regex, &r)
	}
	fresh.index.names = c.index.names // it has seen other changes
	return fresh.index
}

// checkHolders checks that no partition is in two hands, as it may be only in
// what another broker wrote.
func checkHolders(m *machine) error {
	for _, g := range m.groups {
		if g.consumer == nil {
			continue
		}
		for topic, held := range g.consumer.index.holders {
			for partition, n := range held {
				if n > 1 {
					return fmt.Errorf("group %s: partition %d of %v has %d holders", g.id, partition, topic, n)
				}
			}
		}
	}
	return nil
}
