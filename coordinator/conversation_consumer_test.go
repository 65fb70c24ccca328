package coordinator

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/internal/model"
)

// conversationTopic is the id of a topic in records that a conversation makes:
// the first letter of its name.
func conversationTopic(name string) model.TopicID { return model.TopicID{name[0]} }

// seed puts records of one member of a consumer group into the journal, as
// another broker could have left them; skip leaves kinds of records out, as a
// crash does.
func (c *conversation) seed(t *testing.T, d *datadriven.TestData) {
	t.Helper()
	group, id, state := "g", "m", 0
	epoch := int32(1)
	meta := memberMeta{clientID: "c", clientHost: "h", topics: []string{"t"}, rebalanceTimeout: 30_000}
	var assigned, revoking, skip []string
	var classic, instance, regex string
	d.MaybeScanArgs(t, "g", &group)
	d.MaybeScanArgs(t, "member", &id)
	d.MaybeScanArgs(t, "epoch", &epoch)
	d.MaybeScanArgs(t, "state", &state)
	d.MaybeScanArgs(t, "assigned", &assigned)
	d.MaybeScanArgs(t, "revoking", &revoking)
	d.MaybeScanArgs(t, "topics", &meta.topics)
	d.MaybeScanArgs(t, "skip", &skip)
	d.MaybeScanArgs(t, "classic", &classic)
	d.MaybeScanArgs(t, "instance", &instance)
	d.MaybeScanArgs(t, "regex", &regex)
	d.MaybeScanArgs(t, "rebalance", &meta.rebalanceTimeout)
	if instance != "" {
		meta.instance = &instance
	}
	if regex != "" {
		meta.regex = &regex
	}
	if classic != "" {
		meta.classic = &classicMeta{sessionTimeout: 10_000, protocols: []offer{{name: classic}}}
	}
	current := memberCurrent{epoch: epoch, previous: epoch - 1, state: memberState(state), assigned: seedPartitions(t, assigned), revoking: seedPartitions(t, revoking)}
	records := map[string]Record{
		"5": memberMetaRecord(group, id, &meta),
		"3": consumerEpochRecord(group, epoch, 0),
		"7": memberTargetRecord(group, id, current.assigned),
		"6": assignmentEpochRecord(group, epoch),
		"8": memberCurrentRecord(group, id, &current),
	}
	order := []string{"5", "3", "7", "6", "8"}
	if regex != "" {
		records["16"] = regexRecord(group, regex, &resolvedRegex{topics: []string{"t"}, version: 1, at: 1})
		order = append(order, "16")
	}
	c.journals[0].Set(func(j *shard.MemoryState) {
		for _, kind := range order {
			if !slices.Contains(skip, kind) {
				j.Durable = append(j.Durable, records[kind])
			}
		}
	})
}

// seedPartitions reads T-P.
func seedPartitions(t *testing.T, items []string) partitions {
	t.Helper()
	p := partitions{}
	for _, item := range items {
		name, number, _ := strings.Cut(item, "-")
		var partition int32
		if _, err := fmt.Sscan(number, &partition); err != nil {
			t.Fatalf("%s: %v", item, err)
		}
		p.put(conversationTopic(name), []int32{partition})
	}
	return p
}

// shapedTopics are topics with ids and numbers of partitions.
type shapedTopics struct {
	all     []Topic
	made    byte
	version int64
	rules   map[string]Rules
}

func (h *shapedTopics) view() testView {
	v := viewOf(slices.Clone(h.all)...)
	v.rules, v.version = maps.Clone(h.rules), h.version
	return v
}

func (h *shapedTopics) find(name string) (int, Topic) {
	for i, t := range h.all {
		if t.Name == name {
			return i, t
		}
	}
	return -1, Topic{}
}

// reshape makes topics as they are listed: T:N grows or makes one, T:0 deletes
// it, and what is made again has another id. Names with __ are internal.
func (c *conversation) reshape(t *testing.T, d *datadriven.TestData) {
	t.Helper()
	var changed []string
	late := false // the notice of it comes later, if at all
	for _, arg := range d.CmdArgs {
		if arg.Key == "late" {
			late = true
			continue
		}
		name, number, _ := strings.Cut(arg.Key, ":")
		count, err := strconv.Atoi(number)
		if err != nil {
			d.Fatalf(t, "%v", err)
		}
		h := &c.shaped
		h.version++
		at, topic := h.find(name)
		switch {
		case count == 0:
			h.all = slices.Delete(slices.Clone(h.all), at, at+1)
		case at >= 0:
			h.all = slices.Clone(h.all)
			h.all[at].Partitions = int32(count)
		default:
			topic = Topic{Name: name, ID: conversationTopic(name), Partitions: int32(count), Internal: strings.HasPrefix(name, "__")}
			topic.ID[1] = h.made // deleted ones before it
			h.all = append(slices.Clone(h.all), topic)
		}
		if count == 0 {
			h.made++
		}
		changed = append(changed, name)
	}
	if !late {
		c.groups.TopicsChanged(changed)
	}
}

func (h *shapedTopics) setRules(t *testing.T, d *datadriven.TestData) {
	t.Helper()
	a := argumentsOf(t, d)
	rules := maps.Clone(h.rules)
	if rules == nil {
		rules = map[string]Rules{}
	}
	ms := func(name string) time.Duration { return time.Duration(a.millis(name, 0)) * time.Millisecond }
	rules[a.Text("g", "g")] = Rules{Session: ms("session"), Heartbeat: ms("heartbeat"), Assignor: a.Text("assignor", "")}
	h.rules = rules
}

func (a arguments) beat() *kmsg.ConsumerGroupHeartbeatRequest {
	a.T.Helper()
	req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	req.Version = int16(a.number("v", 1))
	req.Group, req.MemberID, req.MemberEpoch = a.Text("g", "g"), a.Text("member", ""), int32(a.number("epoch", 0))
	req.InstanceID, req.RackID, req.ServerAssignor = a.optional("instance"), a.optional("rack"), a.optional("assignor")
	req.SubscribedTopicRegex = a.optional("regex")
	req.RebalanceTimeoutMillis = -1
	if a.Has("rebalance") || req.MemberEpoch == 0 {
		req.RebalanceTimeoutMillis = a.millis("rebalance", 30*time.Second)
	}
	if a.Has("topics") || req.MemberEpoch == 0 && !a.Has("regex") {
		req.SubscribedTopicNames = append([]string{}, a.List("topics")...)
	}
	if a.Has("owned") || req.MemberEpoch == 0 {
		req.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{}
		owned := seedPartitions(a.T, a.List("owned"))
		for _, topic := range owned.topics() {
			req.Topics = append(req.Topics, kmsg.ConsumerGroupHeartbeatRequestTopic{TopicID: topic, Partitions: owned[topic]})
		}
	}
	return req
}

func beatText(r *kmsg.ConsumerGroupHeartbeatResponse) string {
	if r.ErrorCode != 0 {
		return "beat: " + codeText(r.ErrorCode) + named("message", deref(r.ErrorMessage))
	}
	text := fmt.Sprintf("beat: ok %s epoch=%d every=%d", deref(r.MemberID), r.MemberEpoch, r.HeartbeatIntervalMillis)
	if r.Assignment == nil {
		return text
	}
	set := partitions{}
	for _, t := range r.Assignment.Topics {
		set.put(t.TopicID, t.Partitions)
	}
	return text + " assigned=(" + partitionsText(set) + ")"
}

func describeConsumerText(r *kmsg.ConsumerGroupDescribeResponse) string {
	text := "describe-consumer:"
	for _, g := range r.Groups {
		text += fmt.Sprintf("\n   %s: %s %s epoch=%d/%d", g.Group, codeText(g.ErrorCode), g.State, g.Epoch, g.AssignmentEpoch) +
			named("assignor", g.AssignorName) + named("message", deref(g.ErrorMessage))
		for _, m := range g.Members {
			text += fmt.Sprintf("\n      %s epoch=%d type=%d", m.MemberID, m.MemberEpoch, m.MemberType) +
				named("instance", deref(m.InstanceID)) + named("rack", deref(m.RackID)) + named("client", m.ClientID) +
				named("host", m.ClientHost) + named("topics", strings.Join(m.SubscribedTopics, ",")) +
				named("regex", deref(m.SubscribedTopicRegex)) +
				fmt.Sprintf(" has=(%s) target=(%s)", describedText(&m.Assignment), describedText(&m.TargetAssignment))
		}
	}
	return text
}

func describedText(a *kmsg.Assignment) string {
	var items []string
	for _, t := range a.TopicPartitions {
		for _, p := range t.Partitions {
			items = append(items, fmt.Sprintf("%s-%d", t.Topic, p))
		}
	}
	return strings.Join(items, ",")
}

func partitionsText(p partitions) string {
	var items []string
	for _, topic := range p.topics() {
		for _, partition := range p[topic] {
			item := fmt.Sprintf("%c-%d", topic[0], partition)
			if topic[1] > 0 { // a topic made again
				item = fmt.Sprintf("%c'%d-%d", topic[0], topic[1], partition)
			}
			items = append(items, item)
		}
	}
	return strings.Join(items, ",")
}

// consumerRecordText decodes a record of a consumer group.
func consumerRecordText(r Record) string {
	version := binary.BigEndian.Uint16(r.Key)
	key, err := decodeConsumerKey(version, r.Key)
	if err != nil {
		return err.Error()
	}
	what := map[uint16]string{
		consumerEpochKey: "epoch", memberMetaKey: "member", assignmentEpochKey: "assignment epoch",
		memberTargetKey: "target", memberCurrentKey: "current", regexKey: "regex",
	}[version]
	text := what + " " + key.group + named("of", key.item)
	if r.Value == nil {
		return text + " deleted"
	}
	apply, err := decodeConsumerValue(version, r.Value)
	if err != nil {
		return err.Error()
	}
	c := newConsumerGroup()
	c.change(key.item, func(m *consumerMember) { m.meta = &memberMeta{} }) // or a blank one is none
	apply(c, key.item)
	switch version {
	case consumerEpochKey:
		hash := ""
		if c.hash != 0 {
			hash = "some"
		}
		return text + fmt.Sprintf(" = %d", c.epoch) + named("hash", hash)
	case assignmentEpochKey:
		return text + fmt.Sprintf(" = %d", c.assignmentEpoch)
	case memberTargetKey:
		return text + " = " + partitionsText(c.targets[key.item])
	case regexKey:
		return text + " = " + strings.Join(c.regexes[key.item].topics, ",")
	case memberCurrentKey:
		m := c.members[key.item].current
		return text + fmt.Sprintf(" = epoch=%d previous=%d state=%d", m.epoch, m.previous, m.state) +
			named("assigned", partitionsText(m.assigned)) + named("revoking", partitionsText(m.revoking))
	}
	m := c.members[key.item].meta
	text += named("instance", deref(m.instance)) + named("rack", deref(m.rack)) + named("topics", strings.Join(m.topics, ",")) +
		named("regex", deref(m.regex)) + named("assignor", deref(m.assignor)) + fmt.Sprintf(" rebalance=%d", m.rebalanceTimeout)
	if m.classic != nil {
		text += fmt.Sprintf(" classic session=%d", m.classic.sessionTimeout)
		for _, p := range m.classic.protocols {
			text += " " + p.name
		}
	}
	return text
}
