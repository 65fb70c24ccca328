package log

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// txnData is a batch of one record of a transaction.
func txnData(id model.ProducerID, epoch model.ProducerEpoch, base model.Offset) batch.Header {
	return batch.Header{BaseOffset: base, ProducerID: id, ProducerEpoch: epoch, Records: 1, Attributes: 0x10, Size: 80}
}

// txnEnd is what a marker is to a state.
func txnEnd(id model.ProducerID, epoch model.ProducerEpoch, base model.Offset, commit bool) (batch.Header, controlBatch) {
	h := batch.Header{BaseOffset: base, ProducerID: id, ProducerEpoch: epoch, BaseSequence: -1, Records: 1, Attributes: 0x30, Size: batch.MarkerSize}
	return h, controlBatch{batch.Marker{Producer: id, Epoch: epoch, Commit: commit, CoordinatorEpoch: 3}, true}
}

// take has a state take single batches, one an entry, at append time 100 + base.
func (s *partitionState) take(list ...any) {
	for i := 0; i < len(list); i++ {
		h := list[i].(batch.Header)
		b := batchesApplied{AppendTime: 100 + int64(h.BaseOffset), Headers: []batch.Header{h}}
		if h.IsControl() {
			i++
			b.Controls = []controlBatch{list[i].(controlBatch)}
		}
		s.applyBatches(&b, 0)
	}
}

// end has a state take a marker.
func (s *partitionState) endTxn(id model.ProducerID, epoch model.ProducerEpoch, base model.Offset, commit bool) {
	h, c := txnEnd(id, epoch, base, commit)
	s.take(h, c)
}

func (s *partitionState) producer(t *testing.T, id model.ProducerID) ProducerState {
	t.Helper()
	i, ok := s.producers.find(id)
	if !ok {
		t.Fatalf("producer %d is not known", id)
	}
	return *s.producers[i]
}

func TestTransactionsOpenAndEnd(t *testing.T) {
	t.Parallel()
	s := newPartitionState()
	s.take(txnData(7, 0, 0), txnData(9, 0, 1), txnData(7, 0, 2))
	if p := s.producer(t, 7); p.TxnFirst != 0 || p.TxnSince != 100 || p.CoordinatorEpoch != -1 {
		t.Errorf("open: %+v", p)
	}
	s.endTxn(7, 1, 3, false)
	if p := s.producer(t, 7); p.TxnFirst != -1 || p.TxnSince != 0 || p.CoordinatorEpoch != 3 || p.LastMarker != 3 || p.Epoch != 1 || p.N != 0 || p.LastTime != 103 {
		t.Errorf("aborted: %+v", p)
	}
	s.endTxn(9, 0, 4, true)
	if p := s.producer(t, 9); p.TxnFirst != -1 || p.N != 1 || p.Epoch != 0 {
		t.Errorf("committed: %+v", p)
	}
	s.endTxn(9, 0, 5, false)  // nothing is open
	s.endTxn(11, 4, 6, false) // nobody knows it: it is fenced now
	if p := s.producer(t, 11); p.Epoch != 4 || p.TxnFirst != -1 {
		t.Errorf("fenced: %+v", p)
	}
	s.take(txnData(9, 0, 7), txnData(9, 2, 8)) // a newer epoch goes on in what is open
	if p := s.producer(t, 9); p.TxnFirst != 7 || p.Epoch != 2 || p.N != 1 {
		t.Errorf("newer epoch: %+v", p)
	}
	s.endTxn(9, 3, 9, false)
	want := abortedTxns{{Producer: 7, First: 0, Last: 3, Stable: 1}, {Producer: 9, First: 7, Last: 9, Stable: 10}}
	if !slices.Equal(s.aborted, want) {
		t.Errorf("%+v, want %+v", s.aborted, want)
	}
}

// What is no marker of a transaction ends none, whoever it names.
func TestUnknownControlBatchesAreIgnored(t *testing.T) {
	t.Parallel()
	s := newPartitionState()
	h, c := txnEnd(7, 5, 1, false)
	c.ends = false
	s.take(txnData(7, 0, 0), h, c)
	if p := s.producer(t, 7); p.TxnFirst != 0 || p.Epoch != 0 || s.end != 2 || len(s.aborted) > 0 {
		t.Errorf("%+v, end %d, aborted %v", p, s.end, s.aborted)
	}
	raw := batch.AppendMarker(nil, &batch.Marker{Producer: 7})
	raw[batch.HeaderSize+8] = 9 // a type that nobody knows
	header, err := batch.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	if list := controlsOf(raw, []batch.Header{header}); len(list) != 1 || list[0].ends {
		t.Errorf("%+v", list)
	}
}

func TestWhoHasATransactionOpenStays(t *testing.T) {
	t.Parallel()
	s := newPartitionState()
	s.take(txnData(7, 0, 0), txnData(9, 0, 1))
	s.endTxn(9, 0, 2, true)
	if n := s.producers.expire(1000); n != 1 || len(s.producers) != 1 || s.producers[0].ID != 7 {
		t.Errorf("%d expired, left %v", n, s.producers)
	}
	const most = 4
	for i := range model.ProducerID(20) {
		h := txnData(20+i, 0, model.Offset(3+i))
		s.applyBatches(&batchesApplied{Headers: []batch.Header{h}}, most)
	}
	if len(s.producers) != 21 {
		t.Errorf("%d producers are left of those with open transactions", len(s.producers))
	}
	s.endTxn(20, 0, 23, true)
	s.applyBatches(&batchesApplied{Headers: []batch.Header{txnData(50, 0, 24)}}, most)
	if _, ok := s.producers.find(20); ok || len(s.producers) != 21 {
		t.Errorf("%d producers, the idle one among them: %v", len(s.producers), ok)
	}
}

func TestTruncationOfTransactions(t *testing.T) {
	t.Parallel()
	history := func() partitionState {
		s := newPartitionState()
		s.take(txnData(7, 0, 0), txnData(9, 0, 1))
		s.endTxn(7, 0, 2, false)
		s.take(txnData(7, 0, 3))
		s.endTxn(9, 0, 4, false)
		s.endTxn(7, 0, 5, false)
		s.take(txnData(7, 0, 6))
		return s
	}
	for end, want := range map[model.Offset]struct {
		open    map[model.ProducerID]model.Offset
		aborted int
	}{
		6: {map[model.ProducerID]model.Offset{7: -1, 9: -1}, 3},
		5: {map[model.ProducerID]model.Offset{7: 3, 9: -1}, 2},
		4: {map[model.ProducerID]model.Offset{7: 3, 9: 1}, 1},
		3: {map[model.ProducerID]model.Offset{7: -1, 9: 1}, 1},
		2: {map[model.ProducerID]model.Offset{7: 0, 9: 1}, 0},
		1: {map[model.ProducerID]model.Offset{7: 0}, 0},
		0: {map[model.ProducerID]model.Offset{}, 0},
	} {
		s := history()
		view := s.aborted
		s.applyTruncate(end, s.totals)
		open := map[model.ProducerID]model.Offset{}
		for _, p := range s.producers {
			open[p.ID] = p.TxnFirst
		}
		if len(open) != len(want.open) || len(s.aborted) != want.aborted {
			t.Errorf("to %d: open %v, aborted %v; want %+v", end, open, s.aborted, want)
		}
		for id, first := range want.open {
			if open[id] != first {
				t.Errorf("to %d: producer %d open from %d, want %d", end, id, open[id], first)
			}
		}
		s.aborted = append(s.aborted, AbortedTxn{Producer: 1, First: 100, Last: 200, Stable: 201})
		if want := history().aborted; !slices.Equal(view, want) {
			t.Errorf("to %d: who looked before sees %v, want %v", end, view, want)
		}
	}
}

func TestOverlappingAborted(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		s := newPartitionState()
		var want abortedTxns
		open := map[model.ProducerID]model.Offset{}
		for base := range model.Offset(rapid.IntRange(0, 60).Draw(r, "length")) {
			id := model.ProducerID(rapid.IntRange(0, 5).Draw(r, "producer"))
			first, begun := open[id]
			switch {
			case begun && rapid.IntRange(0, 2).Draw(r, "ends") == 0:
				commit := rapid.Bool().Draw(r, "commit")
				s.endTxn(id, 0, base, commit)
				if !commit {
					want = append(want, AbortedTxn{Producer: id, First: first, Last: base})
				}
				delete(open, id)
			default:
				s.take(txnData(id, 0, base))
				if !begun {
					open[id] = base
				}
			}
		}
		start := model.Offset(rapid.Int64Range(0, int64(s.end)).Draw(r, "start"))
		s.applyLogStart(start, 0)
		from := model.Offset(rapid.Int64Range(int64(start), int64(s.end)).Draw(r, "from"))
		to := model.Offset(rapid.Int64Range(int64(from), int64(s.end)).Draw(r, "to"))
		want = slices.DeleteFunc(want, func(t AbortedTxn) bool { return t.Last < from || t.First >= to })
		got := AbortedView{s.aborted}.Overlapping(from, to)
		for i := range got {
			got[i].Stable = 0
		}
		if !slices.Equal(got, want) {
			r.Fatalf("[%d, %d) of %v: %v, want %v", from, to, s.aborted, got, want)
		}
	})
}

// TestOldStateVersion: a state that version 2 wrote has no transactions.
func TestOldStateVersion(t *testing.T) {
	t.Parallel()
	s := newPartitionState()
	for i := range model.ProducerID(3) {
		s.producers.apply(idempotent(i, model.Offset(i)), 5, 0)
	}
	b := s.encode()
	old := b[:len(b)-1] // without the count of aborted transactions
	old[0] = 2
	got, err := decodeState(old)
	if err != nil || len(got.producers) != 3 || got.producers[2].TxnFirst != -1 || got.producers[2].CoordinatorEpoch != -1 || got.aborted != nil {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := decodeState(append([]byte{1}, old[1:]...)); err == nil {
		t.Error("version 1 was read")
	}
}

// A transaction whose end was cleaned is forgotten, by a partition that lives at
// once and by a replay when the index follows: a truncation opens it in neither.
func TestTruncationOfCleanedTransactions(t *testing.T) {
	t.Parallel()
	for _, forgotten := range []bool{true, false} {
		s := newPartitionState()
		s.take(txnData(7, 0, 0), txnData(9, 0, 1))
		s.endTxn(7, 0, 2, false)
		s.endTxn(9, 0, 3, false)
		s.applyCleanedTo(cleanedPart{run: 100, to: 3, end: 3, entries: 1})
		if forgotten {
			s.aborted.forget(3)
		}
		s.applyTruncate(2, s.totals)
		if p := s.producer(t, 7); p.TxnFirst != -1 {
			t.Errorf("forgotten %v: cleaned and open from %d", forgotten, p.TxnFirst)
		}
		if p := s.producer(t, 9); p.TxnFirst != 1 || len(s.aborted) > 0 {
			t.Errorf("forgotten %v: not cleaned, and open from %d; aborted %v", forgotten, p.TxnFirst, s.aborted)
		}
	}
}
