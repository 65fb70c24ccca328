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
// deleted, is known after any start. Batches are as the broker makes them, without
// sequences: a remembered batch would have the partition restated by itself.
func TestTransactionsOfRemovedSegments(t *testing.T) {
	f := newFixture(t, Config{SegmentBytes: 16 << 10})
	f.put(1, txnMarker(5, 3, false)) // 0: fenced, and nothing else
	f.put(3, txnRecord(t, 6, 0, -1)) // 0: open for ever
	f.put(4, txnRecord(t, 7, 0, -1)) // 0: aborted behind the start
	f.put(4, txnRecord(t, 8, 0, -1)) // 1: gone with its marker
	f.put(4, txnMarker(8, 1, false)) // 2
	for range 12 {                   //    other segments
		f.append(2000, 1, 2, 3, 4)
	}
	f.put(4, txnRecord(t, 7, 0, -1))
	last := f.put(4, txnMarker(7, 0, false))
	f.append(2000, 1, 2, 3, 4)
	for id := model.PartitionID(1); id <= 4; id++ {
		to := model.Offset(32)
		if id == 2 {
			to = f.ends[2]
		}
		if err := f.control(id, KindLogStart, to, 1); err != nil {
			t.Fatal(err)
		}
	}
	if n, _, err := f.log.Reclaim(); err != nil || n == 0 {
		t.Fatal(n, err)
	}
	producers, aborted := map[model.PartitionID][]ProducerState{}, map[model.PartitionID][]AbortedTxn{}
	for id := model.PartitionID(1); id <= 4; id++ {
		producers[id], aborted[id] = known(f.log.Partition(id))
	}
	if want := []AbortedTxn{{Producer: 7, First: 0, Last: last, Stable: last + 1}}; !slices.Equal(aborted[4], want) ||
		len(producers[1]) != 1 || len(producers[3]) != 1 || len(producers[4]) != 2 {
		t.Fatalf("aborted %v, want %v; producers %v", aborted, want, producers)
	}
	for _, start := range []struct {
		what string
		do   func() *Recovery
	}{
		{"clean", f.restart}, {"killed", f.kill}, {"rebuilt", func() *Recovery { f.rebuild(); return nil }},
	} {
		start.do()
		for id := model.PartitionID(1); id <= 4; id++ {
			again, still := known(f.log.Partition(id))
			if !slices.Equal(again, producers[id]) || !slices.Equal(still, aborted[id]) {
				t.Errorf("%s: partition %d: producers %v, want %v; aborted %v, want %v", start.what, id, again, producers[id], still, aborted[id])
			}
		}
	}
}

// TestMarkerLostToDamage: a transaction whose marker is given up is as it was
// before, once nothing but the log tells of it, and another marker ends it.
func TestMarkerLostToDamage(t *testing.T) {
	for name, c := range map[string]struct {
		close func(f *fixture)
		kept  bool // a checkpoint knows how it ended
	}{
		"below the checkpoint": {(*fixture).close, true},
		"behind it":            {(*fixture).killWithoutCheckpoint, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, Config{SegmentBytes: 32 << 10})
			f.knowUpTo(2)
			f.append(500, 1, 2)
			first := f.put(1, txnRecord(t, 7, 0, 0))
			marker := f.put(1, txnMarker(7, 0, false))
			for range 10 {
				f.append(500, 1, 2)
			}
			c.close(f)
			for _, h := range f.batchEntries() {
				if h.Partition == 1 && h.BaseOffset == marker {
					f.flip(h.Position + 40)
				}
			}
			if plan := f.salvage(SalvageOptions{}); len(plan.Lost) != 1 || plan.Lost[0].From != marker || plan.Lost[0].To != marker+1 {
				t.Fatalf("lost %+v", plan.Lost)
			}
			f.open()
			open, aborted := f.log.Partition(1).OpenTxns(), f.log.Partition(1).Aborted()
			if (len(open) == 0) != c.kept || (aborted.Len() == 1) != c.kept {
				t.Errorf("open %v, %d aborted", open, aborted.Len())
			}
			f.close()
			f.remove(indexSuffix)
			f.open()
			p := f.log.Partition(1)
			if open := p.OpenTxns(); len(open) != 1 || open[0].First != first || p.Aborted().Len() != 0 {
				t.Fatalf("rebuilt: open %v, %d aborted", open, p.Aborted().Len())
			}
			last := f.put(1, txnMarker(7, 0, false))
			if got := p.Aborted().Overlapping(0, p.End()); len(p.OpenTxns()) != 0 || len(got) != 1 || got[0].First != first || got[0].Last != last {
				t.Errorf("ended again: open %v, aborted %v", p.OpenTxns(), got)
			}
		})
	}
}

// TestAbortedWhereNoRunIsFound: the entry that names a run is damaged, and so is
// the run. The partition is as it was before, with the records of a transaction
// that was aborted, and that is known.
func TestAbortedWhereNoRunIsFound(t *testing.T) {
	f := newFixture(t, Config{SegmentBytes: 64 << 10})
	first := f.put(1, txnRecord(t, 7, 0, 0))
	last := f.put(1, txnMarker(7, 0, false))
	for range 20 {
		f.append(300, 1, 2)
	}
	p := f.log.Partition(1)
	if done, err := p.Compact(32, &pickCleaner{keep: thirds}, Pace{}); err != nil || done.To != 32 || done.BatchesKept == 0 {
		t.Fatal(done, err)
	}
	if n := p.Aborted().Len(); n != 0 {
		t.Errorf("%d are known of what was cleaned", n)
	}
	f.append(300, 1, 2)
	f.close()
	for _, h := range f.entries() {
		if h.Kind == KindCleanedTo {
			f.flip(h.Position + 40)
		}
	}
	f.flipSide(f.sideEntries()[0].Position + 40)
	f.remove(indexSuffix)
	f.remove(checkpointPrefix)
	f.open()
	p = f.log.Partition(1)
	if to := p.cleaned().to; to != 0 {
		t.Fatalf("it is cleaned below %d", to)
	}
	if got := p.Aborted().Overlapping(0, p.End()); len(got) != 1 || got[0].First != first || got[0].Last != last {
		t.Errorf("aborted %v, want [%d, %d]", got, first, last)
	}
	if bases, err := offsetsFrom(t, p, 0); err != nil || bases[0] != first {
		t.Errorf("read %v, %v", bases, err)
	}
}
