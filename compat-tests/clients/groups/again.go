package groups

import "fmt"

// place checks what a rewind says that it has done: of each partition it took the
// group to its mark, from where that was, which is not before what was committed
// when somebody asked for it, nor behind the last record.
func (s status) place(topic string, marks, least, most []int64) error {
	if len(s.Partitions) != len(marks) {
		return fmt.Errorf("it was for %d partitions of %d", len(s.Partitions), len(marks))
	}
	for i, p := range s.Partitions {
		switch {
		case p.Topic != topic || int(p.Partition) != i || p.Before == nil:
			return fmt.Errorf("partition %d: %+v", i, p)
		case p.To != marks[i]:
			return fmt.Errorf("partition %d went to %d, not to %d", i, p.To, marks[i])
		case *p.Before < least[i] || *p.Before > most[i]:
			return fmt.Errorf("partition %d was at %d, which is not between %d and %d", i, *p.Before, least[i], most[i])
		}
	}
	return nil
}

// deliveredBy wants each record once, and once more for each rewind that took the
// group from behind it to it or before. With repeats a record that was delivered
// and not committed when a rewind began may come once more, too.
func deliveredBy(repeats bool, rewinds ...status) bounds {
	return func(partition int, offset int64) (least, most int) {
		least, most = 1, 1
		for _, r := range rewinds {
			switch p := r.Partitions[partition]; {
			case p.To <= offset && offset < *p.Before:
				least++
				most++
			case repeats && offset >= *p.Before:
				most++
			}
		}
		return least, most
	}
}

// takeTo takes the group to an offset of each partition while it works, and checks
// what is said of that.
func (w *world) takeTo(l *load, mark int64, where string) status {
	w.t.Helper()
	least, err := w.committedAt()
	if err != nil {
		w.t.Fatal(err)
	}
	done := w.take(where, "--topics="+w.topic)
	marks := make([]int64, w.partitions)
	for p := range marks {
		marks[p] = mark
	}
	if err := done.place(w.topic, marks, least, l.sent()); err != nil {
		w.t.Fatalf("rewind %s: %v", where, err)
	}
	return done
}
