package compact

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// txn is a batch of a transaction, of keys and values in turn.
func txn(t rapid.TB, id model.ProducerID, base model.Offset, pairs ...string) stored {
	t.Helper()
	b := batch.NewBuilder(batch.None)
	b.Transactional, b.ProducerID, b.ProducerEpoch, b.BaseSequence, b.BaseOffset = true, id, 0, 0, base
	for i := 0; i < len(pairs); i += 2 {
		b.Add(1000+int64(base), null(pairs[i]), null(pairs[i+1]))
	}
	out, err := b.Build(nil)
	if err != nil {
		t.Fatal(err)
	}
	return stored{out}
}

func end(id model.ProducerID, base model.Offset, commit bool) stored {
	b := batch.AppendMarker(nil, &batch.Marker{Producer: id, Commit: commit, Timestamp: 1000 + int64(base)})
	batch.SetBaseOffset(b, base)
	return stored{b}
}

// offsets are the base offsets of batches.
func offsets(t rapid.TB, list []stored) (at []model.Offset) {
	t.Helper()
	for _, s := range list {
		h := s.header(t)
		if err := batch.Verify(s.bytes, h); err != nil || h.Records == 0 {
			t.Fatalf("the batch at %d: %d records, %v", h.BaseOffset, h.Records, err)
		}
		at = append(at, h.BaseOffset)
	}
	return at
}

// TestMarkersOutliveTheirRecords: a marker stays as it is while a record is left
// that it ends, then for the time of a tombstone, and then goes.
func TestMarkersOutliveTheirRecords(t *testing.T) {
	keys := NewKeyMap(1<<16, 0.9)
	aborted := func(h *batch.Header) bool { return h.ProducerID == 7 }
	list := []stored{
		txn(t, 5, 0, "a", "1"), txn(t, 7, 1, "b", "no"), txn(t, 5, 2, "c", "1"), end(5, 3, true), end(7, 4, false),
		txn(t, 5, 5, "a", "2"), end(5, 6, true), made(t, 7, batch.None, "z", "1"),
	}
	want := func(when string, want ...model.Offset) {
		t.Helper()
		if diff := cmp.Diff(want, offsets(t, list)); diff != "" {
			t.Errorf("%s: %s", when, diff)
		}
	}
	clean := func(now int64) (s Stats) {
		t.Helper()
		list, _, s = pass(t, keys, list, 0, len(list), Config{NowMs: now, DeleteRetentionMs: 1000, Aborted: aborted})
		return s
	}
	marker := end(5, 3, true).bytes
	s := clean(10_000)
	want("what was aborted is gone", 2, 3, 4, 5, 6, 7)
	if s.Aborted != 1 || s.Markers != 0 || !bytes.Equal(list[1].bytes, marker) || list[2].header(t).HasDeleteHorizon() {
		t.Errorf("%+v, %x", s, list[1].bytes)
	}
	clean(20_000)
	want("its marker waits", 2, 3, 4, 5, 6, 7)
	h := list[2].header(t)
	m, ok, err := batch.ReadMarker(list[2].bytes, h)
	if !ok || err != nil || !h.HasDeleteHorizon() || h.FirstTimestamp != 21_000 || m.Commit || m.Timestamp != 1004 || !h.IsControl() || !h.IsTransactional() {
		t.Errorf("%+v, %+v, %v", h, m, err)
	}
	list = append(list, made(t, 8, batch.None, "c", "2"), made(t, 9, batch.None, "z", "2"))
	if s = clean(20_999); s.Markers != 0 {
		t.Errorf("%+v", s)
	}
	want("too early for it; the last record of the first transaction went", 3, 4, 5, 6, 8, 9)
	if s = clean(21_000); s.Markers != 1 {
		t.Errorf("%+v", s)
	}
	want("it went, and the next waits", 3, 5, 6, 8, 9)
	clean(22_000)
	want("it went too; the one with a record left stays", 5, 6, 8, 9)
	clean(1 << 40)
	want("for ever", 5, 6, 8, 9)
}

// TestMarkersOfRandomTransactions: whatever is compacted when, a reader of
// committed records ends up with the same, and each batch of a transaction has
// its marker behind it.
func TestMarkersOfRandomTransactions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys := NewKeyMap(1<<16, 0.9)
		var list []stored
		open := map[model.ProducerID]model.Offset{} // where each began
		var fates []fate
		next, now, cleaned := model.Offset(0), int64(0), 0
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			id := model.ProducerID(rapid.IntRange(1, 3).Draw(t, "producer"))
			first, begun := open[id]
			switch rapid.IntRange(0, 4).Draw(t, "what") {
			case 0, 1:
				list = append(list, txn(t, id, next, rapid.StringMatching("[a-e]").Draw(t, "key"), rapid.StringMatching("[0-9]").Draw(t, "value")))
				if !begun {
					open[id] = next
				}
				next++
			case 2:
				if !begun {
					continue
				}
				commit := rapid.Bool().Draw(t, "commit")
				list = append(list, end(id, next, commit))
				fates = append(fates, fate{id, first, next, commit})
				delete(open, id)
				next++
			case 3:
				list = append(list, made(t, next, batch.None, rapid.StringMatching("[a-e]").Draw(t, "key"), "-"))
				next++
			default:
				now += rapid.Int64Range(0, 2000).Draw(t, "pause")
				stable := next
				for _, at := range open {
					stable = min(stable, at)
				}
				limit := cleaned
				for limit < len(list) && list[limit].header(t).LastOffset() < stable {
					limit++
				}
				before := committed(t, list, fates)
				list, cleaned, _ = pass(t, keys, list, cleaned, limit, Config{NowMs: now, DeleteRetentionMs: 1000, Aborted: func(h *batch.Header) bool {
					return aborted(fates, h)
				}})
				if diff := cmp.Diff(before, committed(t, list, fates)); diff != "" {
					t.Fatalf("what a reader ends up with: %s", diff)
				}
				checkEnds(t, list[:cleaned], fates)
			}
		}
	})
}

// fate is how a transaction ended.
type fate struct {
	id          model.ProducerID
	first, last model.Offset
	commit      bool
}

func aborted(fates []fate, h *batch.Header) bool {
	for _, f := range fates {
		if !f.commit && f.id == h.ProducerID && f.first <= h.BaseOffset && h.BaseOffset < f.last {
			return true
		}
	}
	return false
}

// committed is the last value of each key, as far as all is decided.
func committed(t rapid.TB, list []stored, fates []fate) map[string]entry {
	t.Helper()
	var data []stored
	for _, s := range list {
		if h := s.header(t); !h.IsControl() && (!h.IsTransactional() || !aborted(fates, h)) {
			data = append(data, s)
		}
	}
	return view(t, data)
}

// checkEnds wants the marker behind each batch of a transaction, and nothing of
// one that was aborted.
func checkEnds(t rapid.TB, clean []stored, fates []fate) {
	t.Helper()
	there := map[model.Offset]bool{}
	end := model.Offset(0)
	for _, s := range clean {
		h := s.header(t)
		there[h.BaseOffset], end = true, h.LastOffset()
	}
	for _, s := range clean {
		h := s.header(t)
		if h.IsControl() || !h.IsTransactional() {
			continue
		}
		if aborted(fates, h) {
			t.Fatalf("the batch at %d was aborted and is left", h.BaseOffset)
		}
		for _, f := range fates {
			if f.id == h.ProducerID && f.first <= h.BaseOffset && h.BaseOffset < f.last && f.last <= end && !there[f.last] {
				t.Fatalf("the batch at %d is left, its marker at %d is gone", h.BaseOffset, f.last)
			}
		}
	}
}
