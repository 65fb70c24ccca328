package txn

import (
	"sync/atomic"
	"time"

	"github.com/mainstem-mq/mainstem/protocol"
)

// Result is how a transaction ended.
type Result int8

// The results.
const (
	Committed       Result = iota
	AbortedByClient        // what a restart found aborted counts here too
	AbortedByTimeout
	AbortedByNewer
	AbortedByOperator
	resultCount
)

// String names the result for metrics.
func (r Result) String() string {
	switch r {
	case Committed:
		return "commit"
	case AbortedByClient:
		return "abort"
	case AbortedByTimeout:
		return "timeout"
	case AbortedByNewer:
		return "fenced"
	case AbortedByOperator:
		return "operator"
	case resultCount:
	}
	return "unknown"
}

func resultOf(s State, why Reason) Result {
	if s == PrepareCommit {
		return Committed
	}
	return AbortedByClient + Result(why)
}

// Metrics is a count of what the coordinator holds and has done.
type Metrics struct {
	IDs          map[State]int // every state, with its number
	Ended        map[Result]uint64
	Oldest       time.Time // start of the oldest open transaction; zero: none
	Verified     map[protocol.ErrorCode]uint64
	Fenced       uint64 // producers that lost their id to a newer one
	Retried      uint64 // markers tried again
	ShardsLoaded int
}

// Metrics reads the counts; it never waits for a shard.
func (t *Transactions) Metrics() Metrics {
	total := Metrics{IDs: map[State]int{}, Ended: map[Result]uint64{}, Verified: t.verified.read()}
	for state := range stateCount {
		total.IDs[state] = 0
	}
	for result := range resultCount {
		total.Ended[result] = 0
	}
	for i := range t.stats {
		sh := &t.stats[i]
		for state := range sh.states {
			total.IDs[State(state)] += int(sh.states[state].Load())
		}
		for result := range sh.ended {
			total.Ended[Result(result)] += sh.ended[result].Load()
		}
		total.Fenced += sh.fenced.Load()
		total.Retried += sh.retried.Load()
		if at := sh.oldest.Load(); at > 0 {
			if start := time.UnixMilli(at); total.Oldest.IsZero() || start.Before(total.Oldest) {
				total.Oldest = start
			}
		}
		if sh.loaded.Load() {
			total.ShardsLoaded++
		}
	}
	return total
}

// stats is what a shard shows to others without being asked.
type stats struct {
	loaded  atomic.Bool
	states  [stateCount]atomic.Int64
	ended   [resultCount]atomic.Uint64
	oldest  atomic.Int64 // ms; 0: none
	fenced  atomic.Uint64
	retried atomic.Uint64
}

func (t *stats) publish(m *machine, s *step) {
	t.loaded.Store(true)
	for state := range t.states {
		t.states[state].Store(int64(m.census[state]))
	}
	for result := range t.ended {
		t.ended[result].Add(uint64(s.ended[result]))
	}
	t.fenced.Add(uint64(s.fenced))
	t.retried.Add(uint64(s.retried))
	oldest := int64(0)
	if at, some := m.begun.Next(); some {
		oldest = at.UnixMilli()
	}
	t.oldest.Store(oldest)
}

func (t *stats) clear() {
	t.loaded.Store(false)
	for state := range t.states {
		t.states[state].Store(0)
	}
	t.oldest.Store(0)
}

// verifications counts what was answered to who asked whether a partition is part
// of a transaction, by partition.
type verifications struct {
	known [len(verifiable)]atomic.Uint64
}

// verifiable are the answers that are counted by themselves; the last stands for
// the rest: there is no coordinator for now.
var verifiable = [...]protocol.ErrorCode{
	protocol.NoError, protocol.TransactionAbortable, protocol.ProducerFenced,
	protocol.InvalidProducerIDMapping, protocol.ConcurrentTransactions, protocol.CoordinatorNotAvailable,
}

func (v *verifications) count(codes []protocol.ErrorCode) {
	for _, code := range codes {
		at := len(verifiable) - 1
		for i, known := range verifiable {
			if known == code {
				at = i
			}
		}
		v.known[at].Add(1)
	}
}

func (v *verifications) read() map[protocol.ErrorCode]uint64 {
	counts := map[protocol.ErrorCode]uint64{}
	for i, code := range verifiable {
		counts[code] = v.known[i].Load()
	}
	return counts
}
