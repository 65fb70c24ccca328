package coordinator

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
)

// Config holds the rules of groups that a user can turn. Every field carries
// the name of Kafka's setting. It is asked for anew at every step, so a change
// of a dynamic setting holds from the next request on; Shards alone is fixed
// for the life of a Groups.
type Config struct {
	// Shards is offsets.topic.num.partitions.
	Shards int32
	// SessionTimeoutMin is group.min.session.timeout.ms.
	SessionTimeoutMin time.Duration
	// SessionTimeoutMax is group.max.session.timeout.ms.
	SessionTimeoutMax time.Duration
	// MembersMax is group.max.size.
	MembersMax int
	// InitialRebalanceDelay is group.initial.rebalance.delay.ms: how long the
	// first rebalance of an empty group waits for more members.
	InitialRebalanceDelay time.Duration
	// GroupBytesMax bounds what the members of a group say of themselves, and
	// what they are assigned: one record holds either. (In Kafka the internal
	// topic's max.message.bytes does, with an error that names neither.) In consumer
	// groups, what several say alike counts once.
	GroupBytesMax int
	// JoinTimeout bounds the wait of a new member's JoinGroup: such a client
	// knows no member id yet, so it cannot send heartbeats. Kafka's is fixed.
	JoinTimeout time.Duration
	// ConsumerSession is group.consumer.session.timeout.ms with its bounds, which
	// hold for consumer.session.timeout.ms of a group too.
	ConsumerSession Bounded
	// ConsumerHeartbeat is group.consumer.heartbeat.interval.ms with its bounds.
	ConsumerHeartbeat Bounded
	// ConsumerMembersMax is group.consumer.max.size.
	ConsumerMembersMax int
	// Assignors is group.consumer.assignors: those that members may ask for. The
	// first is used where none is asked for.
	Assignors []string
	// Migration is group.consumer.migration.policy.
	Migration Migration
	// ConversionRate bounds what clients can have written that come and go by the one
	// protocol in a group of the other, in bytes a second: a group may become a
	// classic one again when what its way to the consumer protocol wrote is paid for.
	ConversionRate int64
	// OffsetMetadataMax is offset.metadata.max.bytes.
	OffsetMetadataMax int
	// OffsetsRetention is offsets.retention.minutes.
	OffsetsRetention time.Duration
	// OffsetsCheckInterval is offsets.retention.check.interval.ms.
	OffsetsCheckInterval time.Duration
	// BatchBytesMax bounds the records of one append, in bytes of keys and values;
	// those of one request that are more go together all the same, up to UnitBytesMax.
	// In the journal they take up to twice as much, which has to fit a log segment.
	BatchBytesMax, UnitBytesMax int
	// RecordBytesMax bounds one record of what patterns stand for, what a member is
	// assigned, and what a rewind marks: which no client's request bounds.
	RecordBytesMax int
	// LoadRetry is the pause before a failed load is tried again.
	LoadRetry time.Duration
}

// Migration says which way a running group may change its protocol.
type Migration string

// The values of group.consumer.migration.policy.
const (
	MigrateBoth  Migration = "bidirectional"
	MigrateUp    Migration = "upgrade"   // to the consumer protocol, with the first member that joins by it
	MigrateDown  Migration = "downgrade" // to the classic one, when only members of that are left
	MigrateNever Migration = "disabled"
)

func (m Migration) known() bool {
	return m == MigrateBoth || m == MigrateUp || m == MigrateDown || m == MigrateNever
}

// Bounded is a time that a user can set within bounds.
type Bounded struct{ Default, Min, Max time.Duration }

// resolve takes what is set on a group, 0 for nothing.
func (b Bounded) resolve(set time.Duration) time.Duration {
	if set == 0 {
		return b.Default
	}
	return min(max(set, b.Min), b.Max)
}

func (b Bounded) sane() bool { return b.Min > 0 && b.Min <= b.Default && b.Default <= b.Max }

// DefaultConfig is Kafka's.
func DefaultConfig() Config {
	return Config{
		Shards:                50,
		SessionTimeoutMin:     6 * time.Second,
		SessionTimeoutMax:     30 * time.Minute,
		MembersMax:            math.MaxInt32,
		InitialRebalanceDelay: 3 * time.Second,
		GroupBytesMax:         16 << 20,
		JoinTimeout:           5 * time.Minute,
		ConsumerSession:       Bounded{Default: 45 * time.Second, Min: 45 * time.Second, Max: time.Minute},
		ConsumerHeartbeat:     Bounded{Default: 5 * time.Second, Min: 5 * time.Second, Max: 15 * time.Second},
		ConsumerMembersMax:    math.MaxInt32,
		Assignors:             []string{assignorUniform, assignorRange},
		Migration:             MigrateBoth,
		ConversionRate:        1 << 20,
		OffsetMetadataMax:     4096,
		OffsetsRetention:      7 * 24 * time.Hour,
		OffsetsCheckInterval:  10 * time.Minute,
		BatchBytesMax:         512 << 10,
		UnitBytesMax:          16 << 20,
		RecordBytesMax:        16 << 20,
		LoadRetry:             time.Second,
	}
}

func (c *Config) assignorsKnown() bool {
	return len(c.Assignors) > 0 && !slices.ContainsFunc(c.Assignors, func(name string) bool {
		return name != assignorUniform && name != assignorRange
	})
}

// ErrConfig is wrapped by what Validate returns.
var ErrConfig = errors.New("coordinator: bad configuration")

// Validate refuses what cannot work.
func (c Config) Validate() error {
	for _, rule := range []struct {
		ok   bool
		text string
	}{
		{c.Shards > 0, "offsets.topic.num.partitions must be at least 1"},
		{c.SessionTimeoutMin > 0, "group.min.session.timeout.ms must be positive"},
		{c.SessionTimeoutMax >= c.SessionTimeoutMin, "group.max.session.timeout.ms must not be below the minimum"},
		{c.MembersMax > 0, "group.max.size must be at least 1"},
		{c.InitialRebalanceDelay >= 0, "group.initial.rebalance.delay.ms must not be negative"},
		{c.GroupBytesMax > 0, "the limit of a group's bytes must be positive"},
		{c.JoinTimeout > 0, "the join timeout must be positive"},
		{c.ConsumerSession.sane(), "group.consumer.session.timeout.ms must lie between group.consumer.min.session.timeout.ms and group.consumer.max.session.timeout.ms"},
		{c.ConsumerHeartbeat.sane(), "group.consumer.heartbeat.interval.ms must lie between group.consumer.min.heartbeat.interval.ms and group.consumer.max.heartbeat.interval.ms"},
		{c.ConsumerHeartbeat.Default < c.ConsumerSession.Default, "group.consumer.heartbeat.interval.ms must be less than group.consumer.session.timeout.ms"},
		{c.ConsumerMembersMax > 0, "group.consumer.max.size must be at least 1"},
		{c.assignorsKnown(), "group.consumer.assignors must name uniform, range or both"},
		{c.Migration.known(), "group.consumer.migration.policy must be bidirectional, upgrade, downgrade or disabled"},
		{c.ConversionRate > 0, "the rate of conversions must be positive"},
		{c.OffsetMetadataMax >= 0, "offset.metadata.max.bytes must not be negative"},
		{c.OffsetsRetention > 0, "offsets.retention.minutes must be positive"},
		{c.OffsetsCheckInterval > 0, "offsets.retention.check.interval.ms must be positive"},
		{c.BatchBytesMax > 0 && c.UnitBytesMax >= c.BatchBytesMax, "the batch limit must be positive, and that of a request's records at least as large"},
		{c.RecordBytesMax > 0, "the limit of a record must be positive"},
		{c.LoadRetry > 0, "the load retry pause must be positive"},
	} {
		if !rule.ok {
			return fmt.Errorf("%w: %s", ErrConfig, rule.text)
		}
	}
	return nil
}

func (c *Config) appendSizes() shard.Sizes {
	return shard.Sizes{Usual: c.BatchBytesMax, Unit: c.UnitBytesMax}
}
