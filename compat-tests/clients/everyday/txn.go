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
	w.crash()
	s.must("transact", topic, id, "commit", words(second))

	// Each end of a transaction has taken an offset: 0 to 9, one, 11 to 20, one, 22 to 31.
	place := func(rs []record, by int64) []record {
		out := slices.Clone(rs)
		for i := range out {
			out[i].Offset += by
		}
		return out
	}
	committed := slices.Concat(place(first, 0), place(second, 22))
	if err := same(recordsOf(w.read(topic)), committed, w.times()); err != nil {
		w.t.Errorf("franz-go reads what is committed: %v", err)
	}
	if err := same(s.must("read", topic, partitions, len(committed), "committed").Records, committed, w.times()); err != nil {
		w.t.Errorf("the client reads what is committed: %v", err)
	}
	all := slices.Concat(committed, place(aborted, 11))
	if err := same(s.must("read", topic, partitions, len(all), "uncommitted").Records, all, w.times()); err != nil {
		w.t.Errorf("the client reads all: %v", err)
	}
}
