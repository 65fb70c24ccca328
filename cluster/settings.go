package cluster

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// TopicSettings are the obeyed settings of a topic, decoded. The hot paths
// hold on to one for the length of a request.
type TopicSettings struct {
	RetentionMs       int64 // negative: for ever
	RetentionBytes    int64 // negative: no limit
	Delete, Compact   bool  // cleanup.policy
	DiskExempt        bool  // its records stay when the log is over its share of the disk
	Sync              bool  // durable before it is acknowledged
	FlushMessages     int64
	FlushMs           int64 // bound of what is not Sync
	MaxMessageBytes   int64
	LogAppendTime     bool // message.timestamp.type
	TimestampBeforeMs int64
	TimestampAfterMs  int64
	MinInsyncReplicas int64
	ImportSource      string // what the topic is being imported from; empty: it is not
	Compaction        CompactionSettings

	source settingsSource
}

// settingsSource says what a TopicSettings was decoded from.
type settingsSource struct {
	resolver *Resolver
	epoch    uint64 // Image.ids.configEpoch
}

// TopicSettings returns the topic's settings as of the image. They are decoded
// once per topic and broker-wide change, then found again with one atomic load.
func (r *Resolver) TopicSettings(img *Image, t *Topic) *TopicSettings {
	source := settingsSource{resolver: r, epoch: img.ids.configEpoch}
	if s := t.settings.Load(); s != nil && s.source == source {
		return s
	}
	s := r.decodeSettings(img, t)
	s.source = source
	t.settings.Store(s)
	return s
}

func (r *Resolver) decodeSettings(img *Image, t *Topic) *TopicSettings {
	value := func(key string) string {
		d := topicDefs().byName[key]
		v, _ := effective(d, r.topicChain(img, t.Configs, d))
		return v
	}
	number := func(key string) int64 {
		n, err := strconv.ParseInt(strings.TrimSpace(value(key)), 10, 64)
		if err != nil { // values are validated before they are stored: a newer build's, then
			n, _ = strconv.ParseInt(topicDefs().byName[key].Default, 10, 64)
		}
		return n
	}
	policy := ParseList(value("cleanup.policy"))
	exempt, _ := parseBool(value(DiskExemptKey))
	s := &TopicSettings{
		RetentionMs:       number("retention.ms"),
		RetentionBytes:    number("retention.bytes"),
		Delete:            slices.Contains(policy, "delete"),
		Compact:           slices.Contains(policy, "compact"),
		DiskExempt:        exempt,
		FlushMessages:     number("flush.messages"),
		FlushMs:           number("flush.ms"),
		MaxMessageBytes:   number("max.message.bytes"),
		LogAppendTime:     value("message.timestamp.type") == "LogAppendTime",
		TimestampBeforeMs: number("message.timestamp.before.max.ms"),
		TimestampAfterMs:  number("message.timestamp.after.max.ms"),
		MinInsyncReplicas: number("min.insync.replicas"),
		ImportSource:      t.Configs[ImportSourceKey],
		Compaction:        decodeCompaction(number, value),
	}
	s.Sync = t.Internal || r.syncs(img, t, s)
	if t.Internal { // state, of which the newest record counts however old it is
		s.Delete, s.Compact = false, true
	}
	return s
}

// decimal reads a number that was validated before it was stored.
func decimal(v string) float64 {
	n, _ := strconv.ParseFloat(strings.TrimSpace(v), 64)
	return n
}

// syncs decides between sync and async. A larger flush.messages is async. So
// is flush.ms, unless flush.messages=1 was set as close to the topic or
// closer: in Kafka too the two are alternatives, and the stricter one wins,
// but here strict is the default, which must not win over what was set.
func (r *Resolver) syncs(img *Image, t *Topic, s *TopicSettings) bool {
	if s.FlushMessages > 1 {
		return false
	}
	if s.FlushMs == math.MaxInt64 {
		return true
	}
	source := func(key string) ConfigSource {
		d := topicDefs().byName[key]
		_, source := effective(d, r.topicChain(img, t.Configs, d))
		return source
	}
	// The numbers of these sources rise with the distance from the topic.
	return source("flush.messages") <= source("flush.ms")
}
