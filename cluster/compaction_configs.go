package cluster

import "math"

// Names of broker settings of compaction that other rooms ask for.
const (
	CleanerEnableKey  = "log.cleaner.enable"
	CleanerBackoffKey = "log.cleaner.backoff.ms"
	CleanerBufferKey  = "log.cleaner.dedupe.buffer.size"
	CleanerLoadKey    = "log.cleaner.io.buffer.load.factor"
	CleanerRateKey    = "log.cleaner.io.max.bytes.per.second"
	OffsetsSegmentKey = "offsets.topic.segment.bytes"
)

const (
	internalSegmentKey = "internal.segment.bytes"
	maxDouble          = "1.7976931348623157E308"
)

// CompactionSettings are the settings of a compacted topic.
type CompactionSettings struct {
	DirtyRatio        float64 // min.cleanable.dirty.ratio
	MinLagMs          int64
	MaxLagMs          int64
	DeleteRetentionMs int64
	// SegmentBytes and SegmentMs bound the part at a partition's end that is
	// left alone, as Kafka leaves its newest segment alone.
	SegmentBytes, SegmentMs int64
}

// topicCompactionDefs are the settings of compacted topics.
func topicCompactionDefs() []ConfigDef {
	defs := []ConfigDef{
		{
			Name: "delete.retention.ms", Rule: longFrom(0), Default: day, Synonyms: plain("log.cleaner.delete.retention.ms"),
			Doc: "How long a tombstone stays in a compacted topic after the compaction that first met it: the time that a reader " +
				"has from the beginning to the end.",
		},
		{
			Name: "max.compaction.lag.ms", Rule: longFrom(1), Default: maxLong, Synonyms: plain("log.cleaner.max.compaction.lag.ms"),
			Doc: "The longest that a record may escape compaction, whatever the dirty ratio. Only the newest batch of a partition may for ever.",
		},
		{
			Name: "min.compaction.lag.ms", Rule: longFrom(0), Default: "0", Synonyms: plain("log.cleaner.min.compaction.lag.ms"),
			Doc: "How long a record stays uncompacted at least, by its batch's largest timestamp.",
		},
		{
			Name: "min.cleanable.dirty.ratio", Rule: ratio(), Default: "0.5", Synonyms: plain("log.cleaner.min.cleanable.ratio"),
			Doc: "The share of a partition's bytes that no compaction has seen, above which it is compacted.",
		},
		{
			Name: "segment.bytes", Rule: intFrom(1 << 20), Default: "1073741824", Synonyms: plain("log.segment.bytes"), Effect: CompactedOnly,
			Doc: "As many of the newest bytes of a partition, at most, are not compacted yet: what stands in the newest segment in Kafka. " +
				"The log's files have another size: all partitions share one log.",
		},
		{
			Name: "segment.ms", Rule: longFrom(1), Default: week, Effect: CompactedOnly,
			Synonyms: []Unit{{"log.roll.ms", 1}, {"log.roll.hours", 3_600_000}},
			Doc:      "Of how long a time, at most, the newest records are not compacted yet: after which Kafka begins a new segment.",
		},
		{
			Name: internalSegmentKey, Rule: intFrom(0), Null: true, Hidden: true, Effect: CompactedOnly,
			Doc: "segment.bytes below the usual minimum, for tests.",
		},
	}
	return defs
}

// brokerCompactionDefs are the defaults of those, and the settings of what
// compacts.
func brokerCompactionDefs() []ConfigDef {
	defs := []ConfigDef{
		{Name: "log.cleaner.delete.retention.ms", Rule: longFrom(0), Default: day, Doc: "The delete.retention.ms of topics that do not set it."},
		{Name: "log.cleaner.max.compaction.lag.ms", Rule: longFrom(1), Default: maxLong, Doc: "The max.compaction.lag.ms of topics that do not set it."},
		{Name: "log.cleaner.min.compaction.lag.ms", Rule: longFrom(0), Default: "0", Doc: "The min.compaction.lag.ms of topics that do not set it."},
		{Name: "log.cleaner.min.cleanable.ratio", Rule: ratio(), Default: "0.5", Doc: "The min.cleanable.dirty.ratio of topics that do not set it."},
		{
			Name: "log.segment.bytes", Rule: intFrom(1 << 20), Default: "1073741824", Effect: CompactedOnly, Instead: SegmentBytesKey,
			Doc: "The segment.bytes of topics that do not set it; the size of the log's files is mainstem.log.segment.bytes.",
		},
		{
			Name: "log.roll.ms", Rule: longFrom(1), Null: true, Effect: CompactedOnly,
			Synonyms: []Unit{{"log.roll.hours", 3_600_000}}, Doc: "The segment.ms of topics that do not set it.",
		},
		{Name: CleanerBackoffKey, Rule: longFrom(0), Default: "15000", Doc: "How long compaction pauses when there is nothing to do."},
		{
			Name: CleanerBufferKey, Rule: longFrom(1 << 20), Default: "67108864",
			Doc: "The most memory of compaction's map of keys, 24 bytes a key and some room. A partition with more new keys takes several compactions.",
		},
		{
			Name: CleanerLoadKey, Rule: ratio(), Default: "0.9",
			Doc: "How full compaction's map of keys may be: more keys at a time, or a quicker search.",
		},
		{
			Name: CleanerRateKey, Rule: doubleBetween(0, math.MaxFloat64), Default: maxDouble,
			Doc: "How many bytes a second compaction may read and write, together.",
		},
	}
	for i := range defs {
		defs[i].Dynamic = ClusterWide
	}
	return append(defs, []ConfigDef{
		{
			Name: CleanerEnableKey, Rule: boolean(), Default: "true",
			Doc: "Whether topics with cleanup.policy=compact are compacted. Without it they, and the offsets of groups, grow for ever.",
		},
		{
			Name: "log.roll.hours", Rule: intFrom(1), Default: "168", Effect: CompactedOnly,
			Doc: "The segment.ms of topics that do not set it, in hours.",
		},
		{
			Name: OffsetsSegmentKey, Rule: intFrom(1), Default: "4194304",
			Doc: "The segment.bytes of __consumer_offsets: as many bytes of commits a partition, at most, wait for compaction. " +
				"Has effect when the topic is created, at the first start.",
		},
	}...)
}

// decodeCompaction reads the settings of compaction.
func decodeCompaction(number func(key string) int64, text func(key string) string) CompactionSettings {
	s := CompactionSettings{
		DirtyRatio:        decimal(text("min.cleanable.dirty.ratio")),
		MinLagMs:          number("min.compaction.lag.ms"),
		MaxLagMs:          number("max.compaction.lag.ms"),
		DeleteRetentionMs: number("delete.retention.ms"),
		SegmentBytes:      number("segment.bytes"),
		SegmentMs:         number("segment.ms"),
	}
	if text(internalSegmentKey) != "" {
		s.SegmentBytes = number(internalSegmentKey)
	}
	return s
}
