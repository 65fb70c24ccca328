package txn

import (
	"slices"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// Timeout leaves a transaction open for too long: the broker aborts it, and its
// producer can not commit it any more. A machine that is too slow to get as far as an
// open transaction in the timeout gets more time.
func Timeout(t *testing.T, shared *testbroker.Shared, c Client) {
	w := newWorld(t, shared, c)
	for timeout := 3 * time.Second; !w.timesOut(timeout); timeout *= 4 {
		if timeout > time.Minute {
			t.Fatalf("no transaction was open within %v", timeout)
		}
	}
}

// timesOut tells whether the machine was fast enough for a timeout. If it was, all is judged.
func (w *world) timesOut(timeout time.Duration) bool {
	w.t.Helper()
	topic, l := w.topic(), &ledger{partitions: partitions}
	slow := w.start(w.shared.Name(w.t), timeout)
	defer slow.Kill()
	slow.must("init")
	begun := time.Now()
	slow.must("begin")
	sent := slow.ask("send", topic, 1, "slow", 3)
	open, err := w.open(topic)
	switch {
	case time.Since(begun) >= timeout:
		return false // It may have been over before anybody looked.
	case !sent.OK:
		w.t.Fatalf("%s: send: %s", slow.name, sent.Error)
	case err != nil || !slices.Equal(open, []int32{1}):
		w.t.Fatalf("open in partitions %v, want 1 (%v)", open, err)
	}
	l.add(1, "slow", 3, false)
	// Apache Kafka looks every ten seconds.
	w.awaitOpen("the transaction is over its time", topic)
	slow.mustFail("the transaction was aborted", "commit")
	w.judge(topic, l, committed, uncommitted)
	return true
}
