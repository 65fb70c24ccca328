package coordinator

import (
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"unicode/utf16"

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
	// MemberSuffix makes the unique part of a member id. Nil: a random UUID.
	MemberSuffix func() string
}

// ErrUnloaded is what a Load ends with that was overtaken by Unload or Close.
var ErrUnloaded = errors.New("coordinator: the shard was unloaded")

// Groups is the group coordinator: every group of the broker, spread
// over shards as Kafka spreads them over the partitions of its offsets topic.
// All methods may be called from any goroutine.
//
// Each request method calls reply exactly once, from any goroutine and
// possibly before it returns. Requests must own their strings (no unsafe
// decoding); byte slices that outlive the request are copied.
type Groups struct {
	env     *environment
	shards  []*shard
	workers workers
}

// environment is what all shards share.
type environment struct {
	Env
	config  func() Config
	workers *workers
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
	g := &Groups{shards: make([]*shard, c.Shards)}
	g.env = &environment{Env: env, config: config, workers: &g.workers}
	for i := range g.shards {
		g.shards[i] = newShard(int32(i), g.env)
	}
	return g, nil
}

// Shard is the partition of the offsets topic that a group lives in: Java's
// String.hashCode, made positive as Kafka does, modulo their number. The cells of
// a broadcast group are where the group is.
func (g *Groups) Shard(group string) int32 {
	return shardOf(group, int32(len(g.shards)))
}

// Load starts serving a shard and returns when its first load has ended. A
// failed load is tried again in the background; until one succeeds, requests
// get COORDINATOR_LOAD_IN_PROGRESS. A loaded shard is dropped and loaded again.
func (g *Groups) Load(shard int32) error {
	if shard < 0 || int(shard) >= len(g.shards) {
		return fmt.Errorf("%w: there is no shard %d", ErrConfig, shard)
	}
	result := make(chan error, 1)
	sh := g.shards[shard]
	sh.post(mail{control: func() { sh.load(sh.env.Journals(sh.index), func(err error) { result <- err }) }})
	return <-result
}

// Unload stops serving a shard: what waits there gets NOT_COORDINATOR.
func (g *Groups) Unload(shard int32) {
	if shard < 0 || int(shard) >= len(g.shards) {
		return
	}
	g.shards[shard].unloadAndWait(protocol.NotCoordinator)
}

// Close unloads all shards and waits for the coordinator's goroutines. What
// waits, and all that comes later, gets COORDINATOR_NOT_AVAILABLE. Like Load
// and Unload it must not be called from within a reply.
func (g *Groups) Close() {
	for _, sh := range g.shards {
		sh.unloadAndWait(protocol.CoordinatorNotAvailable)
	}
	g.workers.close()
}

// post hands a task to the shard of a group.
func (g *Groups) post(group string, run func(*machine, *step), fail func(protocol.ErrorCode)) {
	g.shards[g.Shard(group)].post(mail{run: run, fail: fail})
}

func shardOf(group string, shards int32) int32 {
	base, _ := baseOf(group)
	var hash int32
	for _, unit := range utf16.Encode([]rune(base)) {
		hash = 31*hash + int32(unit)
	}
	// The most negative number has no positive twin; Kafka takes 0 for it.
	if hash = max(hash, -hash); hash < 0 {
		return 0
	}
	return hash % shards
}

func randomUUID() string {
	var b [16]byte
	// crypto/rand.Read never fails since Go 1.24: it crashes the process instead.
	_, _ = rand.Read(b[:])
	b[6] = b[6]&0x0f | 0x40 // version 4
	b[8] = b[8]&0x3f | 0x80 // RFC 4122 variant
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// workers counts the coordinator's goroutines, so that Close can wait for them.
type workers struct {
	mu struct {
		sync.Mutex
		closed bool
	}
	running sync.WaitGroup
}

// start runs f in its own goroutine, or reports that the coordinator is closed.
func (w *workers) start(f func()) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mu.closed {
		return false
	}
	w.running.Go(f)
	return true
}

func (w *workers) close() {
	w.mu.Lock()
	w.mu.closed = true
	w.mu.Unlock()
	w.running.Wait()
}
