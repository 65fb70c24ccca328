package cluster

import (
	"strings"
)

// Names of broker settings that other rooms ask for.
const (
	NodeIDKey              = "node.id"
	BrokerIDKey            = "broker.id"
	RackKey                = "broker.rack"
	ListenersKey           = "listeners"
	AdvertisedListenersKey = "advertised.listeners"
	ProtocolMapKey         = "listener.security.protocol.map"
	LogDirsKey             = "log.dirs"
	LogDirKey              = "log.dir"
	HTTPListenKey          = "mainstem.http.listen"
	SegmentBytesKey        = "mainstem.log.segment.bytes"
	RingBytesKey           = "mainstem.log.tail.ring.bytes"
	PadGroupsKey           = "mainstem.log.pad.groups"
	ProducerStatesKey      = "mainstem.producer.states.max"
	ScrubKey               = "mainstem.scrub.bytes.per.second"
	RelocateBelowKey       = "mainstem.relocate.below.percent"
	RelocateRateKey        = "mainstem.relocate.bytes.per.second"
	LogLevelKey            = "mainstem.log.level"
	RebalanceProtocolsKey  = "group.coordinator.rebalance.protocols"
	DiskWarnKey            = "mainstem.disk.free.warn.bytes"
	DiskMinKey             = "mainstem.disk.free.min.bytes"
	DiskBallastKey         = "mainstem.disk.ballast.bytes"
	DiskShareKey           = "mainstem.retention.disk.percent"
	BrokerPartitionsKey    = "mainstem.partitions.max"
	TelemetryBytesKey      = "telemetry.max.bytes"
	TelemetrySeriesKey     = "mainstem.telemetry.series.max"
)

// shardsMax bounds the shards of a coordinator: each costs
// memory from the start, and a typing error must not take all there is.
const shardsMax = 10_000

// brokerConfigDefs are the broker settings that are obeyed, but for those of
// the log, which brokerLogDefs has.
func brokerConfigDefs() []ConfigDef {
	return append(append(append(brokerNetworkDefs(), brokerGroupDefs()...), brokerTxnDefs()...), []ConfigDef{
		{
			Name: NodeIDKey, Rule: intFrom(0), Default: "1",
			Doc: "This node's number. A data directory belongs to the node that made it.",
		},
		{Name: BrokerIDKey, Rule: intFrom(-1), Default: "-1", Doc: "The older name of node.id; -1 means not set."},
		{Name: RackKey, Rule: text(), Null: true, Doc: "Where the broker stands, as told to clients and used to place replicas."},
		{
			Name: LogDirsKey, Rule: list(), Null: true, Synonyms: plain(LogDirKey), Refuse: refuseSeveralDirs,
			Doc: "The data directory. One only: all partitions share one log.",
		},
		{
			Name: LogDirKey, Rule: list(), Default: "./mainstem-data", Refuse: refuseSeveralDirs,
			Doc: "The data directory if log.dirs is not set.",
		},
		{Name: "num.partitions", Rule: intFrom(1), Default: "1", Doc: "Partitions of a topic whose creator does not say."},
		{
			Name: BrokerPartitionsKey, Rule: longFrom(1), Default: "1000000", Dynamic: ClusterWide,
			Doc: "The most partitions that there may be in all; a topic has at most 100,000. What would pass it is refused with POLICY_VIOLATION.",
		},
		{Name: "default.replication.factor", Rule: intFrom(1), Default: "1", Doc: "Replicas of a partition whose creator does not say."},
		{Name: "auto.create.topics.enable", Rule: boolean(), Default: "true", Doc: "Whether producing to or asking for an unknown topic creates it."},
		{Name: "delete.topic.enable", Rule: boolean(), Default: "true", Doc: "Whether topics can be deleted."},
		{
			Name: "max.request.partition.size.limit", Rule: intFrom(1), Default: "2000",
			Doc: "The most partitions that one answer to DescribeTopicPartitions holds.",
		},
		{Name: HTTPListenKey, Rule: text(), Default: "127.0.0.1:9644", Doc: "Where metrics and health are served by HTTP; empty for nowhere."},
		{Name: LogLevelKey, Rule: oneOf("debug", "info", "warn", "error"), Default: "info", Doc: "What the broker tells about itself."},
	}...)
}

func brokerNetworkDefs() []ConfigDef {
	return []ConfigDef{
		{
			Name: ListenersKey, Rule: list(), Default: "PLAINTEXT://127.0.0.1:9092",
			Doc: "The addresses to listen on, as NAME://HOST:PORT, separated by commas; an empty host is all addresses.",
		},
		{
			Name: AdvertisedListenersKey, Rule: list(), Null: true,
			Doc: "The addresses that clients are told to connect to, by listener name; those of listeners if not set.",
		},
		{
			Name: ProtocolMapKey, Rule: list(), Default: "PLAINTEXT:PLAINTEXT",
			Doc: "The security protocol of each listener name. Only PLAINTEXT is built; a name that is not listed has it.",
		},
		{
			Name: "max.connections", Rule: intFrom(0), Default: "2147483647", Dynamic: ClusterWide,
			Doc: "The most connections at a time; who comes then waits.",
		},
		{
			Name: "max.connections.per.ip", Rule: intFrom(0), Default: "2147483647", Dynamic: ClusterWide,
			Doc: "The most connections at a time from one address; who comes then is closed.",
		},
		{
			Name: "max.connections.per.ip.overrides", Rule: overrides(), Dynamic: ClusterWide,
			Doc: "Other limits for some addresses, as HOST:LIMIT, separated by commas.",
		},
		{Name: "connections.max.idle.ms", Rule: anyLong(), Default: "600000", Doc: "How long a connection without requests stays open."},
		{Name: "socket.request.max.bytes", Rule: intFrom(1), Default: "104857600", Doc: "The largest request that is read; larger ones close the connection."},
		{
			Name: "queued.max.request.bytes", Rule: anyLong(), Default: "67108864",
			Doc: "Memory for requests that are read but not answered; reading waits when it is used up. -1 means no limit.",
		},
		{Name: "fetch.max.bytes", Rule: intFrom(1024), Default: "57671680", Doc: "The most bytes that one fetch answer holds, whatever the client asks."},
		{
			Name: TelemetryBytesKey, Rule: intFrom(1), Default: "1048576",
			Doc: "The largest push of metrics that a client may send, compressed as it comes. Uncompressed it may have four times that.",
		},
		{
			Name: TelemetrySeriesKey, Rule: intFrom(0), Default: "20000",
			Doc: "How many series of metrics that clients push are kept and shown by /metrics, for all clients together; one client may have a quarter. " +
				"0: clients are not offered to push any.",
		},
		{
			Name: "max.incremental.fetch.session.cache.slots", Rule: intFrom(0), Default: "1000",
			Doc: "How many fetch sessions are remembered; clients without one send full requests.",
		},
	}
}

func brokerGroupDefs() []ConfigDef {
	return []ConfigDef{
		{
			Name: RebalanceProtocolsKey, Rule: rebalanceProtocols(), Default: "classic,consumer",
			Doc: "The protocols that groups may use. Without consumer, members of that protocol are refused, and clients that choose by themselves take classic.",
		},
		{Name: "group.initial.rebalance.delay.ms", Rule: intFrom(0), Default: "3000", Doc: "How long a new group waits for more members before its first rebalance."},
		{Name: "group.min.session.timeout.ms", Rule: intFrom(0), Default: "6000", Doc: "The shortest session timeout that a member may ask for."},
		{Name: "group.max.session.timeout.ms", Rule: intFrom(0), Default: "1800000", Doc: "The longest session timeout that a member may ask for."},
		{Name: "group.max.size", Rule: intFrom(1), Default: "2147483647", Doc: "The most members of one group."},
		{Name: "group.consumer.session.timeout.ms", Rule: intFrom(1), Default: "45000", Doc: "How long a silent member of a consumer-protocol group stays, unless its group says."},
		{Name: "group.consumer.min.session.timeout.ms", Rule: intFrom(1), Default: "45000", Doc: "The shortest session timeout that a consumer-protocol group may have."},
		{Name: "group.consumer.max.session.timeout.ms", Rule: intFrom(1), Default: "60000", Doc: "The longest session timeout that a consumer-protocol group may have."},
		{Name: "group.consumer.heartbeat.interval.ms", Rule: intFrom(1), Default: "5000", Doc: "How often members of a consumer-protocol group send heartbeats, unless their group says."},
		{Name: "group.consumer.min.heartbeat.interval.ms", Rule: intFrom(1), Default: "5000", Doc: "The shortest heartbeat interval that a consumer-protocol group may have."},
		{Name: "group.consumer.max.heartbeat.interval.ms", Rule: intFrom(1), Default: "15000", Doc: "The longest heartbeat interval that a consumer-protocol group may have."},
		{
			Name: assignorsKey, Rule: someOf(assignorUniform, assignorRange), Default: "uniform,range",
			Doc: "The ways of dealing out partitions that members of a consumer-protocol group may ask for; the first is used if none does.",
		},
		{
			Name: "group.consumer.migration.policy", Rule: anyCase(oneOf("bidirectional", "upgrade", "downgrade", "disabled")), Default: "bidirectional",
			Doc: "Whether a running group goes over to the consumer protocol when such a member joins (upgrade), back when only classic ones are left (downgrade), both or neither.",
		},
		{Name: "group.consumer.max.size", Rule: intFrom(1), Default: "2147483647", Doc: "The most members of one consumer-protocol group."},
		{
			Name: BroadcastPrefixesKey, Rule: list(), Dynamic: ClusterWide,
			Doc: "Groups whose names begin with one of these are consumed by broadcast: every member gets every partition, and has offsets of its own. " +
				ConsumeModeKey + " of the group overrides it.",
		},
		{Name: "offset.metadata.max.bytes", Rule: intFrom(0), Default: "4096", Doc: "The longest text that may come with a committed offset."},
		{Name: "offsets.retention.minutes", Rule: intFrom(1), Default: "10080", Doc: "How long the offsets of an empty group, or of a topic nobody in it subscribes, are kept."},
		{Name: "offsets.retention.check.interval.ms", Rule: longFrom(1), Default: "600000", Doc: "How often offsets are looked at for expiry."},
		{Name: "offsets.topic.num.partitions", Rule: intBetween(1, shardsMax), Default: "50", Doc: "Partitions of __consumer_offsets; has effect when it is created, at the first start."},
		{
			Name: "producer.id.expiration.ms", Rule: intFrom(1), Default: day, Dynamic: ClusterWide,
			Doc: "How long the state of a silent idempotent producer is kept.",
		},
		{
			Name: ProducerStatesKey, Rule: intFrom(1), Default: "10000",
			Doc: "How many idempotent producers one partition remembers; the longest silent one is forgotten for a new one.",
		},
	}
}

// brokerDiskDefs are the settings for a disk that gets full.
func brokerDiskDefs() []ConfigDef {
	return []ConfigDef{
		{
			Name: DiskWarnKey, Rule: longFrom(-1), Default: "-1", Dynamic: ClusterWide,
			Doc: "Below so many free bytes the broker warns and applies retention at once. -1 means twice the limit of " + DiskMinKey +
				" and a twentieth of the disk, at most a quarter of it.",
		},
		{
			Name: DiskMinKey, Rule: longFrom(-1), Default: "-1", Dynamic: ClusterWide,
			Doc: "Below so many free bytes producers are refused with KAFKA_STORAGE_ERROR, which they retry; all else goes on, " +
				"the creation of topics as long as half of what this leaves beside a segment is free. " +
				"-1 means a segment and a hundredth of the disk, at most an eighth of it.",
		},
		{
			Name: DiskBallastKey, Rule: longFrom(-1), Default: "-1", Dynamic: ClusterWide,
			Doc: "The size of the ballast file, whose room is for metadata and deletions on a full disk. " +
				"-1 means a little more than a segment, at most a sixteenth of the disk; 0 means none.",
		},
		{
			Name: DiskShareKey, Rule: intBetween(0, 100), Default: "0", Dynamic: ClusterWide,
			Doc: "The share of the disk that the segments of the log may take, in percent. Beyond it the oldest records go, " +
				"of all topics that delete and are not exempt, whatever their retention. 0 means no limit.",
		},
	}
}

// brokerLogDefs are the settings of the log, most of them the defaults of
// topic settings.
func brokerLogDefs() []ConfigDef {
	return []ConfigDef{
		{
			Name: "log.cleanup.policy", Rule: listOf("compact", "delete"), Default: "delete", Dynamic: ClusterWide,
			Doc: "The cleanup.policy of topics that do not set it.",
		},
		{
			Name: "compression.type", Rule: oneOf("uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"),
			Default: "producer", Dynamic: ClusterWide, Refuse: refuseCompression,
			Doc: "The compression.type of topics that do not set it.",
		},
		{
			Name: "log.flush.interval.messages", Rule: longFrom(1), Default: "1", Dynamic: ClusterWide,
			Doc: "The flush.messages of topics that do not set it. 1 means that every acknowledged record is on disk.",
		},
		{
			Name: "log.flush.interval.ms", Rule: longFrom(0), Null: true, Dynamic: ClusterWide,
			Synonyms: plain("log.flush.scheduler.interval.ms"),
			Doc:      "The flush.ms of topics that do not set it.",
		},
		{Name: "log.flush.scheduler.interval.ms", Rule: anyLong(), Default: maxLong, Doc: "The flush.ms of topics if nothing closer is set."},
		{
			Name: "message.max.bytes", Rule: intFrom(0), Default: "1048588", Dynamic: ClusterWide, Refuse: refuseBeyondSegment,
			Doc: "The max.message.bytes of topics that do not set it.",
		},
		{
			Name: "log.message.timestamp.type", Rule: oneOf("CreateTime", "LogAppendTime"), Default: "CreateTime",
			Dynamic: ClusterWide, Doc: "The message.timestamp.type of topics that do not set it.",
		},
		{
			Name: "log.message.timestamp.before.max.ms", Rule: longFrom(0), Default: maxLong, Dynamic: ClusterWide,
			Doc: "The message.timestamp.before.max.ms of topics that do not set it.",
		},
		{
			Name: "log.message.timestamp.after.max.ms", Rule: longFrom(0), Default: "3600000", Dynamic: ClusterWide,
			Doc: "The message.timestamp.after.max.ms of topics that do not set it.",
		},
		{
			Name: "min.insync.replicas", Rule: intFrom(1), Default: "1", Dynamic: ClusterWide,
			Doc: "The min.insync.replicas of topics that do not set it.",
		},
		{
			Name: "log.retention.bytes", Rule: anyLong(), Default: "-1", Dynamic: ClusterWide,
			Doc: "The retention.bytes of topics that do not set it.",
		},
		{
			Name: "log.retention.ms", Rule: longFrom(-1), Null: true, Dynamic: ClusterWide, Synonyms: retentionUnits()[1:],
			Doc: "The retention.ms of topics that do not set it; if it is not set itself, log.retention.minutes and then hours.",
		},
		{
			Name: "log.retention.minutes", Rule: intFrom(-1), Null: true, Synonyms: plain("log.retention.hours"),
			Doc: "The retention of topics in minutes, if log.retention.ms is not set.",
		},
		{Name: "log.retention.hours", Rule: intFrom(-1), Default: "168", Doc: "The retention of topics in hours, if no finer unit is set."},
		{Name: "log.retention.check.interval.ms", Rule: longFrom(1), Default: "300000", Doc: "How often retention is applied."},
		{Name: SegmentBytesKey, Rule: longFrom(1 << 20), Default: "268435456", Doc: "The size of a file of the log that all partitions share."},
		{Name: RingBytesKey, Rule: longFrom(0), Default: "33554432", Doc: "Memory for the newest records, from which live consumers are served."},
		{
			Name: PadGroupsKey, Rule: boolean(), Default: "false",
			Doc: "Whether each write is padded to 4 KiB, for disks that may damage a half-written sector at a power cut.",
		},
	}
}

// brokerUpkeepDefs are the settings of what goes on in the background.
func brokerUpkeepDefs() []ConfigDef {
	return []ConfigDef{
		{
			Name: ScrubKey, Rule: longFrom(0), Default: "2097152",
			Doc: "How fast the log is read in the background, once an hour or as long as it takes, to find damage before it is asked for; 0 means never.",
		},
		{
			Name: RelocateBelowKey, Rule: intBetween(0, 49), Default: "40",
			Doc: "An old file of the log of which less than this share can still be read is emptied: the rest moves to the cold log, and the file goes. " +
				"More saves disk space and costs writes; 0 means never.",
		},
		{
			Name: RelocateRateKey, Rule: longFrom(1), Default: "33554432",
			Doc: "How many bytes a second emptying old files of the log reads and writes, besides two for each byte that is appended meanwhile, so that it keeps up.",
		},
	}
}

func refuseSeveralDirs(v string, _ Limits) string {
	if len(ParseList(v)) > 1 {
		return "all partitions share one log, so there is one data directory; join several disks below the file system"
	}
	return ""
}

// overrides is the form host:limit,host:limit.
func overrides() Rule {
	return Rule{Type: TypeString, Expect: "a list of HOST:LIMIT", ok: func(v string) bool {
		for _, e := range ParseList(v) {
			i := strings.LastIndexByte(e, ':')
			if i < 1 || !isNatural(e[i+1:]) {
				return false
			}
		}
		return true
	}}
}
