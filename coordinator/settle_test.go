package coordinator

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
)

// checkSettles lets the members of a machine that was just loaded go on as their
// clients would, and checks that every partition is consumed afterwards and that
// nobody is left out.
func checkSettles(m *machine, v View) error {
	config := DefaultConfig()
	now := time.UnixMilli(1000)
	for range 8 {
		now = now.Add(time.Second)
		for _, g := range m.consumers() {
			for _, id := range slices.Sorted(maps.Keys(g.consumer.members)) {
				if g.consumer.honest() {
					s := &step{Turn: shard.Turn{Now: now}, config: &config, view: v, suffix: func() string { return "x" }}
					if r := m.beat(s, beatAfterLoad(g, id)); r.ErrorCode != 0 {
						return fmt.Errorf("member %s of group %s: %s", id, g.id, beatText(r))
					}
					m.apply(s)
				}
			}
		}
	}
	for _, g := range m.consumers() {
		if !g.consumer.honest() {
			continue
		}
		if state := g.consumer.state(); state != consumerStable {
			return fmt.Errorf("group %s remains %s", g.id, state)
		}
		if err := checkTargets(g, v); err != nil {
			return fmt.Errorf("group %s: %w", g.id, err)
		}
		if err := g.consumer.checkShares(v); err != nil {
			return fmt.Errorf("group %s: %w", g.id, err)
		}
	}
	return nil
}

// honest reports whether the members are such that the group comes to rest: none
// is away, or speaks the other protocol, or has numbers that no broker counts up to.
func (c *consumerGroup) honest() bool {
	for _, m := range c.members {
		if m.current.epoch < 0 || m.current.epoch >= math.MaxInt32-100 || m.meta.classic != nil {
			return false
		}
	}
	return len(c.members) > 0 && c.epoch > 0 && c.epoch < math.MaxInt32-100
}

// beatAfterLoad is what a client sends that knows what its member's records say.
// One that was told nothing, or nothing that can be understood, joins.
func beatAfterLoad(g *group, id string) *beat {
	member := g.consumer.members[id]
	req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	req.Version, req.Group, req.MemberID, req.InstanceID = 1, g.id, id, member.meta.instance
	req.MemberEpoch = member.current.epoch
	req.RebalanceTimeoutMillis, req.SubscribedTopicRegex = 30_000, member.meta.regex
	req.SubscribedTopicNames = append([]string{}, member.meta.topics...)
	req.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	if member.current.blank() || member.current.state == memberUnknown {
		req.MemberEpoch = epochJoin
		return &beat{req: req}
	}
	owned := member.current.assigned
	for topic, list := range owned {
		req.Topics = append(req.Topics, kmsg.ConsumerGroupHeartbeatRequestTopic{TopicID: topic, Partitions: list})
	}
	return &beat{req: req, owned: owned}
}

// checkShares checks that of members with one and the same topic none has two
// partitions while another has none.
func (c *consumerGroup) checkShares(v View) error {
	most, least := map[string]int{}, map[string]int{}
	for _, m := range c.members {
		if len(m.meta.topics) != 1 || deref(m.meta.regex) != "" {
			return nil // it has others, and so fewer of these
		}
		name, n := m.meta.topics[0], m.current.assigned.count()
		if _, ok := v.Topic(name); !ok {
			continue
		}
		most[name] = max(most[name], n)
		if few, ok := least[name]; !ok || n < few {
			least[name] = n
		}
	}
	for name := range most {
		if most[name] > 1 && least[name] == 0 {
			return fmt.Errorf("of topic %s one member has %d partitions, another none", name, most[name])
		}
	}
	return nil
}
