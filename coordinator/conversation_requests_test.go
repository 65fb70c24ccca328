package coordinator

import (
	"encoding/binary"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// arguments reads a command's arguments by name.
type arguments struct {
	t *testing.T
	d *datadriven.TestData
}

func (a arguments) list(name string) []string {
	for _, arg := range a.d.CmdArgs {
		if arg.Key == name {
			vals := slices.Clone(arg.Vals)
			for i := range vals {
				vals[i] = strange(vals[i])
			}
			return vals
		}
	}
	return nil
}

// odd is a name that no sane client has.
const odd = "a b%2F/\x00\n\u2603\xff"

// strange makes names that cannot stand in a conversation: LONG and a number for
// so many letters, and ODD.
func strange(value string) string {
	if n, err := strconv.Atoi(strings.TrimPrefix(value, "LONG")); err == nil && strings.HasPrefix(value, "LONG") {
		return strings.Repeat("x", n)
	}
	return strings.ReplaceAll(value, "ODD", odd)
}

var longName = regexp.MustCompile("x{1000,}")

// plain is the text of a conversation for one with strange names.
func plain(text string) string {
	text = longName.ReplaceAllStringFunc(text, func(s string) string { return fmt.Sprintf("LONG%d", len(s)) })
	return strings.ReplaceAll(text, odd, "ODD")
}

func (a arguments) has(name string) bool { return a.d.HasArg(name) }

func (a arguments) text(name, otherwise string) string {
	if v := a.list(name); len(v) > 0 {
		return v[0]
	}
	return otherwise
}

func (a arguments) optional(name string) *string {
	if !a.has(name) {
		return nil
	}
	s := a.text(name, "")
	return &s
}

func (a arguments) number(name string, otherwise int) int {
	a.t.Helper()
	if !a.has(name) {
		return otherwise
	}
	n, err := strconv.Atoi(a.text(name, ""))
	if err != nil {
		a.d.Fatalf(a.t, "%s: %v", name, err)
	}
	return n
}

func (a arguments) millis(name string, otherwise time.Duration) int32 {
	a.t.Helper()
	if a.has(name) {
		span, err := time.ParseDuration(a.text(name, ""))
		if err != nil {
			a.d.Fatalf(a.t, "%s: %v", name, err)
		}
		otherwise = span
	}
	return int32(otherwise.Milliseconds())
}

// pairs reads NAME:VALUE items.
func (a arguments) pairs(name string) [][2]string {
	var out [][2]string
	for _, item := range a.list(name) {
		key, value, _ := strings.Cut(item, ":")
		out = append(out, [2]string{key, value})
	}
	return out
}

func (a arguments) partition(s string) int32 {
	a.t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		a.d.Fatalf(a.t, "%v", err)
	}
	return int32(n)
}

// request sends one request; its answer is said whenever it comes.
func (c *conversation) request(t *testing.T, d *datadriven.TestData) {
	t.Helper()
	a := arguments{t, d}
	c.requests++
	tag := a.text("as", "#"+strconv.Itoa(c.requests))
	caller := Caller{
		ClientID: a.text("client", "c"), ClientHost: a.text("host", "/127.0.0.1"), Session: c.session(a.text("conn", "")),
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
		c.groups.DescribeGroups(&kmsg.DescribeGroupsRequest{Version: int16(a.number("v", 6)), Groups: a.list("g")},
			reply(c, tag, describeText))
	case "describe-consumer":
		c.groups.DescribeConsumerGroups(sent(t, &kmsg.ConsumerGroupDescribeRequest{Version: int16(a.number("v", 1)), Groups: a.list("g")}),
			reply(c, tag, describeConsumerText))
	case "list":
		c.groups.ListGroups(&kmsg.ListGroupsRequest{
			Version: 5, StatesFilter: a.list("states"), TypesFilter: a.list("types"),
		}, reply(c, tag, listText))
	case "delete":
		c.groups.DeleteGroups(&kmsg.DeleteGroupsRequest{Version: 3, Groups: a.list("g")}, reply(c, tag, deleteText))
	case "delete-offsets":
		c.groups.DeleteOffsets(sent(t, a.deleteOffsets()), reply(c, tag, deleteOffsetsText))
	case "rewind", "undo", "plan-undo", "rewound":
		c.rewind(d.Cmd, tag, a)
	case "inspect":
		c.inspect(tag, a.list("g"))
	case "drop-topics":
		c.groups.DropTopics(a.list("topics"), reply(c, tag, func(err error) string {
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
	c.lines.Lock()
	defer c.lines.Unlock()
	c.open[tag] = true
	return func(r R) {
		c.lines.Lock()
		again := !c.open[tag]
		delete(c.open, tag)
		c.lines.Unlock()
		if again {
			c.say("%s ANSWERED TWICE", tag)
		}
		r = travelled(c, r)
		c.say("%s %s", tag, text(r))
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
		c.say("an answer that cannot be read: %v", err)
	}
	out, _ := any(arrived).(R)
	return out
}

func (a arguments) join() *kmsg.JoinGroupRequest {
	req := kmsg.NewPtrJoinGroupRequest()
	req.Version = int16(a.number("v", 9))
	req.Group, req.MemberID, req.InstanceID = a.text("g", "g"), a.text("member", ""), a.optional("instance")
	req.SessionTimeoutMillis = a.millis("session", 10*time.Second)
	req.RebalanceTimeoutMillis = a.millis("rebalance", time.Minute)
	req.ProtocolType, req.Reason = a.text("type", "consumer"), a.optional("reason")
	if a.has("topics") {
		metadata := owning(subscription(a.list("topics")), a.list("owns"))
		if a.has("holds") || a.has("rack") {
			metadata = racked(holding(a.list("topics"), a.list("holds")), int32(a.number("of", -1)), a.text("rack", ""))
		}
		names := a.list("offers")
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
	if !a.has("topics") && !a.has("protocols") {
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
	req.Group, req.MemberID, req.InstanceID = a.text("g", "g"), a.text("member", ""), a.optional("instance")
	req.Generation = int32(a.number("gen", -1))
	protocolType, name := a.text("type", "consumer"), a.text("protocol", "range")
	if !a.has("untyped") {
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
	req.Group, req.MemberID, req.InstanceID = a.text("g", "g"), a.text("member", ""), a.optional("instance")
	req.Generation = int32(a.number("gen", -1))
	return req
}

func (a arguments) leave() *kmsg.LeaveGroupRequest {
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Version, req.Group = int16(a.number("v", 5)), a.text("g", "g")
	for _, item := range a.list("members") {
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
	req.Group, req.MemberID, req.InstanceID = a.text("g", "g"), a.text("member", ""), a.optional("instance")
	req.Generation = int32(a.number("gen", -1))
	if a.has("retention") {
		req.RetentionTimeMillis = int64(a.millis("retention", 0))
	}
	topic := kmsg.NewOffsetCommitRequestTopic()
	topic.Topic = a.text("topic", "t")
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
	req.Version, req.RequireStable = int16(a.number("v", 9)), a.has("stable")
	groups := a.list("g")
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
	req.Group = a.text("g", "g")
	topic := kmsg.OffsetDeleteRequestTopic{Topic: a.text("topic", "t")}
	for _, p := range a.list("partitions") {
		topic.Partitions = append(topic.Partitions, kmsg.OffsetDeleteRequestTopicPartition{Partition: a.partition(p)})
	}
	req.Topics = append(req.Topics, topic)
	return req
}
