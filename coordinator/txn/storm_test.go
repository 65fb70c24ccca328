package txn

import (
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

// TestStorm has many clients at work on a few shards, with markers that are written
// elsewhere, while others look, and at last while the coordinator ends: the race
// detector looks on.
func TestStorm(t *testing.T) {
	t.Parallel()
	s := newStorm(t, 4)
	const clients, transactions = 8, 50
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() { s.client("id-"+strconv.Itoa(i%6), transactions) }) // two ids have two clients
	}
	for range 2 {
		all.Go(func() {
			for range 50 {
				s.txns.Metrics()
				s.txns.Inspect(Filter{LongerMs: -1}, func([]View, protocol.ErrorCode) {})
			}
		})
	}
	all.Wait()
	for s.ending() { // the clients did not wait for their markers
		runtime.Gosched()
	}
	m := s.txns.Metrics()
	if m.Ended[Committed] != uint64(s.committed.Load()) || s.committed.Load() < 4*transactions {
		t.Errorf("%d were committed, %d clients were told so", m.Ended[Committed], s.committed.Load())
	}
	for i := range clients {
		all.Go(func() { s.client("late-"+strconv.Itoa(i), 5) })
	}
	s.txns.Close()
	all.Wait()
}

// storm is a coordinator whose markers are written by goroutines of their own.
type storm struct {
	txns      *Transactions
	committed atomic.Int64
}

func newStorm(tb testing.TB, shards int32) *storm {
	tb.Helper()
	s := &storm{}
	config := DefaultConfig()
	config.Shards = shards
	journals := make([]epochJournal, shards)
	var given atomic.Int64
	txns, err := New(func() Config { return config }, Env{
		Clock:         clock.Real{},
		Journals:      func(shard int32) Journal { return &journals[shard] },
		NewProducerID: func() (model.ProducerID, bool) { return model.ProducerID(given.Add(1)), true },
		WriteMarkers: func(job MarkerJob, done func([]*protocol.Error)) {
			go done(make([]*protocol.Error, len(job.Partitions)))
		},
	})
	if err != nil {
		tb.Fatal(err)
	}
	s.txns = txns
	tb.Cleanup(txns.Close)
	for i := range shards {
		if err := txns.Load(i); err != nil {
			tb.Fatal(err)
		}
	}
	return s
}

// ending reports whether markers of any transaction are not written yet.
func (s *storm) ending() bool {
	views := await(func(reply func([]View)) {
		s.txns.Inspect(Filter{States: []State{PrepareCommit, PrepareAbort}, LongerMs: -1}, func(v []View, _ protocol.ErrorCode) { reply(v) })
	})
	return len(views) > 0
}

// await asks and waits for the answer.
func await[R any](ask func(reply func(R))) R {
	answer := make(chan R, 1)
	ask(func(r R) { answer <- r })
	return <-answer
}

// client runs transactions, and begins anew when it is fenced.
func (s *storm) client(id string, transactions int) {
	who, fenced := nobody(), 0
	parts := []model.TopicPartition{tp("t", 0), tp("u", 1)}
	for done := 0; done < transactions; {
		if who == nobody() {
			req := kmsg.NewPtrInitProducerIDRequest()
			req.Version, req.TransactionalID, req.TransactionTimeoutMillis = 5, &id, 60_000
			r := await(func(reply func(*kmsg.InitProducerIDResponse)) { s.txns.InitProducerID(req, Caller{}, reply) })
			switch protocol.ErrorCode(r.ErrorCode) {
			case protocol.NoError:
				who = Producer{model.ProducerID(r.ProducerID), model.ProducerEpoch(r.ProducerEpoch)}
			case protocol.CoordinatorNotAvailable:
				return
			default: // it asks again
			}
			continue
		}
		code := s.add(id, who, parts)
		if code == protocol.NoError {
			who, code = s.commit(id, who)
		}
		switch code {
		case protocol.NoError:
			done++
		case protocol.ConcurrentTransactions: // it asks again
		default:
			if fenced++; fenced == 5 {
				return // the other client shall have the id
			}
			who = nobody()
		}
	}
}

func (s *storm) add(id string, who Producer, parts []model.TopicPartition) protocol.ErrorCode {
	return await(func(reply func(protocol.ErrorCode)) {
		s.txns.AddPartitions(id, who, parts, true, func(code protocol.ErrorCode, _ string) { reply(code) })
	})
}

func (s *storm) commit(id string, who Producer) (Producer, protocol.ErrorCode) {
	req := kmsg.NewPtrEndTxnRequest()
	req.Version, req.TransactionalID, req.Commit = 5, id, true
	req.ProducerID, req.ProducerEpoch = int64(who.ID), int16(who.Epoch)
	for {
		r := await(func(reply func(*kmsg.EndTxnResponse)) { s.txns.EndTxn(req, reply) })
		switch code := protocol.ErrorCode(r.ErrorCode); code {
		case protocol.ConcurrentTransactions:
		case protocol.NoError:
			s.committed.Add(1)
			return Producer{model.ProducerID(r.ProducerID), model.ProducerEpoch(r.ProducerEpoch)}, code
		default:
			return who, code
		}
	}
}

// BenchmarkTransaction is one transaction of a client of transaction version 2, over
// a journal and partitions that take no time.
func BenchmarkTransaction(b *testing.B) {
	for name, partitions := range map[string]int32{"1 partition": 1, "100 partitions": 100} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			s := newStorm(b, 1)
			s.txns.env.WriteMarkers = func(job MarkerJob, done func([]*protocol.Error)) {
				done(make([]*protocol.Error, len(job.Partitions)))
			}
			id := "id"
			req := kmsg.NewPtrInitProducerIDRequest()
			req.Version, req.TransactionalID, req.TransactionTimeoutMillis = 5, &id, 60_000
			r := await(func(reply func(*kmsg.InitProducerIDResponse)) { s.txns.InitProducerID(req, Caller{}, reply) })
			who := Producer{model.ProducerID(r.ProducerID), model.ProducerEpoch(r.ProducerEpoch)}
			var parts []model.TopicPartition
			for i := range partitions {
				parts = append(parts, tp("t", i))
			}
			for b.Loop() {
				if code := s.add(id, who, parts); code != protocol.NoError {
					b.Fatal(code)
				}
				var code protocol.ErrorCode
				if who, code = s.commit(id, who); code != protocol.NoError {
					b.Fatal(code)
				}
			}
		})
	}
}
