package txn

import (
	"errors"
	"fmt"
	"time"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
)

// Config holds the rules of transactions that a user can turn. Every field carries
// the name of Kafka's setting. It is asked for anew at every step, so a change of
// a dynamic setting holds from the next request on; Shards alone is fixed for the
// life of a Transactions.
type Config struct {
	// Shards is transaction.state.log.num.partitions.
	Shards int32
	// TimeoutMax is transaction.max.timeout.ms.
	TimeoutMax time.Duration
	// Expiration is transactional.id.expiration.ms.
	Expiration time.Duration
	// ExpiryInterval is transaction.remove.expired.transaction.cleanup.interval.ms.
	ExpiryInterval time.Duration
	// WaitMax is add.partitions.to.txn.retry.backoff.max.ms: how long a request waits
	// for the transaction before it to end. 0: it is told to come again.
	WaitMax time.Duration
	// BatchBytesMax and UnitBytesMax bound the records of one append, and what a
	// single record may have, in bytes of keys and values. In the journal they take up
	// to twice as much, which has to fit a log segment.
	BatchBytesMax, UnitBytesMax int
	// LoadRetry is the pause before a failed load is tried again.
	LoadRetry time.Duration
}

// DefaultConfig is Kafka's.
func DefaultConfig() Config {
	return Config{
		Shards:         50,
		TimeoutMax:     15 * time.Minute,
		Expiration:     7 * 24 * time.Hour,
		ExpiryInterval: time.Hour,
		WaitMax:        100 * time.Millisecond,
		BatchBytesMax:  512 << 10,
		UnitBytesMax:   16 << 20,
		LoadRetry:      time.Second,
	}
}

// ErrConfig is wrapped by what Validate returns.
var ErrConfig = errors.New("transaction coordinator: bad configuration")

// Validate refuses what cannot work.
func (c Config) Validate() error {
	for _, rule := range []struct {
		ok   bool
		text string
	}{
		{c.Shards > 0, "transaction.state.log.num.partitions must be at least 1"},
		{c.TimeoutMax > 0, "transaction.max.timeout.ms must be positive"},
		{c.Expiration > 0, "transactional.id.expiration.ms must be positive"},
		{c.ExpiryInterval > 0, "transaction.remove.expired.transaction.cleanup.interval.ms must be positive"},
		{c.WaitMax >= 0, "add.partitions.to.txn.retry.backoff.max.ms must not be negative"},
		{c.BatchBytesMax > 0 && c.UnitBytesMax >= c.BatchBytesMax, "the batch limit must be positive, and that of a record at least as large"},
		{c.UnitBytesMax > unitLeast, "the limit of a record must hold a transactional id"},
		{c.LoadRetry > 0, "the load retry pause must be positive"},
	} {
		if !rule.ok {
			return fmt.Errorf("%w: %s", ErrConfig, rule.text)
		}
	}
	return nil
}

// unitLeast is what the record of an id takes that has no partitions.
const unitLeast = 4 + stringMax + valueRest

func (c *Config) sizes() shard.Sizes {
	return shard.Sizes{Usual: c.BatchBytesMax, Unit: c.UnitBytesMax}
}
