package txn

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

func TestConfig(t *testing.T) {
	t.Parallel()
	if err := DefaultConfig().Validate(); err != nil {
		t.Fatal(err)
	}
	for want, spoil := range map[string]func(*Config){
		"transaction.state.log.num.partitions":                       func(c *Config) { c.Shards = 0 },
		"transaction.max.timeout.ms":                                 func(c *Config) { c.TimeoutMax = 0 },
		"transactional.id.expiration.ms":                             func(c *Config) { c.Expiration = 0 },
		"transaction.remove.expired.transaction.cleanup.interval.ms": func(c *Config) { c.ExpiryInterval = 0 },
		"add.partitions.to.txn.retry.backoff.max.ms":                 func(c *Config) { c.WaitMax = -1 },
		"the batch limit must be positive":                           func(c *Config) { c.BatchBytesMax = 0 },
		"that of a record at least as large":                         func(c *Config) { c.UnitBytesMax = c.BatchBytesMax - 1 },
		"the limit of a record must hold a transactional id":         func(c *Config) { c.BatchBytesMax, c.UnitBytesMax = 1, 30_000 },
		"the load retry pause must be positive":                      func(c *Config) { c.LoadRetry = 0 },
	} {
		c := DefaultConfig()
		spoil(&c)
		if err := c.Validate(); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
		if _, err := New(func() Config { return c }, Env{}); !errors.Is(err, ErrConfig) {
			t.Errorf("New: %v, want %s", err, want)
		}
	}
}

// TestShard holds what Kafka's partitionFor gives: Java's hash of the id.
func TestShard(t *testing.T) {
	t.Parallel()
	txns := newTransactions(t, Env{})
	for id, want := range map[string]int32{
		"": 0, "a": 97 % 50, "producer-7": 1752578236 % 50, "polygenelubricants": 0, // of which the hash is the lowest number
	} {
		if got := txns.Shard(id); got != want {
			t.Errorf("%q: %d, want %d", id, got, want)
		}
	}
	if err := txns.Load(50); err == nil {
		t.Error("it loads a shard that there is not")
	}
}

func newTransactions(t *testing.T, env Env) *Transactions {
	t.Helper()
	if env.Clock == nil {
		env.Clock = clock.NewManual(time.UnixMilli(1_000_000))
	}
	txns, err := New(DefaultConfig, env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(txns.Close)
	return txns
}

// TestWithoutID: producers without a transactional id are others' to serve.
func TestWithoutID(t *testing.T) {
	t.Parallel()
	var got *kmsg.InitProducerIDResponse
	newTransactions(t, Env{}).InitProducerID(&kmsg.InitProducerIDRequest{Version: 1}, Caller{}, func(r *kmsg.InitProducerIDResponse) { got = r })
	if got == nil || got.ErrorCode != int16(protocol.InvalidRequest) || got.Version != 1 || got.ProducerID != -1 || got.ProducerEpoch != -1 {
		t.Errorf("%+v", got)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	check := func(name string, known bool) {
		if strings.HasPrefix(strings.ToLower(name), "unknown") == known || known && seen[name] {
			t.Errorf("%q", name)
		}
		seen[name] = true
	}
	for s := Empty; s <= stateCount; s++ {
		check(s.String(), s < stateCount)
	}
	for k := ShardLoading; k <= Refused+1; k++ {
		check(k.String(), k <= Refused)
	}
	for r := ByClient; r <= reasonCount; r++ {
		check(r.String(), r < reasonCount)
	}
	for r := Committed; r <= resultCount; r++ {
		check(r.String(), r < resultCount)
	}
}

// TestIllegalChange: nothing but the rules of follows may ever be recorded.
func TestIllegalChange(t *testing.T) {
	t.Parallel()
	legal := map[State][]State{
		Empty:          {Empty, Ongoing, PrepareAbort},
		Ongoing:        {Ongoing, PrepareCommit, PrepareAbort},
		PrepareCommit:  {CompleteCommit},
		PrepareAbort:   {CompleteAbort},
		CompleteCommit: {Empty, Ongoing, PrepareAbort},
		CompleteAbort:  {Empty, Ongoing, PrepareAbort},
	}
	for from := range stateCount {
		for to := range stateCount {
			want := false
			for _, s := range legal[from] {
				want = want || s == to
			}
			if from.follows(to) != want {
				t.Errorf("%s to %s: %v", from, to, !want)
			}
		}
	}
	m := newMachine()
	defer func() {
		if recover() == nil {
			t.Error("an id began in Ongoing")
		}
	}()
	m.write(&step{config: DefaultConfig()}, "i", change{value: value{state: Ongoing, producer: model.ProducerID(1)}})
}
