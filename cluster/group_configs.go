package cluster

// groupConfigDefs are Kafka's group settings. They speak of the consumer,
// share and streams protocols, which are not built yet, so they have no effect.
func groupConfigDefs() []ConfigDef {
	defs := []ConfigDef{
		{Name: "consumer.heartbeat.interval.ms", Rule: intFrom(1), Default: "5000", Doc: "How often members of a consumer-protocol group send heartbeats."},
		{Name: "consumer.session.timeout.ms", Rule: intFrom(1), Default: "45000", Doc: "How long a silent member of a consumer-protocol group stays."},
		{Name: "share.auto.offset.reset", Rule: offsetReset(), Default: "latest", Doc: "Where a share group without offsets begins."},
		{Name: "share.heartbeat.interval.ms", Rule: intFrom(1), Default: "5000", Doc: "How often members of a share group send heartbeats."},
		{Name: "share.isolation.level", Rule: oneOf("read_committed", "read_uncommitted"), Default: "read_uncommitted", Doc: "Whether a share group sees records of open transactions."},
		{Name: "share.record.lock.duration.ms", Rule: intFrom(1000), Default: "30000", Doc: "How long a share group's member holds a record."},
		{Name: "share.session.timeout.ms", Rule: intFrom(1), Default: "45000", Doc: "How long a silent member of a share group stays."},
		{Name: "streams.heartbeat.interval.ms", Rule: intFrom(1), Default: "5000", Doc: "How often members of a streams group send heartbeats."},
		{Name: "streams.initial.rebalance.delay.ms", Rule: intFrom(0), Default: "3000", Doc: "How long a new streams group waits for members."},
		{Name: "streams.num.standby.replicas", Rule: intFrom(0), Default: "0", Doc: "How many standby copies each task of a streams group has."},
		{Name: "streams.session.timeout.ms", Rule: intFrom(1), Default: "45000", Doc: "How long a silent member of a streams group stays."},
	}
	for i := range defs {
		defs[i].Effect = Hint
	}
	return defs
}

// offsetReset accepts latest, earliest or by_duration:<ISO 8601 duration>.
func offsetReset() Rule {
	r := oneOf("latest", "earliest")
	named := r.ok
	r.Expect = "latest, earliest or by_duration:PnDTnHnMn.nS"
	r.ok = func(v string) bool {
		const prefix = "by_duration:P"
		return named(v) || len(v) > len(prefix)+1 && v[:len(prefix)] == prefix
	}
	return r
}
