package coordinator

import (
	"encoding/binary"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/coordinator/shard/shardtest"
)

// arguments are those of a command to groups.
type arguments struct{ shardtest.Arguments }

func argumentsOf(t *testing.T, d *datadriven.TestData) arguments {
	return arguments{shardtest.Arguments{T: t, D: d}}
}

func (a arguments) optional(name string) *string {
	if !a.Has(name) {
		return nil
	}
	s := a.Text(name, "")
	return &s
}

func (a arguments) number(name string, otherwise int) int {
	a.T.Helper()
	return int(a.Number(name, int64(otherwise)))
}

func (a arguments) millis(name string, otherwise time.Duration) int32 {
	a.T.Helper()
	return int32(a.Span(name, otherwise).Milliseconds())
}

// pairs reads NAME:VALUE items.
func (a arguments) pairs(name string) [][2]string {
	var out [][2]string
	for _, item := range a.List(name) {
		key, value, _ := strings.Cut(item, ":")
		out = append(out, [2]string{key, value})
	}
	return out
}

func (a arguments) partition(s string) int32 {
	a.T.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		a.D.Fatalf(a.T, "%v", err)
	}
	return int32(n)
}

// request sends one request; its answer is said whenever it comes.
func (c *conversation) request(t *testing.T, d *datadriven.TestData) {
	t.Helper()
	a := argumentsOf(t, d)
	c.requests++
	tag := a.Text("as", "#"+strconv.Itoa(c.requests))
	caller := Caller{
		ClientID: a.Text("client", "c"), ClientHost: a.Text("host", "/127.0.0.1"), Session: c.session(a.Text("conn", "")),
	}
	if c.requestTxn(t, a, tag, caller) {
		return
	}
	switch d.Cmd {
	case "join":
		c.groups.Join(sent(t, a.join()), caller, reply(c, tag, joinText))
	case "beat":
		c.groups.ConsumerHeartbeat(sent(t, a.beat()), caller, reply(c, tag, beatText))
	case "sync":
		c.groups.Sync(sent(t, a.sync()), caller, reply(c, tag, syncText))
	case "heartbeat":
		c.groups.Heartbeat(sent(t, a.heartbeat()), caller, reply(c, tag, heartbeatText))
	case "leave":
		c.groups.Leave(sent(t, a.leave()), caller, reply(c, tag, leaveText))
	case "commit":
		c.groups.CommitOffsets(sent(t, a.commit()), caller, reply(c, tag, commitText))
	case "fetch":
		c.groups.FetchOffsets(sent(t, a.fetch()), caller, reply(c, tag, fetchText))
	case "describe":
		c.groups.DescribeGroups(&kmsg.DescribeGroupsRequest{Version: int16(a.number("v", 6)), Groups: a.List("g")},
			reply(c, tag, describeText))
	case "describe-consumer":
		c.groups.DescribeConsumerGroups(sent(t, &kmsg.ConsumerGroupDescribeRequest{Version: int16(a.number("v", 1)), Groups: a.List("g")}),
			reply(c, tag, describeConsumerText))
	case "list":
		c.groups.ListGroups(&kmsg.ListGroupsRequest{
			Version: 5, StatesFilter: a.List("states"), TypesFilter: a.List("types"),
		}, reply(c, tag, listText))
	case "delete":
		c.groups.DeleteGroups(&kmsg.DeleteGroupsRequest{Version: 3, Groups: a.List("g")}, reply(c, tag, deleteText))
	case "delete-offsets":
		c.groups.DeleteOffsets(sent(t, a.deleteOffsets()), reply(c, tag, deleteOffsetsText))
	case "rewind", "undo", "plan-undo", "rewound":
		c.rewind(d.Cmd, tag, a)
	case "inspect":
		c.inspect(tag, a.List("g"))
	case "drop-topics":
		c.groups.DropTopics(a.List("topics"), reply(c, tag, func(err error) string {
			if err != nil {
				return err.Error()
			}
			return "dropped"
		}))
	default:
		d.Fatalf(t, "no command %s", d.Cmd)
	}
}

// reply says an answer and insists that it is the only one.
func reply[R any](c *conversation, tag string, text func(R) string) func(R) {
	c.open.Ask(tag)
	return func(r R) {
		if !c.open.Answer(tag) {
			c.lines.Say("%s ANSWERED TWICE", tag)
		}
		r = travelled(c, r)
		c.lines.Say("%s %s", tag, text(r))
	}
}

// sent is a request as the broker decodes it.
func sent[R kmsg.Request](t *testing.T, req R) R {
	t.Helper()
	arrived := kmsg.RequestForKey(req.Key())
	arrived.SetVersion(req.GetVersion())
	if err := arrived.ReadFrom(req.AppendTo(nil)); err != nil {
		t.Fatal(err)
	}
	out, ok := arrived.(R)
	if !ok {
		t.Fatalf("request %d became another", req.Key())
	}
	return out
}

// travelled is an answer as its client decodes it.
func travelled[R any](c *conversation, r R) R {
	resp, ok := any(r).(kmsg.Response)
	if !ok {
		return r
	}
	arrived := resp.RequestKind().ResponseKind()
	arrived.SetVersion(resp.GetVersion())
	if err := arrived.ReadFrom(resp.AppendTo(nil)); err != nil {
		c.lines.Say("an answer that cannot be read: %v", err)
	}
	out, _ := any(arrived).(R)
	return out
}

func (a arguments) join() *kmsg.JoinGroupRequest {
	req := kmsg.NewPtrJoinGroupRequest()
	req.Version = int16(a.number("v", 9))
	req.Group, req.MemberID, req.InstanceID = a.Text("g", "g"), a.Text("member", ""), a.optional("instance")
	req.SessionTimeoutMillis = a.millis("session", 10*time.Second)
	req.RebalanceTimeoutMillis = a.millis("rebalance", time.Minute)
	req.ProtocolType, req.Reason = a.Text("type", "consumer"), a.optional("reason")
	if a.Has("topics") {
		metadata := owning(subscription(a.List("topics")), a.List("owns"))
		if a.Has("holds") || a.Has("rack") {
			metadata = racked(holding(a.List("topics"), a.List("holds")), int32(a.number("of", -1)), a.Text("rack", ""))
		}
		names := a.List("offers")
		if names == nil {
			names = []string{"range"}
		}
		for _, name := range names {
			req.Protocols = append(req.Protocols, kmsg.JoinGroupRequestProtocol{Name: name, Metadata: metadata})
		}
	}
	for _, p := range a.pairs("protocols") {
		req.Protocols = append(req.Protocols, kmsg.JoinGroupRequestProtocol{Name: p[0], Metadata: []byte(p[1])})
	}
	if !a.Has("topics") && !a.Has("protocols") {
		req.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range", Metadata: []byte("m")}}
	}
	return req
}

// owning adds to a subscription what its member owns: partition 0 of topics.
func owning(b []byte, topics []string) []byte {
	b = binary.BigEndian.AppendUint32(b[:len(b)-4], uint32(len(topics)))
	for _, t := range topics {
		b = binary.BigEndian.AppendUint16(b, uint16(len(t)))
		b = append(append(b, t...), 0, 0, 0, 1, 0, 0, 0, 0)
	}
	return b
}

// holding is a subscription of a member that owns partitions, T-P.
func holding(topics, items []string) []byte {
	b := subscription(topics)
	b = binary.BigEndian.AppendUint32(b[:len(b)-4], uint32(len(items)))
	for _, item := range items {
		name, number, _ := strings.Cut(item, "-")
		partition, err := strconv.Atoi(number)
		if err != nil {
			panic(err)
		}
		b = appendPlainString(b, name)
		b = appendInt32(appendInt32(b, 1), int32(partition))
	}
	return b
}

// racked makes version 3 of version 1.
func racked(b []byte, generation int32, rack string) []byte {
	binary.BigEndian.PutUint16(b, 3)
	return appendPlainString(appendInt32(b, generation), rack)
}

// subscription is version 1 of the consumer's, as clients send it.
func subscription(topics []string) []byte {
	b := binary.BigEndian.AppendUint16(nil, 1)
	b = binary.BigEndian.AppendUint32(b, uint32(len(topics)))
	for _, t := range topics {
		b = binary.BigEndian.AppendUint16(b, uint16(len(t)))
		b = append(b, t...)
	}
	return append(b, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0) // no user data, nothing owned
}

func (a arguments) sync() *kmsg.SyncGroupRequest {
	req := kmsg.NewPtrSyncGroupRequest()
	req.Version = int16(a.number("v", 5))
	req.Group, req.MemberID, req.InstanceID = a.Text("g", "g"), a.Text("member", ""), a.optional("instance")
	req.Generation = int32(a.number("gen", -1))
	protocolType, name := a.Text("type", "consumer"), a.Text("protocol", "range")
	if !a.Has("untyped") {
		req.ProtocolType, req.Protocol = &protocolType, &name
	}
	for _, p := range a.pairs("assign") {
		req.GroupAssignment = append(req.GroupAssignment, kmsg.SyncGroupRequestGroupAssignment{
			MemberID: p[0], MemberAssignment: []byte(p[1]),
		})
	}
	for _, p := range a.pairs("give") {
		req.GroupAssignment = append(req.GroupAssignment, kmsg.SyncGroupRequestGroupAssignment{
			MemberID: p[0], MemberAssignment: assignment(strings.Split(p[1], "+")...),
		})
	}
	return req
}

func (a arguments) heartbeat() *kmsg.HeartbeatRequest {
	req := kmsg.NewPtrHeartbeatRequest()
	req.Version = 4
	req.Group, req.MemberID, req.InstanceID = a.Text("g", "g"), a.Text("member", ""), a.optional("instance")
	req.Generation = int32(a.number("gen", -1))
	return req
}

func (a arguments) leave() *kmsg.LeaveGroupRequest {
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Version, req.Group = int16(a.number("v", 5)), a.Text("g", "g")
	for _, item := range a.List("members") {
		id, instance, static := strings.Cut(item, "/")
		m := kmsg.LeaveGroupRequestMember{MemberID: id, Reason: a.optional("reason")}
		if static {
			m.InstanceID = &instance
		}
		req.MemberID = id
		req.Members = append(req.Members, m)
	}
	return req
}

func (a arguments) commit() *kmsg.OffsetCommitRequest {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Version = int16(a.number("v", 9))
	req.Group, req.MemberID, req.InstanceID = a.Text("g", "g"), a.Text("member", ""), a.optional("instance")
	req.Generation = int32(a.number("gen", -1))
	if a.Has("retention") {
		req.RetentionTimeMillis = int64(a.millis("retention", 0))
	}
	topic := kmsg.NewOffsetCommitRequestTopic()
	topic.Topic = a.Text("topic", "t")
	for _, p := range a.pairs("offsets") {
		part := kmsg.NewOffsetCommitRequestTopicPartition()
		part.Partition, part.Offset = a.partition(p[0]), int64(a.partition(p[1]))
		part.LeaderEpoch, part.Metadata = int32(a.number("epoch", -1)), a.optional("meta")
		part.Timestamp = int64(a.number("timestamp", -1))
		topic.Partitions = append(topic.Partitions, part)
	}
	req.Topics = append(req.Topics, topic)
	return req
}

func (a arguments) fetch() *kmsg.OffsetFetchRequest {
	req := kmsg.NewPtrOffsetFetchRequest()
	req.Version, req.RequireStable = int16(a.number("v", 9)), a.Has("stable")
	groups := a.List("g")
	if groups == nil {
		groups = []string{"g"}
	}
	req.Group = groups[0]
	for _, id := range groups {
		group := kmsg.NewOffsetFetchRequestGroup()
		group.Group, group.MemberID, group.MemberEpoch = id, a.optional("member"), int32(a.number("epoch", -1))
		for _, p := range a.pairs("topics") {
			group.Topics = append(group.Topics, kmsg.OffsetFetchRequestGroupTopic{
				Topic: p[0], Partitions: []int32{a.partition(p[1])},
			})
		}
		req.Groups = append(req.Groups, group)
	}
	for _, t := range req.Groups[0].Topics {
		req.Topics = append(req.Topics, kmsg.OffsetFetchRequestTopic{Topic: t.Topic, Partitions: t.Partitions})
	}
	return req
}

func (a arguments) deleteOffsets() *kmsg.OffsetDeleteRequest {
	req := kmsg.NewPtrOffsetDeleteRequest()
	req.Group = a.Text("g", "g")
	topic := kmsg.OffsetDeleteRequestTopic{Topic: a.Text("topic", "t")}
	for _, p := range a.List("partitions") {
		topic.Partitions = append(topic.Partitions, kmsg.OffsetDeleteRequestTopicPartition{Partition: a.partition(p)})
	}
	req.Topics = append(req.Topics, topic)
	return req
}
