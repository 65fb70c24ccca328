package log

import (
	"slices"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// put appends one batch that has no place yet, durably.
func (f *fixture) put(id model.PartitionID, b []byte) model.Offset {
	f.t.Helper()
	p, w := f.log.Partition(id), newWaiter()
	base := p.End()
	batch.SetBaseOffset(b, base)
	h, err := batch.Parse(b)
	if err != nil {
		f.t.Fatal(err)
	}
	f.log.Enqueue(newAppend(p, b, h, p.Generation(), w))
	if err := w.err(); err != nil {
		f.t.Fatal(err)
	}
	f.ends[id] = p.End()
	return base
}

// txnRecord is a batch of one record of a transaction.
func txnRecord(tb testing.TB, id model.ProducerID, epoch model.ProducerEpoch, sequence int32) []byte {
	tb.Helper()
	b := batch.NewBuilder(batch.None)
	b.ProducerID, b.ProducerEpoch, b.BaseSequence, b.Transactional = id, epoch, sequence, true
	b.Add(1000, []byte("key"), []byte("value"))
	raw, err := b.Build(nil)
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

func txnMarker(id model.ProducerID, epoch model.ProducerEpoch, commit bool) []byte {
	return batch.AppendMarker(nil, &batch.Marker{Producer: id, Epoch: epoch, Commit: commit, CoordinatorEpoch: 7, Timestamp: 1001})
}

// known is what a partition knows of producers and transactions, without times.
func known(p *PartitionLog) ([]ProducerState, []AbortedTxn) {
	producers := p.Producers()
	for i := range producers {
		producers[i].LastTime, producers[i].TxnSince = 0, 0
	}
	return producers, p.Aborted().list
}

// TestTransactionsOfRemovedSegments: what only records say that are gone, of a
// fenced producer, of a transaction that is open and of one whose beginning was
// deleted, is known after any start.
func TestTransactionsOfRemovedSegments(t *testing.T) {
	f := newFixture(t, Config{SegmentBytes: 16 << 10})
	f.put(1, txnMarker(5, 3, false)) // 0: fenced, and nothing else
	f.put(1, txnRecord(t, 6, 0, 0))  // 1: open for ever
	f.put(1, txnRecord(t, 7, 0, 0))  // 2: aborted behind the start
	f.put(1, txnRecord(t, 8, 0, 0))  // 3: gone with its marker
	f.put(1, txnMarker(8, 1, false)) // 4
	for range 12 {                   //    other segments
		f.append(2000, 1, 2)
	}
	f.put(1, txnRecord(t, 7, 0, 1))
	last := f.put(1, txnMarker(7, 0, false))
	f.append(2000, 1, 2)
	if err := f.control(1, KindLogStart, 20, 1); err != nil {
		t.Fatal(err)
	}
	if err := f.control(2, KindLogStart, f.ends[2], 1); err != nil {
		t.Fatal(err)
	}
	if n, _, err := f.log.Reclaim(); err != nil || n == 0 {
		t.Fatal(n, err)
	}
	producers, aborted := known(f.log.Partition(1))
	if want := []AbortedTxn{{Producer: 7, First: 2, Last: last, Stable: 1}}; !slices.Equal(aborted, want) || len(producers) != 4 {
		t.Fatalf("aborted %v, want %v; producers %v", aborted, want, producers)
	}
	for what, start := range map[string]func(){
		"clean":   func() { f.restart() },
		"killed":  func() { f.kill() },
		"rebuilt": func() { f.rebuild() },
	} {
		start()
		again, still := known(f.log.Partition(1))
		if !slices.Equal(again, producers) || !slices.Equal(still, aborted) {
			t.Errorf("%s: producers %v, want %v; aborted %v, want %v", what, again, producers, still, aborted)
		}
	}
}
