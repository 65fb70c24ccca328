package log

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

var stateFields = cmp.AllowUnexported(partitionState{}, indexTotals{}, cleanedState{}, cleanedPart{}, offsetRange{})

func TestEpochEnd(t *testing.T) {
	t.Parallel()
	epochs := []EpochStart{{2, 10}, {3, 25}, {6, 40}}
	for _, c := range []struct {
		name   string
		epochs []EpochStart
		asked  model.LeaderEpoch
		want   EpochStart
	}{
		{"stored, ends where the next begins", epochs, 2, EpochStart{2, 25}},
		{"stored, followed by a gap of epochs", epochs, 3, EpochStart{3, 40}},
		{"the last ends at the log end", epochs, 6, EpochStart{6, 50}},
		{"between two: the lower one's end", epochs, 5, EpochStart{3, 40}},
		{"below all: where the first begins", epochs, 1, EpochStart{1, 10}},
		{"above all: its records were lost", epochs, 9, EpochStart{6, 50}},
		{"nothing stored", nil, 4, EpochStart{4, 50}},
	} {
		if got := epochEnd(c.epochs, 50, c.asked); got != c.want {
			t.Errorf("%s: epoch %d: %+v, want %+v", c.name, c.asked, got, c.want)
		}
	}
}

// What damage took counts as of the newest epoch that it can have been of: an
// older one's consumer may have read what was cut there.
func TestEpochOfAHole(t *testing.T) {
	t.Parallel()
	header := func(base model.Offset) []batch.Header { return []batch.Header{{BaseOffset: base, ProducerID: -1}} }
	for _, c := range []struct {
		name string
		do   func(s *partitionState)
		want []EpochStart
	}{
		{"of the epoch that goes on", func(s *partitionState) {
			s.applyHole(9)
			s.applyBatches(&batchesApplied{Epoch: 3, Headers: header(9)}, 0)
		}, []EpochStart{{3, 0}}},
		{"of the epoch behind it", func(s *partitionState) {
			s.applyHole(7)
			s.applyHole(9)
			s.applyBatches(&batchesApplied{Epoch: 5, Headers: header(9)}, 0)
			s.applyBatches(&batchesApplied{Epoch: 6, Headers: header(10)}, 0)
		}, []EpochStart{{3, 0}, {5, 5}, {6, 10}}},
		{"of the truncation before it", func(s *partitionState) {
			s.applyTruncate(2, s.totals)
			s.raiseEpoch(4)
			s.applyHole(9)
		}, []EpochStart{{3, 0}, {4, 2}}},
		{"cut in the hole", func(s *partitionState) {
			s.applyHole(9)
			s.applyTruncate(7, s.totals)
			s.applyBatches(&batchesApplied{Epoch: 5, Headers: header(7)}, 0)
		}, []EpochStart{{3, 0}, {5, 5}}},
		{"cut below the hole", func(s *partitionState) {
			s.applyHole(9)
			s.applyTruncate(4, s.totals)
			s.applyBatches(&batchesApplied{Epoch: 5, Headers: header(4)}, 0)
		}, []EpochStart{{3, 0}, {5, 4}}},
		{"trimmed in the hole", func(s *partitionState) {
			s.applyHole(9)
			s.applyLogStart(8, 0)
			s.applyBatches(&batchesApplied{Epoch: 5, Headers: header(9)}, 0)
		}, []EpochStart{{3, 8}, {5, 8}}},
	} {
		s := newPartitionState()
		for base := range model.Offset(5) {
			s.applyBatches(&batchesApplied{Epoch: 3, Headers: header(base)}, 0)
		}
		if c.do(&s); !slices.Equal(s.epochs, c.want) {
			t.Errorf("%s: %v, want %v", c.name, s.epochs, c.want)
		}
	}
}

func TestAddSequenceWraps(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ from, delta, want int32 }{
		{0, 0, 0}, {5, 3, 8}, {1<<31 - 1, 0, 1<<31 - 1}, {1<<31 - 1, 1, 0}, {1<<31 - 2, 4, 2},
	} {
		if got := addSequence(c.from, c.delta); got != c.want {
			t.Errorf("%d + %d = %d, want %d", c.from, c.delta, got, c.want)
		}
	}
}

func idempotent(id model.ProducerID, base model.Offset) *batch.Header {
	return &batch.Header{BaseOffset: base, ProducerID: id, BaseSequence: 0, Records: 1}
}

func TestProducerCapDropsTheLeastRecent(t *testing.T) {
	t.Parallel()
	const most = 32
	var s producerStates
	for i := range model.ProducerID(most) {
		s.apply(idempotent(i, model.Offset(i)), int64(i), most)
	}
	if len(s) != most {
		t.Fatalf("%d producers below the cap", len(s))
	}
	s.apply(idempotent(0, 100), 100, most) // 0 is in use again
	if len(s) != most {
		t.Fatalf("a known producer removed others: %d", len(s))
	}
	s.apply(idempotent(500, 101), 101, most)
	for id, want := range map[model.ProducerID]bool{0: true, 1: false, 2: false, 3: true, 31: true, 500: true} {
		if _, got := s.find(id); got != want {
			t.Errorf("producer %d is known: %v", id, got)
		}
	}
}

func TestProducersExpire(t *testing.T) {
	t.Parallel()
	var s producerStates
	for i := range model.ProducerID(3) {
		s.apply(idempotent(i, model.Offset(i)), int64(10*i), 0)
	}
	if n := s.expire(10); n != 1 || len(s) != 2 || s[0].ID != 1 {
		t.Errorf("%d expired, %d left", n, len(s))
	}
	if n := s.expire(1000); n != 2 || s != nil {
		t.Errorf("%d expired, %v left", n, s)
	}
}

// A transaction marker moves a producer to its epoch and has no sequence; a
// batch of the new epoch starts with nothing remembered.
func TestProducerEpochForgetsBatches(t *testing.T) {
	t.Parallel()
	var s producerStates
	s.apply(idempotent(7, 0), 1, 0)
	marker := &batch.Header{BaseOffset: 1, ProducerID: 7, ProducerEpoch: 1, BaseSequence: -1, Attributes: 0x30}
	s.apply(marker, 2, 0)
	if want := (ProducerState{ID: 7, Epoch: 1, LastTime: 2, CoordinatorEpoch: -1, LastMarker: -1, TxnFirst: -1}); *s[0] != want {
		t.Errorf("after the marker: %+v", *s[0])
	}
	s.truncate(1)
	if len(s) != 1 {
		t.Error("a producer without batches went with a truncation")
	}
}

func drawState(r *rapid.T) partitionState {
	s := newPartitionState()
	s.start = model.Offset(rapid.Int64Range(0, 1<<62).Draw(r, "start"))
	s.end = s.start + model.Offset(rapid.Int64Range(0, 1<<61).Draw(r, "length"))
	s.lastEpoch = model.LeaderEpoch(rapid.Int32Min(-1).Draw(r, "last epoch"))
	for _, at := range []*Position{&s.at.Batches, &s.at.LogStart, &s.at.State, &s.at.Truncate} {
		*at = Position(rapid.Uint64().Draw(r, "position"))
	}
	s.totals.runningMax = rapid.Int64().Draw(r, "running max")
	s.totals.bytes = rapid.Uint64().Draw(r, "bytes")
	s.totals.startBytes = rapid.Uint64Range(0, s.totals.bytes).Draw(r, "start bytes")
	at := EpochStart{Epoch: -1}
	for range rapid.IntRange(0, 4).Draw(r, "epochs") {
		at.Epoch += model.LeaderEpoch(rapid.Int32Range(1, 1<<28).Draw(r, "epoch"))
		at.Start += model.Offset(rapid.Int64Range(0, 1<<60).Draw(r, "epoch start"))
		s.epochs = append(s.epochs, at)
	}
	for range rapid.IntRange(0, 4).Draw(r, "producers") {
		h := &batch.Header{
			BaseOffset:      model.Offset(rapid.Int64Range(0, 1<<62).Draw(r, "base")),
			LastOffsetDelta: rapid.Int32Min(0).Draw(r, "delta"),
			MaxTimestamp:    rapid.Int64().Draw(r, "max timestamp"),
			ProducerID:      model.ProducerID(rapid.Int64Min(0).Draw(r, "producer")),
			ProducerEpoch:   model.ProducerEpoch(rapid.Int16Min(0).Draw(r, "producer epoch")),
			BaseSequence:    rapid.Int32Min(-1).Draw(r, "sequence"),
		}
		for range rapid.IntRange(1, 7).Draw(r, "batches") {
			s.producers.apply(h, rapid.Int64().Draw(r, "time"), 0)
		}
	}
	for _, p := range s.producers {
		if rapid.Bool().Draw(r, "marked") {
			p.CoordinatorEpoch = rapid.Int32Min(0).Draw(r, "coordinator epoch")
			p.LastMarker = model.Offset(rapid.Int64Min(0).Draw(r, "marker"))
		}
		if rapid.Bool().Draw(r, "open") {
			p.TxnFirst, p.TxnSince = model.Offset(rapid.Int64Min(0).Draw(r, "first")), rapid.Int64().Draw(r, "since")
		}
	}
	s.aborted = drawAborted(r)
	return s
}

func drawAborted(r *rapid.T) (list abortedTxns) {
	last := model.Offset(0)
	for range rapid.IntRange(0, 4).Draw(r, "aborted") {
		last += model.Offset(rapid.Int64Range(1, 1<<60).Draw(r, "last"))
		list = append(list, AbortedTxn{
			Producer: model.ProducerID(rapid.Int64Min(0).Draw(r, "producer")), Last: last,
			First:  model.Offset(rapid.Int64Range(0, int64(last)-1).Draw(r, "first")),
			Stable: model.Offset(rapid.Int64Range(0, int64(last)+1).Draw(r, "stable")),
		})
	}
	return list
}

func TestStateRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		want := drawState(r)
		b := want.encode()
		got, err := decodeState(b)
		if err != nil {
			r.Fatal(err)
		}
		if diff := cmp.Diff(want, got, stateFields); diff != "" {
			r.Fatalf("-want +got\n%s", diff)
		}
		cut := rapid.IntRange(0, len(b)-1).Draw(r, "cut")
		if _, err := decodeState(b[:cut]); err == nil {
			r.Fatalf("%d of %d bytes were taken for a state", cut, len(b))
		}
	})
}

func TestIdleStateIsSmall(t *testing.T) {
	t.Parallel()
	s := newPartitionState()
	s.start, s.end, s.lastEpoch = 1_000_000, 2_000_000, 12
	s.epochs = []EpochStart{{12, 1_000_000}}
	s.totals = indexTotals{1_800_000_000_000, 3 << 30, 1 << 30}
	s.at.Batches = 1 << 40
	if n := len(s.encode()); n > 48 {
		t.Errorf("%d bytes", n)
	}
}

func FuzzDecodeState(f *testing.F) {
	for i := range 4 {
		s := rapid.Custom(drawState).Example(i)
		f.Add(s.encode())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		allocated := testing.AllocsPerRun(1, func() { _, _ = decodeState(b) })
		if allocated > float64(len(b)+8) {
			t.Errorf("%v allocations for %d bytes", allocated, len(b))
		}
		s, err := decodeState(b)
		if err != nil {
			return
		}
		again, err := decodeState(s.encode())
		if diff := cmp.Diff(s, again, stateFields); err != nil || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
	})
}

func TestHighestProducer(t *testing.T) {
	t.Parallel()
	l := &Log{partitions: newPartitionTable()}
	for id, producers := range map[model.PartitionID]producerStates{
		1: {{ID: 3}, {ID: 7}, {ID: 900}}, 2: nil, 3: {{ID: 5}},
	} {
		l.partitions.findOrAdd(id, func() *PartitionLog { return newPartitionLog(id, l) }).mu.state.producers = producers
	}
	for below, want := range map[model.ProducerID]model.ProducerID{901: 900, 900: 7, 7: 5, 4: 3, 3: -1, -1: -1} {
		if got := l.HighestProducer(below); got != want {
			t.Errorf("below %d: %d, want %d", below, got, want)
		}
	}
}
