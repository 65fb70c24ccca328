package shard

import (
	"errors"
	"fmt"
	"time"
	"unicode/utf16"

	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/protocol"
)

// Step is what goes into one turn of a machine, and what comes out. A machine
// never does anything else to the world.
type Step interface{ Base() *Turn }

// Machine is the state of one shard. It is pure: it has no clock, no lock and no
// I/O, and one caller at a time.
type Machine[S Step] interface {
	// Replay applies one record, and keeps nothing of its bytes. It alone changes
	// what is durable.
	Replay(Record) error
	// Restore makes what is soft of a machine that was just loaded, and mends what a
	// crash left half done. took is how long the load was, for the log.
	Restore(s S, took time.Duration)
	// Settle ends what one task or deadline did, when that has been applied.
	Settle(S)
	// Next is the earliest deadline.
	Next() (time.Time, bool)
	// Fire runs one deadline that is due; false: none is.
	Fire(S) bool
	// Parked takes out the answers that wait in the machine: it is being dropped.
	Parked() []Answer
}

// Env is what the shards need from outside. All is required, may be called from
// any goroutine and must not block.
type Env[M Machine[S], S Step] struct {
	// Clock tells the time and carries the timers.
	Clock clock.Clock
	// Journal gives the memory of a shard, asked for at each Load.
	Journal func(shard int32) Journal
	// New makes an empty machine.
	New func() M
	// Step begins a step of a shard's machine.
	Step func(shard int32, now time.Time) S
	// Publish hears of each turn of a machine, before anybody is answered.
	Publish func(shard int32, m M, s S)
	// Clear hears that a shard has no machine for now.
	Clear func(shard int32)
	// Events receives what happens to shards, no lock being held.
	Events func(Event)
	// Sizes bound appends, as of now.
	Sizes func() Sizes
	// LoadRetry is the pause before a failed load is tried again, as of now.
	LoadRetry func() time.Duration
}

var (
	// ErrUnloaded is what a Load ends with that was overtaken by Unload or Close.
	ErrUnloaded = errors.New("coordinator: the shard was unloaded")
	// ErrNoShard is what a Load ends with of a shard that there is not.
	ErrNoShard = errors.New("coordinator: no such shard")
)

// Shards run one machine for each partition of an internal topic. All methods may
// be called from any goroutine.
type Shards[M Machine[S], S Step] struct {
	all     []*shard[M, S]
	workers workers
}

// New makes n shards; one serves once it is loaded.
func New[M Machine[S], S Step](n int32, env Env[M, S]) *Shards[M, S] {
	ss := &Shards[M, S]{all: make([]*shard[M, S], n)}
	for i := range ss.all {
		ss.all[i] = newShard(int32(i), &env, &ss.workers)
	}
	return ss
}

// Len is how many there are.
func (ss *Shards[M, S]) Len() int32 { return int32(len(ss.all)) }

// Of is the shard that a key lives in: Java's String.hashCode, made positive as
// Kafka does, modulo their number.
func (ss *Shards[M, S]) Of(key string) int32 { return shardOf(key, ss.Len()) }

func shardOf(key string, shards int32) int32 {
	var hash int32
	for _, unit := range utf16.Encode([]rune(key)) {
		hash = 31*hash + int32(unit)
	}
	// The most negative number has no positive twin; Kafka takes 0 for it.
	if hash = max(hash, -hash); hash < 0 {
		return 0
	}
	return hash % shards
}

// Load starts serving a shard and returns when its first load has ended. A
// failed load is tried again in the background; until one succeeds, tasks get
// COORDINATOR_LOAD_IN_PROGRESS. A loaded shard is dropped and loaded again. Where
// nobody else asks it anything, the shard is at rest when Load returns.
func (ss *Shards[M, S]) Load(shard int32) error {
	if shard < 0 || shard >= ss.Len() {
		return fmt.Errorf("%w: %d", ErrNoShard, shard)
	}
	result := make(chan error, 1)
	sh := ss.all[shard]
	sh.control(func() { sh.load(sh.env.Journal(shard), func(err error) { result <- err }) })
	return <-result
}

// Unload stops serving a shard: what waits there gets NOT_COORDINATOR.
func (ss *Shards[M, S]) Unload(shard int32) {
	if shard >= 0 && shard < ss.Len() {
		ss.all[shard].unloadAndWait(protocol.NotCoordinator)
	}
}

// Close unloads all shards and waits for their goroutines. What waits, and all
// that comes later, gets COORDINATOR_NOT_AVAILABLE. Like Load, Unload and Peek it
// must not be called from within an answer.
func (ss *Shards[M, S]) Close() {
	for _, sh := range ss.all {
		sh.unloadAndWait(protocol.CoordinatorNotAvailable)
	}
	ss.workers.close()
}

// Post hands a task to a shard; fail is called in its place when there is no
// machine, nil: nobody waits. Where the shard is idle, the caller runs it.
func (ss *Shards[M, S]) Post(shard int32, run func(M, S), fail func(protocol.ErrorCode)) {
	ss.all[shard].post(mail[M, S]{run: run, fail: fail})
}

// PostAside is Post for goroutines that have other work to do than a shard's: the
// journal's, and those of a connection that ends.
func (ss *Shards[M, S]) PostAside(shard int32, run func(M, S), fail func(protocol.ErrorCode)) {
	ss.all[shard].postAside(mail[M, S]{run: run, fail: fail})
}

// Each asks every shard. reply has the worst of their errors, and comes when the
// records of all are safe.
func (ss *Shards[M, S]) Each(run func(shard int, m M, s S), reply func(protocol.ErrorCode)) {
	codes := make([]protocol.ErrorCode, len(ss.all))
	all := NewGather(len(ss.all), func() { reply(Worst(codes)) })
	for i := range ss.all {
		end := func(code protocol.ErrorCode) {
			codes[i] = code
			all.Done()
		}
		ss.Post(int32(i), func(m M, s S) {
			run(i, m, s)
			s.Base().Answer(end)
		}, end)
	}
}

// Peek shows a machine, if there is one, and those of its records that no append
// has yet, in a turn of its own. It is how tests compare what lives with what is
// stored.
func (ss *Shards[M, S]) Peek(shard int32, look func(m M, held []Record)) {
	sh := ss.all[shard]
	sh.controlAndWait(func() {
		if sh.outbox != nil {
			look(sh.machine, sh.outbox.records)
		}
	})
}
