package replication

import (
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/span"
	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/protocol"
)

// txnBatch is a batch of one record of a transaction.
func (w *world) txnBatch(id model.ProducerID, epoch model.ProducerEpoch, sequence int32) []byte {
	w.t.Helper()
	b := builder()
	b.ProducerID, b.ProducerEpoch, b.BaseSequence, b.Transactional = id, epoch, sequence, true
	return w.records(b, 1)
}

// send verifies and appends, as a produce handler does where the coordinator agrees.
func (w *world) send(p *Partition, id model.ProducerID, epoch model.ProducerEpoch, sequence int32, a *answers) {
	w.t.Helper()
	g, _ := p.Verify(Verification{Producer: id, Epoch: epoch, Sequence: sequence})
	p.Append(AppendRequest{Batch: w.txnBatch(id, epoch, sequence), Guard: g}, a.add)
}

// mustSend sends and waits for the answer.
func (w *world) mustSend(p *Partition, id model.ProducerID, epoch model.ProducerEpoch, sequence int32) model.Offset {
	w.t.Helper()
	var a answers
	w.send(p, id, epoch, sequence, &a)
	w.settle()
	list := a.all()
	if len(list) != 1 || list[0].Err != nil {
		w.t.Fatalf("producer %d, epoch %d, sequence %d: %+v", id, epoch, sequence, list)
	}
	return list[0].BaseOffset
}

// ends gathers what markers were told.
type ends struct{ told []MarkerResult }

func (e *ends) add(r []MarkerResult) { e.told = append(e.told, r...) }

func marker(p *Partition, id model.ProducerID, epoch model.ProducerEpoch, commit bool) Marker {
	return Marker{Partition: p, Producer: id, Epoch: epoch, Commit: commit}
}

// mustEnd writes one marker and waits for it.
func (w *world) mustEnd(m Marker) model.Offset {
	w.t.Helper()
	var e ends
	w.partitions.AppendMarkers([]Marker{m}, e.add)
	w.settle()
	if len(e.told) != 1 || e.told[0].Err != nil {
		w.t.Fatalf("marker %+v: %+v", m, e.told)
	}
	return e.told[0].Offset
}

func (w *world) wantStable(p *Partition, when string, stable, hw model.Offset) {
	w.t.Helper()
	if o := p.Offsets(); o.LastStable != stable || o.HighWatermark != hw {
		w.t.Fatalf("%s: stable up to %d, watermark %d; want %d, %d", when, o.LastStable, o.HighWatermark, stable, hw)
	}
}

// committed reads all that a read_committed consumer gets from an offset on: the
// batches' offsets, and the aborted transactions.
func (w *world) committed(p *Partition, from model.Offset) ([]model.Offset, []Aborted) {
	w.t.Helper()
	var out span.List
	defer out.Release()
	res := p.Read(ReadRequest{From: from, MaxBytes: 1 << 20, MinOne: true, ReadCommitted: true, CurrentEpoch: -1, LastFetchedEpoch: -1}, &out)
	if res.Err != nil {
		w.t.Fatalf("read from %d: %v", from, res.Err)
	}
	return bases(w.t, &out), res.Aborted
}

func TestLastStableOffset(t *testing.T) {
	inWorld(t, func(w *world) {
		p := w.part(0)
		w.mustAppend(p, 2)
		w.wantStable(p, "no transaction", 2, 2)
		w.holdSyncs()
		var early answers
		w.append(p, w.records(builder(), 1), &early) // 2
		w.send(p, 9, 0, 0, &early)                   // 3
		w.settle()
		w.wantStable(p, "nothing is durable of it", 2, 2)
		w.letSyncs()
		w.settle()
		w.wantStable(p, "it is", 3, 4)
		w.mustEnd(marker(p, 9, 0, true))                              // 4
		w.deleteRecords(p, 3, func(model.Offset, *protocol.Error) {}) // nothing of it counts below
		w.settle()
		w.wantStable(p, "all ended", 5, 5)
	})
	inWorld(t, func(w *world) {
		p := w.part(0)
		w.mustAppend(p, 2)
		w.mustSend(p, 1, 0, 0) // 2
		w.mustSend(p, 2, 0, 0) // 3
		w.mustAppend(p, 1)     // 4
		w.wantStable(p, "two open", 2, 5)
		if open := p.OpenTxns(); len(open) != 2 || open[0].First != 2 || open[1].Producer != 2 || !open[0].Since.Equal(w.clock.Now()) {
			t.Errorf("open: %+v", open)
		}
		w.mustEnd(marker(p, 2, 0, true)) // 5
		w.wantStable(p, "the younger ended", 2, 6)

		w.holdSyncs()
		var e ends
		w.partitions.AppendMarkers([]Marker{marker(p, 1, 0, false)}, e.add) // 6
		var a answers
		w.send(p, 1, 0, 1, &a) // 7: its next transaction
		w.settle()
		w.wantStable(p, "the marker is written, not durable", 2, 6)
		if len(e.told) > 0 {
			t.Errorf("the marker was answered: %+v", e.told)
		}
		w.letSyncs()
		w.settle()
		w.wantStable(p, "the next transaction is open", 7, 8)
		a.want(t, "next transaction", 7)
		if got, aborted := w.committed(p, 0); len(got) != 6 || !slices.Equal(aborted, []Aborted{{1, 2}}) {
			t.Errorf("read %v, aborted %v", got, aborted)
		}
		if got, aborted := w.committed(p, 7); len(got) > 0 || aborted == nil || len(aborted) > 0 {
			t.Errorf("at the last stable offset: %v, %v", got, aborted)
		}
		if f, err := p.FindOffset(TimestampLatest, true, -1); err != nil || f.Offset != 7 {
			t.Errorf("latest: %+v, %v", f, err)
		}
		if f, err := p.FindOffset(begin, true, -1); err != nil || f.Offset != 0 {
			t.Errorf("by time: %+v, %v", f, err)
		}
		if f, err := p.FindOffset(TimestampMax, true, -1); err != nil || f.Offset != 0 {
			t.Errorf("largest time: %+v, %v", f, err)
		}
		w.clock.Advance(time.Second)
		w.mustAppend(p, 1) // 8
		if f, err := p.FindOffset(TimestampMax, true, -1); err != nil || f.Offset != -1 {
			t.Errorf("largest time, not stable yet: %+v, %v", f, err)
		}
		if f, err := p.FindOffset(TimestampMax, false, -1); err != nil || f.Offset != 8 {
			t.Errorf("largest time of all: %+v, %v", f, err)
		}
		if f, err := p.FindOffset(w.clock.Now().UnixMilli()+1, true, -1); err != nil || f.Offset != -1 {
			t.Errorf("above all times: %+v, %v", f, err)
		}
		if n, all := p.Available(0, 1<<20, true), p.Available(0, 1<<20, false); n >= all || n == 0 || p.Available(7, 1<<20, true) != 0 {
			t.Errorf("available: %d of %d", n, all)
		}
		w.crash(nil)
		w.wantStable(w.part(0), "after a restart", 7, 9)
		w.mustEnd(marker(w.part(0), 1, 0, true)) // 9
		w.wantStable(w.part(0), "all ended", 10, 10)
	})
}

// TestStableOffsetIsHeard: who waits for what is stable hears when the marker is.
func TestStableOffsetIsHeard(t *testing.T) {
	inWorld(t, func(w *world) {
		p := w.part(0)
		w.mustSend(p, 1, 0, 0)
		heard := &counting{}
		p.Subscribe(heard)
		w.holdSyncs()
		var e ends
		w.partitions.AppendMarkers([]Marker{marker(p, 1, 0, true)}, e.add)
		w.settle()
		if n := heard.n.Load(); n != 0 {
			t.Errorf("heard %d times of a marker that is not durable", n)
		}
		w.letSyncs()
		w.settle()
		w.wantStable(p, "ended", 2, 2)
		if n := heard.n.Load(); n != 1 {
			t.Errorf("heard %d times of the marker", n)
		}
	})
}

// counting is a Listener.
type counting struct{ n atomic.Int32 }

func (c *counting) Advanced(*Partition) { c.n.Add(1) }

// A log start above the first record of an open transaction does not hold the
// last stable offset below what can be read.
func TestLogStartPassesOpenTransaction(t *testing.T) {
	inWorld(t, func(w *world) {
		p := w.part(0)
		w.mustSend(p, 1, 0, 0)
		w.mustAppend(p, 3)
		w.wantStable(p, "open", 0, 4)
		w.deleteRecords(p, 2, func(model.Offset, *protocol.Error) {})
		w.settle()
		w.wantStable(p, "half of it deleted", 2, 4)
		w.mustEnd(marker(p, 1, 0, false))
		w.wantStable(p, "ended", 5, 5)
		if _, aborted := w.committed(p, 2); !slices.Equal(aborted, []Aborted{{1, 0}}) {
			t.Errorf("aborted: %v", aborted)
		}
	})
}

// TestGuards: a batch of a transaction needs the word of the coordinator, given
// for this very transaction (KIP-890).
func TestGuards(t *testing.T) {
	inWorld(t, func(w *world) {
		p := w.part(0)
		refused := func(when string, code protocol.ErrorCode, b []byte, g Guard) {
			t.Helper()
			var a answers
			p.Append(AppendRequest{Batch: b, Guard: g}, a.add)
			w.settle()
			a.wantCode(t, when, code)
		}
		ask := func(epoch model.ProducerEpoch, sequence int32) Guard {
			t.Helper()
			g, needed := p.Verify(Verification{Producer: 1, Epoch: epoch, Sequence: sequence})
			if !needed {
				t.Fatalf("epoch %d needs no word", epoch)
			}
			return g
		}
		refused("nobody asked", protocol.InvalidTxnState, w.txnBatch(1, 0, 0), Guard{})
		delayed := ask(0, 0)
		if again := ask(0, 1); again != delayed {
			t.Error("two questions about one transaction have two guards")
		}
		refused("a batch was asked for before", protocol.OutOfOrderSequenceNumber, w.txnBatch(1, 0, 1), delayed)
		w.mustEnd(marker(p, 1, 0, false)) // 0: the coordinator gave up meanwhile
		refused("a marker came between", protocol.InvalidTxnState, w.txnBatch(1, 0, 0), delayed)
		refused("another's guard", protocol.InvalidTxnState, w.txnBatch(1, 0, 0), Guard{delayed.n + 1})

		fresh := ask(0, 0)
		var a answers
		p.Append(AppendRequest{Batch: w.txnBatch(1, 0, 0), Guard: fresh}, a.add)
		w.settle()
		a.want(t, "verified", 1)
		if _, needed := p.Verify(Verification{Producer: 1, Epoch: 0, Sequence: 1}); needed {
			t.Error("an open transaction needs a word")
		}
		p.Append(AppendRequest{Batch: w.txnBatch(1, 0, 1)}, a.add)
		w.settle()
		a.want(t, "in an open transaction", 1, 2)
		if _, needed := p.Verify(Verification{Producer: 1, Epoch: 1}); !needed {
			t.Error("a new epoch needs no word")
		}
		refused("a new epoch without", protocol.InvalidTxnState, w.txnBatch(1, 1, 0), fresh)
		plain := builder()
		plain.ProducerID, plain.ProducerEpoch, plain.BaseSequence = 1, 0, 2
		refused("not of the open transaction", protocol.InvalidTxnState, w.records(plain, 1), Guard{})
		plain.BaseSequence = 7
		refused("nor next in the sequence", protocol.OutOfOrderSequenceNumber, w.records(plain, 1), Guard{})
		p.Append(AppendRequest{Batch: w.txnBatch(1, 0, 1)}, a.add)
		w.settle()
		a.want(t, "a duplicate", 1, 2, 2)
		w.mustEnd(marker(p, 1, 0, true)) // 3
		p.Append(AppendRequest{Batch: w.txnBatch(1, 0, 1)}, a.add)
		w.settle()
		a.want(t, "a duplicate after the end", 1, 2, 2, 2)
		refused("the used one", protocol.InvalidTxnState, w.txnBatch(1, 0, 2), fresh)
	})
}

// TestGuardsWithoutSequence: a batch that has none, and will be refused for it, is
// not one that was asked for before and is missing.
func TestGuardsWithoutSequence(t *testing.T) {
	inWorld(t, func(w *world) {
		p := w.part(0)
		p.Verify(Verification{Producer: 1, Sequence: -1})
		p.Verify(Verification{Producer: 1, Sequence: 0})
		g, _ := p.Verify(Verification{Producer: 1, Sequence: -1})
		var a answers
		p.Append(AppendRequest{Batch: w.txnBatch(1, 0, 1), Guard: g}, a.add)
		w.settle()
		a.wantCode(t, "0 was asked for", protocol.OutOfOrderSequenceNumber)
		var b answers
		p.Append(AppendRequest{Batch: w.txnBatch(1, 0, 0), Guard: g}, b.add)
		w.settle()
		b.want(t, "the first", 0)
	})
}

func TestGuardsExpire(t *testing.T) {
	inWorld(t, func(w *world) {
		p := w.part(0)
		g, _ := p.Verify(Verification{Producer: 1})
		w.clock.Advance(25 * 3_600_000_000_000)
		w.partitions.Retain(func(_ *Partition, err error) { t.Error(err) })
		if p.mu.txns.guards != nil {
			t.Errorf("%d guards are left", len(p.mu.txns.guards))
		}
		var a answers
		p.Append(AppendRequest{Batch: w.txnBatch(1, 0, 0), Guard: g}, a.add)
		w.settle()
		a.wantCode(t, "expired", protocol.InvalidTxnState)
		w.partitions.env.VerifyTransactions = func() bool { return false }
		if _, needed := p.Verify(Verification{Producer: 1}); needed {
			t.Error("verification is off, and asked for")
		}
		if _, needed := p.Verify(Verification{Producer: 1, BumpsEpoch: true}); !needed {
			t.Error("nobody makes the partition part of the transaction")
		}
		p.Append(AppendRequest{Batch: w.txnBatch(1, 0, 0)}, a.add)
		w.settle()
		a.want(t, "verification is off", -1, 0)
	})
}

// TestGuardsWithdrawn: what the coordinator refused for good leaves nothing behind,
// and harms nobody who asked beside it.
func TestGuardsWithdrawn(t *testing.T) {
	inWorld(t, func(w *world) {
		p := w.part(0)
		for id := range model.ProducerID(100) {
			g, _ := p.Verify(Verification{Producer: id})
			p.Withdraw(id, g)
			p.Withdraw(id, g)
		}
		if p.mu.txns.guards != nil {
			t.Errorf("%d guards are left", len(p.mu.txns.guards))
		}
		stranger, _ := p.Verify(Verification{Producer: 1, Epoch: 1})
		own, _ := p.Verify(Verification{Producer: 1})
		p.Withdraw(1, Guard{})
		p.Withdraw(1, stranger)
		var a answers
		p.Append(AppendRequest{Batch: w.txnBatch(1, 0, 0), Guard: own}, a.add)
		w.settle()
		a.want(t, "another one was refused", 0)
		p.Withdraw(1, own)
	})
}

// TestSequencesOverTransactions: those of one epoch go on over its markers; an
// epoch that a marker bumped begins at 0.
func TestSequencesOverTransactions(t *testing.T) {
	inWorld(t, func(w *world) {
		p := w.part(0)
		wrong := func(when string, epoch model.ProducerEpoch, sequence int32, code protocol.ErrorCode) {
			t.Helper()
			var a answers
			w.send(p, 1, epoch, sequence, &a)
			w.settle()
			a.wantCode(t, when, code)
		}
		w.mustSend(p, 1, 4, 0)
		w.mustEnd(marker(p, 1, 4, true))
		wrong("the epoch began before", 4, 0+5, protocol.OutOfOrderSequenceNumber)
		w.mustSend(p, 1, 4, 1)
		w.mustEnd(Marker{Partition: p, Producer: 1, Epoch: 5, Commit: true, BumpedEpoch: true})
		wrong("fenced by the marker", 4, 2, protocol.InvalidProducerEpoch)
		wrong("the new epoch begins late", 5, 1, protocol.OutOfOrderSequenceNumber)
		w.mustSend(p, 1, 5, 0)

		// The same while nothing is written yet.
		w.holdSyncs()
		var a answers
		var e ends
		w.partitions.AppendMarkers([]Marker{{Partition: p, Producer: 1, Epoch: 6, BumpedEpoch: true}}, e.add)
		w.send(p, 1, 6, 0, &a)
		w.send(p, 1, 6, 1, &a)
		w.partitions.AppendMarkers([]Marker{marker(p, 1, 6, true)}, e.add)
		w.send(p, 1, 6, 2, &a)
		w.letSyncs()
		w.settle()
		a.want(t, "behind pending markers", 6, 7, 9)

		// A TV2 client that is new to the partition begins at 0.
		g, _ := p.Verify(Verification{Producer: 9, Sequence: 3, BumpsEpoch: true})
		p.Append(AppendRequest{Batch: w.txnBatch(9, 0, 3), Guard: g}, a.add)
		w.settle()
		a.wantCode(t, "begins late", protocol.OutOfOrderSequenceNumber)
	})
}

func TestInternalBatchesHaveNoSequence(t *testing.T) {
	inWorld(t, func(w *world) {
		p := w.part(0)
		var a answers
		offsets := w.txnBatch(1, 0, -1)
		p.Append(AppendRequest{Batch: slices.Clone(offsets)}, a.add)
		w.settle()
		a.wantCode(t, "a client's", protocol.InvalidRecord)
		for range 2 {
			p.Append(AppendRequest{Batch: slices.Clone(offsets), Internal: true, Generation: p.Generation()}, a.add)
			w.settle()
		}
		a.want(t, "the broker's", -1, 0, 1)
		w.wantStable(p, "open", 0, 2)
		w.mustEnd(marker(p, 1, 0, true))
		w.wantStable(p, "ended", 3, 3)
	})
}

// TestTransactionsOfFailedAppends: what failed has not happened.
func TestTransactionsOfFailedAppends(t *testing.T) {
	inWorld(t, func(w *world) {
		p := w.part(0)
		w.mustSend(p, 1, 0, 0)
		w.failKind(vfs.KindWrite, vfs.ErrNoSpace)
		var a answers
		var e ends
		w.partitions.AppendMarkers([]Marker{marker(p, 1, 0, false)}, e.add)
		w.send(p, 2, 0, 0, &a)
		w.send(p, 1, 3, 0, &a)
		w.settle()
		if len(e.told) != 1 || e.told[0].Err == nil || e.told[0].Offset != -1 {
			t.Fatalf("marker: %+v", e.told)
		}
		a.want(t, "behind it", -1, -1)
		w.fail(nil)
		w.wantStable(p, "as before", 0, 1)
		if open := p.OpenTxns(); len(open) != 1 || open[0].Producer != 1 || open[0].Epoch != 0 {
			t.Errorf("open: %+v", open)
		}
		w.mustSend(p, 1, 0, 1) // 1: goes on without a word
		w.mustEnd(marker(p, 1, 0, true))
		w.wantStable(p, "ended", 3, 3)
		if _, aborted := w.committed(p, 0); len(aborted) > 0 {
			t.Errorf("aborted: %v", aborted)
		}
	})
}

// What was durable of transactions survives a power cut, and no more is told.
func TestTransactionsAfterPowerCuts(t *testing.T) {
	for seed := range uint64(8) {
		inWorld(t, func(w *world) {
			p := w.part(0)
			w.mustSend(p, 1, 0, 0) // 0
			w.mustEnd(marker(p, 1, 0, false))
			w.mustSend(p, 1, 0, 1) // 2
			w.holdSyncs()
			var e ends
			w.partitions.AppendMarkers([]Marker{marker(p, 1, 0, false)}, e.add) // 3
			w.settle()
			if len(e.told) > 0 {
				t.Fatal(e.told)
			}
			w.crash(rand.New(rand.NewPCG(seed, 1)))
			p = w.part(0)
			_, aborted := w.committed(p, 0)
			switch o := p.Offsets(); o.HighWatermark {
			case 3:
				w.wantStable(p, "the marker is lost", 2, 3)
				if !slices.Equal(aborted, []Aborted{{1, 0}}) {
					t.Error(aborted)
				}
			case 4:
				w.wantStable(p, "the marker is there", 4, 4)
				if !slices.Equal(aborted, []Aborted{{1, 0}, {1, 2}}) {
					t.Error(aborted)
				}
			default:
				t.Errorf("%+v", o)
			}
		})
	}
}
