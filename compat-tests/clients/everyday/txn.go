package everyday

import "slices"

// transactions: what is committed is read, what is aborted is not, by franz-go and by
// the client, over a broker that is killed.
func transactions(w *world) {
	topic, id := w.topic(), w.shared.Name(w.t)
	first, aborted, second := makeRecords("first", 30), makeRecords("aborted", 30), makeRecords("second", 30)
	s := w.start()
	s.must("transact", topic, id, "commit", words(first))
	s.must("transact", topic, id, "abort", words(aborted))
	w.shared.Restart(w.t)
	s.must("transact", topic, id, "commit", words(second))

	// The markers that end a transaction take offsets too, and a coordinator that comes
	// back may write one again: records are compared by their order.
	committed := slices.Concat(numbered(first, 0), numbered(second, 20))
	if err := w.same(ranked(recordsOf(w.read(topic)), committed), committed, w.times()); err != nil {
		w.t.Errorf("franz-go reads what is committed: %v", err)
	}
	if err := w.same(ranked(s.must("read", topic, partitions, len(committed), "committed").Records, committed), committed, w.times()); err != nil {
		w.t.Errorf("the client reads what is committed: %v", err)
	}
	all := slices.Concat(committed, numbered(aborted, 10))
	if err := w.same(ranked(s.must("read", topic, partitions, len(all), "uncommitted").Records, all), all, w.times()); err != nil {
		w.t.Errorf("the client reads all: %v", err)
	}
}

// numbered has the records of a transaction follow those of earlier ones.
func numbered(rs []record, by int64) []record {
	out := slices.Clone(rs)
	for i := range out {
		out[i].Offset += by
	}
	return out
}

// ranked gives records the offsets of those wanted, in the order of their own.
func ranked(got, want []record) []record {
	next := map[int32][]int64{}
	for _, r := range sorted(want) {
		next[r.Partition] = append(next[r.Partition], r.Offset)
	}
	got = sorted(got)
	for i, r := range got {
		if left := next[r.Partition]; len(left) > 0 {
			got[i].Offset, next[r.Partition] = left[0], left[1:]
		}
	}
	return got
}
