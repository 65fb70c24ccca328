package txn

import (
	"strings"
	"time"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

// Journal is the memory of one shard: a partition of __transaction_state.
type Journal interface {
	shard.Journal
	// Epoch is the leader epoch of the partition as of the last Load.
	Epoch() int32
}

// Caller is the client behind a request, for who is told of it.
type Caller struct{ ClientID, ClientHost string }

// callerMax bounds what is kept of the names of a client: there is one for each id,
// and clients choose them.
const callerMax = 256

// kept is what stays of a caller when the request is gone.
func (c Caller) kept() Caller {
	cut := func(s string) string { return strings.Clone(strings.ToValidUTF8(s[:min(len(s), callerMax)], "")) }
	return Caller{cut(c.ClientID), cut(c.ClientHost)}
}

// Env is what the coordinator needs from outside. All may be called from any
// goroutine, no lock being held, and must not block.
type Env struct {
	// Clock tells the time and carries the timers. Required.
	Clock clock.Clock
	// Journals gives the memory of a shard, asked for at each Load. Required.
	Journals func(shard int32) Journal
	// Events receives what happens. Nil: nobody listens.
	Events func(Event)
	// NewProducerID gives an id that no producer ever had; false if none is there at
	// once, and others are on their way. Required.
	NewProducerID func() (model.ProducerID, bool)
	// WriteMarkers writes the markers of a job and calls done once, from any
	// goroutine, with what became of each, in the order of the job's partitions: nil
	// when it is below its partition's high watermark. It is called from goroutines of
	// the log too. Required.
	//
	// When it returns, the markers have their place: no later job, and no record that
	// a client is allowed after done, comes before them in their partitions.
	WriteMarkers func(job MarkerJob, done func([]*protocol.Error))
}

// Transactions is the transaction coordinator: every transactional id of the
// broker, spread over shards as Kafka spreads them over the partitions of
// __transaction_state. All methods may be called from any goroutine.
//
// Each request method calls reply exactly once, from any goroutine and possibly
// before it returns. Requests must own their strings (no unsafe decoding).
//
// Errors are those of the newest version of a request; older ones know fewer, and
// whoever speaks them has to translate.
type Transactions struct {
	env      Env
	config   func() Config
	shards   *shard.Shards[*machine, *step]
	stats    []stats
	journals []Journal // of the newest load; each belongs to whoever runs the shard
	verified verifications
}

// New makes a coordinator; it serves a shard once that is loaded. config is asked
// for the settings at every turn, from any goroutine: it must be cheap.
func New(config func() Config, env Env) (*Transactions, error) {
	c := config()
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if env.Events == nil {
		env.Events = func(Event) {}
	}
	t := &Transactions{env: env, config: config, stats: make([]stats, c.Shards), journals: make([]Journal, c.Shards)}
	t.shards = shard.New(c.Shards, shard.Env[*machine, *step]{
		Clock: env.Clock,
		Journal: func(shard int32) shard.Journal {
			t.journals[shard] = env.Journals(shard)
			return t.journals[shard]
		},
		New:  newMachine,
		Step: t.step,
		Publish: func(shard int32, m *machine, s *step) {
			t.stats[shard].publish(m, s)
			for _, e := range s.events {
				e.Shard = shard
				env.Events(e)
			}
		},
		Clear:  func(shard int32) { t.stats[shard].clear() },
		Events: func(e shard.Event) { env.Events(eventOf(e)) },
		Sizes: func() shard.Sizes {
			c := config()
			return c.sizes()
		},
		LoadRetry: func() time.Duration { return config().LoadRetry },
	})
	return t, nil
}

func (t *Transactions) step(index int32, now time.Time) *step {
	return &step{
		Turn: shard.Turn{Now: now}, config: t.config(), fresh: t.env.NewProducerID,
		epoch: func() int32 { return t.journals[index].Epoch() },
		send:  func(job MarkerJob, then markersWritten) { t.send(index, job, then) },
	}
}

// send writes markers, and brings back what became of them.
func (t *Transactions) send(shard int32, job MarkerJob, then markersWritten) {
	back := func(failed []*protocol.Error) {
		t.shards.PostAside(shard, func(m *machine, s *step) { then(m, s, failed) }, nil)
	}
	if len(job.Partitions) == 0 {
		back(nil)
		return
	}
	t.env.WriteMarkers(job, back)
}

// Shard is the partition of __transaction_state that an id lives in.
func (t *Transactions) Shard(id string) int32 { return t.shards.Of(id) }

// Load starts serving a shard and returns when its first load has ended. A failed
// load is tried again in the background; until one succeeds, requests get
// COORDINATOR_LOAD_IN_PROGRESS. A loaded shard is dropped and loaded again.
func (t *Transactions) Load(shard int32) error { return t.shards.Load(shard) }

// Unload stops serving a shard: what waits there gets NOT_COORDINATOR.
func (t *Transactions) Unload(shard int32) { t.shards.Unload(shard) }

// Close unloads all shards and waits for the coordinator's goroutines. What waits,
// and all that comes later, gets COORDINATOR_NOT_AVAILABLE. Like Load and Unload it
// must not be called from within a reply.
func (t *Transactions) Close() { t.shards.Close() }

// ask runs a request on the shard of its id.
func (t *Transactions) ask(id string, run func(*machine, *step, *request), refuse func(protocol.ErrorCode)) {
	if id == "" || len(id) > stringMax {
		refuse(protocol.InvalidRequest)
		return
	}
	r := &request{id: id, run: run, reply: refuse}
	t.shards.Post(t.shards.Of(id), func(m *machine, s *step) { run(m, s, r) }, refuse)
}
