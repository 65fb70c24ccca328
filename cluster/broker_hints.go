package cluster

import "strings"

// brokerHintDefs are broker settings without effect that are checked and shown
// all the same: defaults of topic settings without effect, and what Kafka lets
// an operator turn while running.
func brokerHintDefs() []ConfigDef {
	defs := []ConfigDef{
		{Name: "compression.gzip.level", Rule: gzipLevel(), Default: "-1", Doc: "The compression.gzip.level of topics."},
		{Name: "compression.lz4.level", Rule: intBetween(1, 17), Default: "9", Doc: "The compression.lz4.level of topics."},
		{Name: "compression.zstd.level", Rule: intBetween(-131072, 22), Default: "3", Doc: "The compression.zstd.level of topics."},
		{Name: "log.index.interval.bytes", Rule: intFrom(0), Default: "4096", Doc: "The index.interval.bytes of topics."},
		{Name: "log.index.size.max.bytes", Rule: intFrom(4), Default: "10485760", Doc: "The segment.index.bytes of topics."},
		{Name: "log.local.retention.bytes", Rule: longFrom(-2), Default: "-2", Doc: "The local.retention.bytes of topics."},
		{Name: "log.local.retention.ms", Rule: longFrom(-2), Default: "-2", Doc: "The local.retention.ms of topics."},
		{Name: "log.preallocate", Rule: boolean(), Default: "false", Doc: "The preallocate of topics."},
		{Name: "log.roll.jitter.ms", Rule: longFrom(0), Null: true, Synonyms: []Unit{{"log.roll.jitter.hours", 3_600_000}}, Doc: "The segment.jitter.ms of topics."},
		{Name: "log.segment.delete.delay.ms", Rule: longFrom(0), Default: "60000", Doc: "The file.delete.delay.ms of topics."},
		{Name: "unclean.leader.election.enable", Rule: boolean(), Default: "false", Doc: "The unclean.leader.election.enable of topics."},
		{Name: "background.threads", Rule: intFrom(1), Default: "10", Doc: "Threads for background work."},
		{Name: "log.cleaner.io.buffer.size", Rule: intFrom(0), Default: "524288", Doc: "Memory of the log cleaner's buffers."},
		{Name: "log.cleaner.threads", Rule: intFrom(0), Default: "1", Doc: "Threads of the log cleaner."},
		{Name: "max.connection.creation.rate", Rule: intFrom(0), Default: "2147483647", Doc: "The most new connections a second."},
		{Name: "num.io.threads", Rule: intFrom(1), Default: "8", Doc: "Threads that carry out requests."},
		{Name: "num.network.threads", Rule: intFrom(1), Default: "3", Doc: "Threads that read requests."},
		{Name: "num.recovery.threads.per.data.dir", Rule: intFrom(1), Default: "2", Doc: "Threads that recover the log."},
		{Name: "num.replica.fetchers", Rule: intFrom(1), Default: "1", Doc: "Threads that fetch from another broker."},
	}
	for i := range defs {
		defs[i].Effect, defs[i].Dynamic = Hint, ClusterWide
	}
	return append(defs, fixedHintDefs()...)
}

// fixedHintDefs are those that Kafka does not change while running either.
func fixedHintDefs() []ConfigDef {
	defs := []ConfigDef{
		{Name: "log.roll.jitter.hours", Rule: intFrom(0), Default: "0", Doc: "The segment.jitter.ms of topics, in hours."},
		{Name: "offsets.topic.replication.factor", Rule: shortFrom(1), Default: "1", Doc: "Replicas of __consumer_offsets."},
		{Name: "transaction.state.log.replication.factor", Rule: shortFrom(1), Default: "1", Doc: "Replicas of __transaction_state."},
		{Name: "transaction.state.log.min.isr", Rule: intFrom(1), Default: "1", Doc: "The min.insync.replicas of __transaction_state."},
		{
			Name: "transaction.abort.timed.out.transaction.cleanup.interval.ms", Rule: intFrom(1), Default: "10000",
			Doc: "How often Kafka looks for transactions to abort. Here each is aborted at the moment its timeout is over.",
		},
		{
			Name: "authorizer.class.name", Rule: class(),
			Refuse: refuseSet(noAuthorizer),
			Doc:    "The class that decides who may do what.",
		},
		{
			Name: "security.inter.broker.protocol", Rule: oneOf("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"), Default: "PLAINTEXT",
			Doc: "The security protocol between brokers.",
		},
		{
			Name: "remote.log.storage.system.enable", Rule: boolean(), Default: "false",
			Refuse: refuseTrue("there is no tiered storage in this broker; leave it false"),
			Doc:    "Whether tiered storage is switched on.",
		},
	}
	for i := range defs {
		defs[i].Effect = Hint
	}
	return defs
}

func refuseSet(reason string) func(string, Limits) string {
	return func(v string, _ Limits) string {
		if strings.TrimSpace(v) == "" {
			return ""
		}
		return reason
	}
}

// isMeaningless reports whether a name is a setting of a Kafka broker that
// means nothing here. A server.properties that has it works all the same; the
// operator is told.
func isMeaningless(name string) bool {
	for _, prefix := range []string{"listener.name.", "zookeeper.", "rsm.config.", "rlmm.config."} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	for known := range strings.FieldsSeq(meaninglessNames) {
		if name == known {
			return true
		}
	}
	return false
}
