package coordinator

import (
	"crypto/rand"
	"fmt"
	"time"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/protocol"
)

// Caller is the client behind a request, as DescribeGroups will show it.
type Caller struct {
	ClientID   string
	ClientHost string
	Session    *Session // the connection; nil: a tool's, or not known
}

// Env is what the coordinator needs from outside.
type Env struct {
	// Clock tells the time and carries the timers. Required.
	Clock clock.Clock
	// Journals gives the memory of a shard, asked for at each Load. Required.
	Journals func(shard int32) Journal
	// Events receives what happens, from any goroutine, no lock being held. It
	// must not block. Nil: nobody listens.
	Events func(Event)
	// View gives the metadata as of now. It is called from any goroutine and
	// must be cheap. Required.
	View func() View
	// LogStart tells the first offset of a partition that is left. It is called from
	// any goroutine and must be cheap. Nil: nothing was ever deleted.
	LogStart func(topic string, partition int32) int64
	// Refuses tells what the partition of a shard has against a record of a transaction
	// that comes behind what is ahead; NoError: nothing. It is called from any goroutine
	// and must be cheap. Required where there are transactions.
	Refuses func(index int32, txn *shard.Txn, ahead TxnAhead) protocol.ErrorCode
	// MemberSuffix makes the unique part of a member id. Nil: a random UUID.
	MemberSuffix func() string
}

// Record is what a Journal keeps.
type Record = shard.Record

// Journal is the memory of one shard, which the owner gives.
type Journal = shard.Journal

// ErrUnloaded is what a Load ends with that was overtaken by Unload or Close.
var ErrUnloaded = shard.ErrUnloaded

// Groups is the group coordinator: every group of the broker, spread
// over shards as Kafka spreads them over the partitions of its offsets topic.
// All methods may be called from any goroutine.
//
// Each request method calls reply exactly once, from any goroutine and
// possibly before it returns. Requests must own their strings (no unsafe
// decoding); byte slices that outlive the request are copied.
type Groups struct {
	env    Env
	config func() Config
	shards *shard.Shards[*machine, *step]
	stats  []stats // by shard
}

// New makes a coordinator; it serves a shard once that is loaded. config is
// asked for the settings at every turn, from any goroutine: it must be cheap.
func New(config func() Config, env Env) (*Groups, error) {
	c := config()
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if env.Events == nil {
		env.Events = func(Event) {}
	}
	if env.MemberSuffix == nil {
		env.MemberSuffix = randomUUID
	}
	g := &Groups{env: env, config: config, stats: make([]stats, c.Shards)}
	g.shards = shard.New(c.Shards, shard.Env[*machine, *step]{
		Clock: env.Clock, Journal: env.Journals, New: newMachine, Step: g.newStep,
		Publish: g.publish, Clear: func(shard int32) { g.stats[shard].clear() }, Events: g.shardEvent,
		Sizes: func() shard.Sizes {
			c := config()
			return c.appendSizes()
		},
		LoadRetry: func() time.Duration { return config().LoadRetry },
	})
	return g, nil
}

func (g *Groups) newStep(index int32, now time.Time) *step {
	config := g.config()
	return &step{
		Turn: shard.Turn{Now: now}, config: &config, suffix: g.env.MemberSuffix, view: g.env.View(), index: index, starts: g.env.LogStart,
		refuses: g.env.Refuses,
	}
}

// publish shows others what a turn did.
func (g *Groups) publish(shard int32, m *machine, s *step) {
	for i := range s.events {
		s.events[i].Shard = shard
		g.env.Events(s.events[i])
	}
	g.stats[shard].publish(m, s)
}

// Shard is the partition of the offsets topic that a group lives in, as in Kafka. The
// cells of a broadcast group are where the group is.
func (g *Groups) Shard(group string) int32 {
	base, _ := baseOf(group)
	return g.shards.Of(base)
}

// Load starts serving a shard and returns when its first load has ended. A
// failed load is tried again in the background; until one succeeds, requests
// get COORDINATOR_LOAD_IN_PROGRESS. A loaded shard is dropped and loaded again.
func (g *Groups) Load(shard int32) error { return g.shards.Load(shard) }

// Unload stops serving a shard: what waits there gets NOT_COORDINATOR.
func (g *Groups) Unload(shard int32) { g.shards.Unload(shard) }

// Close unloads all shards and waits for the coordinator's goroutines. What
// waits, and all that comes later, gets COORDINATOR_NOT_AVAILABLE. Like Load
// and Unload it must not be called from within a reply.
func (g *Groups) Close() { g.shards.Close() }

// post hands a task to the shard of a group.
func (g *Groups) post(group string, run func(*machine, *step), fail func(protocol.ErrorCode)) {
	g.shards.Post(g.Shard(group), run, fail)
}

func randomUUID() string {
	var b [16]byte
	// crypto/rand.Read never fails since Go 1.24: it crashes the process instead.
	_, _ = rand.Read(b[:])
	b[6] = b[6]&0x0f | 0x40 // version 4
	b[8] = b[8]&0x3f | 0x80 // RFC 4122 variant
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
