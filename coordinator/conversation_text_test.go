package coordinator

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
)

func codeText(code int16) string {
	if code == 0 {
		return "ok"
	}
	return protocol.ErrorCode(code).String()
}

// named adds name=value to a line if there is a value.
func named(name, value string) string {
	if value == "" {
		return ""
	}
	return " " + name + "=" + value
}

func bytesText(b []byte) string {
	topics := map[string]struct{}{}
	if len(b) > 6 && b[0] == 0 && readSubscription(b, topics) {
		var names []string
		for t := range topics {
			names = append(names, t)
		}
		slices.Sort(names)
		of := ""
		if sub, ok := decodeSubscription(b); ok && sub.generationAt > 0 {
			if generation := int32(binary.BigEndian.Uint32(b[sub.generationAt:])); generation >= 0 {
				of = fmt.Sprintf(" of %d", generation)
			}
		}
		return "topics(" + strings.Join(names, " ") + of + ")"
	}
	return string(b)
}

func assignmentText(b []byte) string {
	if topics, ok := readAssignment(b); ok {
		return fmt.Sprint(topics)
	}
	return string(b)
}

func joinText(r *kmsg.JoinGroupResponse) string {
	if r.ErrorCode != 0 {
		return "join: " + codeText(r.ErrorCode) + named("member", r.MemberID)
	}
	text := fmt.Sprintf("join: ok gen=%d %s/%s leader=%s member=%s",
		r.Generation, deref(r.ProtocolType), deref(r.Protocol), r.LeaderID, r.MemberID)
	if r.SkipAssignment {
		text += " skip-assignment"
	}
	var members []string
	for _, m := range r.Members {
		item := m.MemberID
		if m.InstanceID != nil {
			item += "/" + *m.InstanceID
		}
		members = append(members, item+":"+bytesText(m.ProtocolMetadata))
	}
	return text + named("members", strings.Join(members, ","))
}

func syncText(r *kmsg.SyncGroupResponse) string {
	if r.ErrorCode != 0 {
		return "sync: " + codeText(r.ErrorCode)
	}
	return fmt.Sprintf("sync: ok %s/%s assignment=%q", deref(r.ProtocolType), deref(r.Protocol), assignmentText(r.MemberAssignment))
}

func heartbeatText(r *kmsg.HeartbeatResponse) string { return "heartbeat: " + codeText(r.ErrorCode) }

func leaveText(r *kmsg.LeaveGroupResponse) string {
	text := "leave: " + codeText(r.ErrorCode)
	for _, m := range r.Members {
		text += " " + m.MemberID
		if m.InstanceID != nil {
			text += "/" + *m.InstanceID
		}
		text += ":" + codeText(m.ErrorCode)
	}
	return text
}

func commitText(r *kmsg.OffsetCommitResponse) string {
	text := "commit:"
	for _, t := range r.Topics {
		for _, p := range t.Partitions {
			text += fmt.Sprintf(" %s-%d:%s", t.Topic, p.Partition, codeText(p.ErrorCode))
		}
	}
	return text
}

func fetchText(r *kmsg.OffsetFetchResponse) string {
	text := "fetch: " + codeText(r.ErrorCode)
	topics := make([]kmsg.OffsetFetchResponseGroupTopic, 0, len(r.Topics))
	for _, t := range r.Topics {
		topic := kmsg.OffsetFetchResponseGroupTopic{Topic: t.Topic}
		for _, p := range t.Partitions {
			topic.Partitions = append(topic.Partitions, kmsg.OffsetFetchResponseGroupTopicPartition(p))
		}
		topics = append(topics, topic)
	}
	if r.Version < 8 {
		return text + offsetsText(topics)
	}
	text = "fetch:"
	for _, g := range r.Groups {
		text += " [" + g.Group + ": " + codeText(g.ErrorCode) + offsetsText(g.Topics) + "]"
	}
	return text
}

func offsetsText(topics []kmsg.OffsetFetchResponseGroupTopic) string {
	var items []string
	for _, t := range topics {
		for _, p := range t.Partitions {
			item := fmt.Sprintf(" %s-%d=%d", t.Topic, p.Partition, p.Offset)
			if p.LeaderEpoch >= 0 {
				item += fmt.Sprintf("@%d", p.LeaderEpoch)
			}
			if deref(p.Metadata) != "" {
				item += fmt.Sprintf("%q", *p.Metadata)
			}
			if p.ErrorCode != 0 {
				item += ":" + codeText(p.ErrorCode)
			}
			items = append(items, item)
		}
	}
	slices.Sort(items)
	return strings.Join(items, "")
}

func describeText(r *kmsg.DescribeGroupsResponse) string {
	text := "describe:"
	for _, g := range r.Groups {
		text += fmt.Sprintf("\n   %s: %s %s", g.Group, codeText(g.ErrorCode), g.State)
		text += named("type", g.ProtocolType) + named("protocol", g.Protocol) + named("message", deref(g.ErrorMessage))
		for _, m := range g.Members {
			text += "\n      " + m.MemberID + named("instance", deref(m.InstanceID)) + named("client", m.ClientID) +
				named("host", m.ClientHost) + named("metadata", bytesText(m.ProtocolMetadata)) +
				named("assignment", assignmentText(m.MemberAssignment))
		}
	}
	return text
}

func listText(r *kmsg.ListGroupsResponse) string {
	var items []string
	for _, g := range r.Groups {
		items = append(items, fmt.Sprintf(" %s:%s/%s/%s", g.Group, g.GroupState, g.ProtocolType, g.GroupType))
	}
	slices.Sort(items)
	return "list: " + codeText(r.ErrorCode) + strings.Join(items, "")
}

func deleteText(r *kmsg.DeleteGroupsResponse) string {
	text := "delete:"
	for _, g := range r.Groups {
		text += " " + g.Group + ":" + codeText(g.ErrorCode)
	}
	return text
}

func deleteOffsetsText(r *kmsg.OffsetDeleteResponse) string {
	text := "delete-offsets: " + codeText(r.ErrorCode)
	for _, t := range r.Topics {
		for _, p := range t.Partitions {
			text += fmt.Sprintf(" %s-%d:%s", t.Topic, p.Partition, codeText(p.ErrorCode))
		}
	}
	return text
}

// recordText decodes a record as a tool would that reads the topic.
func recordText(r Record) string {
	if r.Txn != nil {
		return txnText(r)
	}
	if len(r.Key) > 5 && r.Key[0] == ownKeyVersion>>8 && r.Key[1] == ownKeyVersion&0xff {
		return ownText(r)
	}
	if len(r.Key) > 1 && r.Key[1] > groupKeyVersion {
		return consumerRecordText(r)
	}
	if len(r.Key) > 1 && r.Key[1] == groupKeyVersion {
		var key kmsg.GroupMetadataKey
		if err := key.ReadFrom(r.Key); err != nil {
			return err.Error()
		}
		if r.Value == nil {
			return "group " + key.Group + " deleted"
		}
		v, err := decodeGroupValue(r.Value)
		if err != nil {
			return err.Error()
		}
		text := fmt.Sprintf("group %s gen=%d type=%q protocol=%s leader=%s at=%d",
			key.Group, v.Generation, v.ProtocolType, deref(v.Protocol), deref(v.Leader), v.CurrentStateTimestamp)
		for _, m := range v.Members {
			text += "\n      member " + m.MemberID + named("instance", deref(m.InstanceID)) +
				fmt.Sprintf(" session=%d rebalance=%d", m.SessionTimeoutMillis, m.RebalanceTimeoutMillis) +
				named("subscription", bytesText(m.Subscription)) + named("assignment", assignmentText(m.Assignment))
		}
		return text
	}
	var key kmsg.OffsetCommitKey
	if err := key.ReadFrom(r.Key); err != nil {
		return err.Error()
	}
	text := fmt.Sprintf("offset %s %s-%d", key.Group, key.Topic, key.Partition)
	if r.Value == nil {
		return text + " deleted"
	}
	c, err := decodeOffset(r)
	if err != nil {
		return err.Error()
	}
	text += fmt.Sprintf(" = %d at=%d", c.offset, c.commitTime)
	if c.leaderEpoch >= 0 {
		text += fmt.Sprintf(" epoch=%d", c.leaderEpoch)
	}
	if !c.topic.IsZero() {
		text += fmt.Sprintf(" topic=%d", c.topic[0])
	}
	if c.expireTime != noTime {
		text += fmt.Sprintf(" expires=%d", c.expireTime)
	}
	return text + named("metadata", c.metadata)
}

func eventText(e Event) string {
	text := e.Kind.String() + named("group", e.Group) + named("member", e.Member)
	switch e.Kind {
	case RebalanceStarted, GenerationFormed, GroupStabilized:
		text += fmt.Sprintf(" gen=%d members=%d", e.Generation, e.Members)
	case GroupEmptied:
		text += fmt.Sprintf(" gen=%d", e.Generation)
	case ShardLoaded:
		text += fmt.Sprintf(" groups=%d offsets=%d", e.Groups, e.Count)
	case OffsetsExpired, OffsetsDropped, RecordSkipped, RewindStarted, RewindEnded, PatternRefused:
		text += fmt.Sprintf(" count=%d", e.Count)
	case ShardLoading, ShardLoadFailed, ShardUnloaded, AppendFailed, GroupDeleted, MemberRemoved, GroupConverted, ConversionRefused, AssignmentRefused:
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text + named("reason", e.Reason)
}

func metricsText(m Metrics) string {
	text := fmt.Sprintf("offsets=%d commits=%d rebalances=%d expired=%d shards=%d", m.Offsets, m.Commits, m.Rebalances, m.Expired, m.ShardsLoaded)
	if m.Ignored > 0 {
		text += fmt.Sprintf(" ignored=%d", m.Ignored)
	}
	for _, phase := range []RewindPhase{RewindEmptying, RewindDone} {
		if n := m.Rewinds[phase]; n > 0 {
			text += fmt.Sprintf(" rewinds:%s=%d", phase, n)
		}
	}
	for state := range stateCount {
		text += fmt.Sprintf(" %s=%d", state, m.Groups[GroupClass{kindClassic.String(), state.String()}])
	}
	for state := range consumerStateCount {
		if n := m.Groups[GroupClass{kindConsumer.String(), state.String()}]; n > 0 {
			text += fmt.Sprintf(" consumer:%s=%d", state, n)
		}
	}
	if m.Cells > 0 {
		text += fmt.Sprintf(" cells=%d", m.Cells)
	}
	return text
}
