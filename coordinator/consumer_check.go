package coordinator

import (
	"slices"
	"strings"

	"github.com/mainstem-mq/mainstem/internal/pattern"
	"github.com/mainstem-mq/mainstem/protocol"
)

// What one member may say of itself. What it sends is kept in one record.
const (
	topicNamesMax = 1 << 15
	ownedMax      = 1 << 20 // partitions
	ownedTopics   = 1 << 17 // entries for them
)

// check finds what is wrong with a heartbeat by itself.
func (b *beat) check(config *Config) *protocol.Error {
	req := b.req
	bad := func(text string) *protocol.Error {
		return &protocol.Error{Code: protocol.InvalidRequest, Message: text}
	}
	empty := func(s *string) bool { return s != nil && *s == "" }
	switch {
	case req.Group == "":
		return bad("GroupId can't be empty.")
	case req.MemberID == "" && (req.Version > 0 || !b.joins()):
		return bad("MemberId can't be empty.")
	case empty(req.InstanceID):
		return bad("InstanceId can't be empty.")
	case empty(req.RackID):
		return bad("RackId can't be empty.")
	case req.MemberEpoch < epochAway:
		return bad("MemberEpoch is invalid.")
	case req.MemberEpoch == epochAway && req.InstanceID == nil:
		return bad("InstanceId can't be null.")
	case req.RebalanceTimeoutMillis < unchanged:
		return bad("RebalanceTimeoutMs is invalid.")
	case !b.fits(config):
		return bad("The request has more or longer names than a group can hold.")
	}
	if b.joins() {
		if _, cell := baseOf(req.Group); cell {
			return protocol.Errorf(protocol.InvalidGroupID, "GroupId is that of a broadcast group's member: join the group itself.")
		}
		switch {
		case req.RebalanceTimeoutMillis == unchanged:
			return bad("RebalanceTimeoutMs must be provided in first request.")
		case !b.told() || len(req.Topics) > 0:
			return bad("TopicPartitions must be empty when (re-)joining.")
		case req.SubscribedTopicNames == nil && req.SubscribedTopicRegex == nil:
			return bad("Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.")
		}
	}
	if a := req.ServerAssignor; a != nil && !slices.Contains(config.Assignors, *a) {
		return protocol.Errorf(protocol.UnsupportedAssignor,
			"ServerAssignor %s is not supported. Supported assignors: %s.", *a, strings.Join(config.Assignors, ", "))
	}
	if regex := deref(req.SubscribedTopicRegex); regex != "" {
		if _, err := pattern.Compile(regex); err != nil {
			return protocol.Errorf(protocol.InvalidRegularExpression, "SubscribedTopicRegex %q cannot be used: %v.", regex, err)
		}
	}
	return nil
}

// fits refuses what records could not hold, or could only just.
func (b *beat) fits(config *Config) bool {
	req := b.req
	for _, s := range []string{
		req.Group, req.MemberID, deref(req.InstanceID), deref(req.RackID), deref(req.SubscribedTopicRegex),
		deref(req.ServerAssignor), b.caller.ClientID, b.caller.ClientHost,
	} {
		if len(s) > stringMax {
			return false
		}
	}
	size, owned := 0, 0
	for _, name := range req.SubscribedTopicNames {
		if len(name) > stringMax {
			return false
		}
		size += len(name)
	}
	for i := range req.Topics {
		owned += len(req.Topics[i].Partitions)
	}
	return len(req.SubscribedTopicNames) <= topicNamesMax && size <= min(memberBytesMax, config.GroupBytesMax) &&
		owned <= ownedMax && len(req.Topics) <= ownedTopics
}

// metaOf is what a member says of itself, where it does not repeat it from before.
func (b *beat) metaOf(before *memberMeta) *memberMeta {
	req := b.req
	if b.classic != nil {
		meta := *b.classic
		if meta.instance == nil && before != nil {
			meta.instance = before.instance
		}
		return &meta
	}
	meta := memberMeta{}
	if before != nil {
		meta = *before
	}
	meta.clientID, meta.clientHost = b.caller.ClientID, b.caller.ClientHost
	if b.joins() {
		meta.classic = nil // whatever it was, it speaks this protocol now
	}
	if req.InstanceID != nil {
		meta.instance = req.InstanceID
	}
	if req.RackID != nil {
		meta.rack = req.RackID
	}
	if req.RebalanceTimeoutMillis != unchanged {
		meta.rebalanceTimeout = req.RebalanceTimeoutMillis
	}
	if req.ServerAssignor != nil {
		meta.assignor = req.ServerAssignor
	}
	if req.SubscribedTopicNames != nil {
		names := slices.Clone(req.SubscribedTopicNames)
		slices.Sort(names)
		meta.topics = slices.Compact(names)
	}
	if req.SubscribedTopicRegex != nil {
		meta.regex = nil
		if *req.SubscribedTopicRegex != "" {
			meta.regex = req.SubscribedTopicRegex
		}
	}
	return &meta
}

// equal reports whether nothing has to be recorded anew.
func (m *memberMeta) equal(o *memberMeta) bool {
	return m.sameSubscription(o) && same(m.instance, o.instance) && same(m.assignor, o.assignor) &&
		m.clientID == o.clientID && m.clientHost == o.clientHost && m.rebalanceTimeout == o.rebalanceTimeout &&
		m.classic.equal(o.classic)
}

// sameSubscription reports whether an assignor would see no difference.
func (m *memberMeta) sameSubscription(o *memberMeta) bool {
	return slices.Equal(m.topics, o.topics) && same(m.regex, o.regex) && same(m.rack, o.rack)
}

func same(a, b *string) bool { return (a == nil) == (b == nil) && deref(a) == deref(b) }
