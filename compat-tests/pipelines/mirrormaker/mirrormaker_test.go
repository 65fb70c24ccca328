package mirrormaker

import (
	"testing"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// TestMirror: a topic each way, over kills of the broker and of MirrorMaker.
func TestMirror(t *testing.T) {
	testbroker.Quick(t)
	kafka := startKafka(t)
	mm := newMirror(t, kafka, shared.Addr())
	there := &mirrored{from: kafka, to: shared.Addr(), topic: "orders", copy: "kafka.orders", partitions: 3}
	back := &mirrored{from: shared.Addr(), to: kafka, topic: "returns", copy: "mainstem.returns", partitions: 2}
	ways := []*mirrored{there, back}
	for _, m := range ways {
		m.create(t)
	}
	mm.start(t)
	more := func(count int) {
		t.Helper()
		for _, m := range ways {
			m.copied.Until(t, m.copied.Len()+count, mm.alive)
		}
	}
	more(500)
	shared.Restart(t)
	more(500)
	mm.process.Kill()
	mm.start(t)
	more(500)

	seen := make([]map[string]bool, len(ways))
	for i, m := range ways {
		m.hasSettings(t)
		seen[i] = m.move(t, m.topic+"-readers")
	}
	more(500)
	for _, m := range ways {
		m.synced(t, m.topic+"-readers", mm.alive)
	}
	shared.Restart(t)
	more(500)
	for i, m := range ways {
		n := m.stop(t, mm.alive)
		m.goOn(t, m.topic+"-readers", seen[i], n)
	}
}
