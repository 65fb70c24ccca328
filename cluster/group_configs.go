package cluster

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mainstem-mq/mainstem/protocol"
)

// The group settings of the consumer protocol.
const (
	consumerSessionKey   = "consumer.session.timeout.ms"
	consumerHeartbeatKey = "consumer.heartbeat.interval.ms"
	consumerAssignorKey  = "mainstem.consumer.assignor"
	assignorsKey         = "group.consumer.assignors" // the broker's

	assignorUniform = "uniform"
	assignorRange   = "range"
)

// ProtocolConsumer is KIP-848's in the list of rebalance protocols.
const ProtocolConsumer = "consumer"

// rebalanceProtocols are the protocols that groups may use, with those of Kafka's
// that do not exist here; groups without any protocol would be none.
func rebalanceProtocols() Rule {
	const classic = "classic"
	r := listOf(classic, ProtocolConsumer, "share", "streams")
	listed := r.ok
	r.Expect += ", with classic among them"
	r.ok = func(v string) bool { return listed(v) && slices.Contains(ParseList(v), classic) }
	return r
}

// groupConfigDefs are the group settings that this broker obeys. Their defaults
// are the broker's settings of the same meaning.
func groupConfigDefs() []ConfigDef {
	return []ConfigDef{
		{
			Name: consumerHeartbeatKey, Rule: intFrom(1), Default: "5000", Synonyms: plain("group.consumer.heartbeat.interval.ms"),
			Doc: "How often members of a consumer-protocol group send heartbeats.",
		},
		{
			Name: consumerSessionKey, Rule: intFrom(1), Default: "45000", Synonyms: plain("group.consumer.session.timeout.ms"),
			Doc: "How long a silent member of a consumer-protocol group stays.",
		},
		{
			Name: ConsumeModeKey, Rule: oneOf(consumeCluster, consumeBroadcast), Default: consumeCluster,
			Doc: "cluster: the members of the group share the partitions. broadcast: each has all of them, and offsets of its own. " +
				"A group that sets neither broadcasts if " + BroadcastPrefixesKey + " of the broker names it.",
		},
		{
			Name: consumerAssignorKey, Rule: orEmpty(oneOf(assignorUniform, assignorRange)),
			Doc: "How the partitions of a consumer-protocol group are dealt out: uniform or range. Empty: as most of its members ask for.",
		},
	}
}

// groupHintDefs are Kafka's settings of share and streams groups, which do not
// exist here.
func groupHintDefs() []ConfigDef {
	defs := []ConfigDef{
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

// groupChain lists what a group setting could be, strongest first.
func (r *Resolver) groupChain(img *Image, configs map[string]string, d *ConfigDef) []Synonym {
	var out []Synonym
	if v, ok := configs[d.Name]; ok {
		out = append(out, Synonym{Name: d.Name, Value: v, Source: SourceGroup})
	}
	if len(d.Synonyms) == 0 {
		return append(out, Synonym{Name: d.Name, Value: d.Default, Source: SourceDefault})
	}
	return append(out, r.chain(img, d.Synonyms)...)
}

// GroupSettings are the obeyed settings of a group; zero where the broker's
// hold.
type GroupSettings struct {
	ConsumerSession, ConsumerHeartbeat time.Duration
	ConsumerAssignor                   string
}

// GroupSettings returns what is set on a group.
func (i *Image) GroupSettings(group string) GroupSettings {
	set := i.GroupConfigs[group]
	if len(set) == 0 {
		return GroupSettings{}
	}
	ms := func(key string) time.Duration {
		// Values are validated before they are stored; one that is not set is 0.
		n, _ := strconv.ParseInt(strings.TrimSpace(set[key]), 10, 32)
		return time.Duration(n) * time.Millisecond
	}
	return GroupSettings{
		ConsumerSession: ms(consumerSessionKey), ConsumerHeartbeat: ms(consumerHeartbeatKey),
		ConsumerAssignor: strings.TrimSpace(set[consumerAssignorKey]),
	}
}

// GroupsChanged lists the groups on which something else is set in a later image,
// in no order, or says that a rule of all groups changed.
func (r *Resolver) GroupsChanged(before, after *Image) (all bool, groups []string) {
	if r.Text(before, BroadcastPrefixesKey) != r.Text(after, BroadcastPrefixesKey) {
		return true, nil
	}
	for group, set := range after.GroupConfigs {
		if !maps.Equal(set, before.GroupConfigs[group]) {
			groups = append(groups, group)
		}
	}
	for group, set := range before.GroupConfigs {
		if _, ok := after.GroupConfigs[group]; !ok && len(set) > 0 {
			groups = append(groups, group)
		}
	}
	return false, groups
}

// checkGroupBounds holds what is set on a group against the broker's bounds.
func (r *Resolver) checkGroupBounds(img *Image, configs map[string]string) error {
	number := func(key string) int64 {
		value, _ := effective(groupDefs().byName[key], r.groupChain(img, configs, groupDefs().byName[key]))
		n, _ := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
		return n
	}
	for _, b := range []struct{ key, least, most string }{
		{consumerHeartbeatKey, "group.consumer.min.heartbeat.interval.ms", "group.consumer.max.heartbeat.interval.ms"},
		{consumerSessionKey, "group.consumer.min.session.timeout.ms", "group.consumer.max.session.timeout.ms"},
	} {
		if _, set := configs[b.key]; !set {
			continue
		}
		n := number(b.key)
		if least := r.Int(img, b.least); n < least {
			return protocol.Errorf(protocol.InvalidConfig, "%s=%d is less than the broker allows: %s is %d.", b.key, n, b.least, least)
		}
		if most := r.Int(img, b.most); n > most {
			return protocol.Errorf(protocol.InvalidConfig, "%s=%d is more than the broker allows: %s is %d.", b.key, n, b.most, most)
		}
	}
	if name := strings.TrimSpace(configs[consumerAssignorKey]); name != "" && !slices.Contains(r.List(img, assignorsKey), name) {
		return protocol.Errorf(protocol.InvalidConfig, "%s=%s is not among the broker's: %s is %s.",
			consumerAssignorKey, name, assignorsKey, r.Text(img, assignorsKey))
	}
	if session, beat := number(consumerSessionKey), number(consumerHeartbeatKey); session <= beat {
		return protocol.Errorf(protocol.InvalidConfig, "%s=%d must be more than %s=%d.", consumerSessionKey, session, consumerHeartbeatKey, beat)
	}
	return nil
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
