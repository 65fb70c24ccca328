package cluster

import (
	"fmt"
	"strconv"
	"strings"
)

const (
	maxLong = "9223372036854775807"
	week    = "604800000" // ms
	day     = "86400000"  // ms
)

// DiskExemptKey is the topic setting that other rooms speak of.
const DiskExemptKey = "mainstem.retention.disk.exempt"

// ImportSourceKey is the topic setting that says what the topic is being imported from.
const ImportSourceKey = "mainstem.import.source"

// plain is a synonym in the same unit.
func plain(name string) []Unit { return []Unit{{name, 1}} }

// topicConfigDefs are the topic settings that this broker obeys, or refuses
// where obeying is not built. Defaults come from the broker's settings of the
// same meaning; the one here is what stands if there is none.
func topicConfigDefs() []ConfigDef {
	return []ConfigDef{
		{
			Name: "cleanup.policy", Rule: listOf("compact", "delete"), Default: "delete", Synonyms: plain("log.cleanup.policy"),
			Doc: "What happens to old records: delete drops them by age and size; compact keeps the newest record of " +
				"each key. Time and size retention never touch a topic without delete.",
		},
		{
			Name:    "compression.type",
			Rule:    oneOf("uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"),
			Default: "producer", Synonyms: plain("compression.type"), Refuse: refuseCompression,
			Doc: "The codec that batches are stored with. producer keeps what the producer chose.",
		},
		{
			Name: "flush.messages", Rule: longFrom(1), Default: "1", Synonyms: plain("log.flush.interval.messages"),
			Doc: "How many records may be acknowledged before they are on disk. 1 syncs before every " +
				"acknowledgement; a larger number lets a power cut take what the last flush missed.",
		},
		{
			Name: "flush.ms", Rule: longFrom(0), Default: maxLong,
			Synonyms: []Unit{{"log.flush.interval.ms", 1}, {"log.flush.scheduler.interval.ms", 1}},
			Doc: "How long records may wait for the disk after they were acknowledged. Setting it where flush.messages " +
				"is not set makes the topic asynchronous with this bound.",
		},
		{
			Name: "max.message.bytes", Rule: intFrom(0), Default: "1048588", Synonyms: plain("message.max.bytes"),
			Refuse: refuseBeyondSegment,
			Doc:    "The largest record batch that a producer may send, as compressed by it.",
		},
		{
			Name: "message.timestamp.type", Rule: oneOf("CreateTime", "LogAppendTime"), Default: "CreateTime",
			Synonyms: plain("log.message.timestamp.type"),
			Doc:      "Whether a record keeps the producer's time or gets the time of its append.",
		},
		{
			Name: "message.timestamp.before.max.ms", Rule: longFrom(0), Default: maxLong,
			Synonyms: plain("log.message.timestamp.before.max.ms"),
			Doc:      "How far behind the broker's clock a producer's timestamp may lie. Not applied to LogAppendTime.",
		},
		{
			Name: "message.timestamp.after.max.ms", Rule: longFrom(0), Default: "3600000",
			Synonyms: plain("log.message.timestamp.after.max.ms"),
			Doc:      "How far ahead of the broker's clock a producer's timestamp may lie. Not applied to LogAppendTime.",
		},
		{
			Name: "min.insync.replicas", Rule: intFrom(1), Default: "1", Synonyms: plain("min.insync.replicas"),
			Doc: "How many replicas must be in sync for a produce with acks=all to be taken.",
		},
		{
			Name: DiskExemptKey, Rule: boolean(), Default: "false",
			Doc: "Whether the topic keeps its records when the log is over its share of the disk (" + DiskShareKey + ").",
		},
		{
			Name: ImportSourceKey, Rule: importSource(), Null: true, Rare: true,
			Doc: "What the topic is being imported from. While it is set the topic takes records of an importer of that source " +
				"alone, keeps all of them, and is not compacted. It can be given when the topic is made, and taken away.",
		},
		{
			Name: "retention.bytes", Rule: anyLong(), Default: "-1", Synonyms: plain("log.retention.bytes"),
			Doc: "How large a partition may grow before its oldest batches go. A negative value means no limit.",
		},
		{
			Name: "retention.ms", Rule: longFrom(-1), Default: week, Synonyms: retentionUnits(),
			Doc: "How long a batch is kept, by the newest record timestamp in it. -1 means for ever.",
		},
		{
			Name: "remote.storage.enable", Rule: boolean(), Default: "false",
			Refuse: refuseTrue("there is no tiered storage in this broker; leave it false"),
			Doc:    "Whether old segments move to a remote store.",
		},
	}
}

func retentionUnits() []Unit {
	return []Unit{{"log.retention.ms", 1}, {"log.retention.minutes", 60_000}, {"log.retention.hours", 3_600_000}}
}

// topicHintDefs are the settings that speak of a layout or a feature that this
// broker does not have. Clients set them all the same (Kafka Streams always
// sets segment.bytes), so they are accepted and shown as stored.
func topicHintDefs() []ConfigDef {
	defs := []ConfigDef{
		{Name: "compression.gzip.level", Rule: gzipLevel(), Default: "-1", Doc: "The level when compression.type is gzip."},
		{Name: "compression.lz4.level", Rule: intBetween(1, 17), Default: "9", Doc: "The level when compression.type is lz4."},
		{Name: "compression.zstd.level", Rule: intBetween(-131072, 22), Default: "3", Doc: "The level when compression.type is zstd."},
		{Name: "file.delete.delay.ms", Rule: longFrom(0), Default: "60000", Doc: "How long a dropped segment file stays on disk."},
		{Name: "follower.replication.throttled.replicas", Rule: replicaList(), Doc: "Replicas whose fetching is throttled."},
		{Name: "leader.replication.throttled.replicas", Rule: replicaList(), Doc: "Replicas whose serving is throttled."},
		{Name: "index.interval.bytes", Rule: intFrom(0), Default: "4096", Doc: "Distance of index entries; here each batch has one."},
		{Name: "local.retention.bytes", Rule: longFrom(-2), Default: "-2", Doc: "What stays local of a tiered partition, in bytes."},
		{Name: "local.retention.ms", Rule: longFrom(-2), Default: "-2", Doc: "What stays local of a tiered partition, by age."},
		{Name: "preallocate", Rule: boolean(), Default: "false", Doc: "Whether a partition's segment files are preallocated."},
		{Name: "remote.log.copy.disable", Rule: boolean(), Default: "false", Doc: "Whether copying to the remote store is paused."},
		{Name: "remote.log.delete.on.disable", Rule: boolean(), Default: "false", Doc: "Whether remote data goes when tiering is switched off."},
		{Name: "segment.index.bytes", Rule: intFrom(4), Default: "10485760", Doc: "The size of an index file."},
		{Name: "segment.jitter.ms", Rule: longFrom(0), Default: "0", Doc: "Random part of the time until a segment is rolled."},
		{Name: "unclean.leader.election.enable", Rule: boolean(), Default: "false", Doc: "Whether a replica that lost records may lead if no other is left."},
	}
	synonyms := map[string][]Unit{
		"compression.gzip.level":         plain("compression.gzip.level"),
		"compression.lz4.level":          plain("compression.lz4.level"),
		"compression.zstd.level":         plain("compression.zstd.level"),
		"file.delete.delay.ms":           plain("log.segment.delete.delay.ms"),
		"index.interval.bytes":           plain("log.index.interval.bytes"),
		"local.retention.bytes":          plain("log.local.retention.bytes"),
		"local.retention.ms":             plain("log.local.retention.ms"),
		"preallocate":                    plain("log.preallocate"),
		"segment.index.bytes":            plain("log.index.size.max.bytes"),
		"segment.jitter.ms":              {{"log.roll.jitter.ms", 1}, {"log.roll.jitter.hours", 3_600_000}},
		"unclean.leader.election.enable": plain("unclean.leader.election.enable"),
	}
	for i := range defs {
		defs[i].Effect = Hint
		defs[i].Synonyms = synonyms[defs[i].Name]
	}
	return defs
}

// importSource is a name that somebody gave a source; what it means only the importer knows.
func importSource() Rule {
	const longest = 512
	return Rule{Type: TypeString, Expect: "1 to 512 characters of ASCII without spaces", ok: func(v string) bool {
		return v != "" && len(v) <= longest && !strings.ContainsFunc(v, func(c rune) bool { return c <= ' ' || c > '~' })
	}}
}

func refuseCompression(v string, _ Limits) string {
	if v == "producer" {
		return ""
	}
	return "this broker does not recompress batches yet; use producer and let the producer choose the codec"
}

func refuseBeyondSegment(v string, l Limits) string {
	// An entry in the log is a batch and its header, and never crosses a segment.
	const overhead = 64 << 10
	n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
	if err != nil || l.SegmentBytes == 0 || n <= l.SegmentBytes-overhead {
		return ""
	}
	return fmt.Sprintf("a batch must fit a segment of the log, so at most %d is possible with %s=%d",
		max(0, l.SegmentBytes-overhead), SegmentBytesKey, l.SegmentBytes)
}

func refuseTrue(reason string) func(string, Limits) string {
	return func(v string, _ Limits) string {
		if on, _ := parseBool(v); on {
			return reason
		}
		return ""
	}
}
