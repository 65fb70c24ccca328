package everyday

import (
	"fmt"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// resume: a consumer of a group goes on where it was after the broker was killed, and
// another one after it where its commit was.
func resume(w *world, protocol string) {
	topic, group := w.topic(), w.shared.Name(w.t)
	all := makeRecords("resume", 90)
	first := w.start()
	w.produce(topic, all[:30])
	first.must("join", topic, group, protocol)
	w.take(first, all[:30], "at first")
	first.must("commit")
	w.committed(group, topic, 10)
	w.shared.Restart(w.t)
	w.produce(topic, all[30:60])
	w.take(first, all[30:60], "after the broker was killed")
	first.must("commit")
	w.committed(group, topic, 20)
	first.must("leave")
	w.produce(topic, all[60:])
	second := w.start()
	second.must("join", topic, group, protocol)
	w.take(second, all[60:], "of another process")
	second.must("commit")
	w.committed(group, topic, 30)
	second.must("leave")
}

func (w *world) take(s *session, want []record, when string) {
	w.t.Helper()
	if err := w.same(s.must("take", len(want)).Records, want, true); err != nil {
		w.t.Errorf("what is taken %s: %v", when, err)
	}
}

// committed checks each partition's offset.
func (w *world) committed(group, topic string, want int64) {
	w.t.Helper()
	offsets, err := w.adm.FetchOffsets(w.ctx, group)
	if err != nil {
		w.t.Fatal(err)
	}
	for p := range int32(partitions) {
		if o, ok := offsets.Lookup(topic, p); !ok || o.At != want {
			w.t.Errorf("partition %d has offset %d committed, want %d", p, o.At, want)
		}
	}
}

// await waits until there is no error.
func (w *world) await(what string, try func() error) {
	w.t.Helper()
	testbroker.Await(w.ctx, w.t, what, func() error {
		if err := try(); err != nil {
			return fmt.Errorf("%w", err)
		}
		return nil
	})
}
