package txn

import (
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// Zombie has a producer taken over by another one with its id in the middle of a
// transaction: it is aborted, and the one of before can not end it, nor harm the other.
func Zombie(t *testing.T, shared *testbroker.Shared, c Client) {
	w := newWorld(t, shared, c)
	topic, l, id := w.topic(), &ledger{partitions: partitions}, shared.Name(t)
	old := w.start(id, time.Minute)
	old.must("init")
	old.must("begin")
	old.must("send", topic, 0, "first", 3)
	old.must("commit")
	l.add(0, "first", 3, true)
	old.must("begin")
	for p := range int32(2) {
		old.must("send", topic, p, "left", 3)
		l.add(p, "left", 3, false)
	}
	next := w.start(id, time.Minute)
	next.must("init")
	w.awaitOpen("who comes aborts what was left", topic)
	next.must("begin")
	next.must("send", topic, 1, "next", 3)
	l.add(1, "next", 3, true)
	old.mustFail("another producer has its id", "commit")
	next.must("send", topic, 2, "more", 3)
	l.add(2, "more", 3, true)
	next.must("commit")
	old.ask("abort") // as a program does with an error; what it says is the client's thing
	if a := old.ask("begin"); a.OK {
		old.mustFail("another producer has its id", "send", topic, 0, "zombie", 1)
	}
	next.must("begin")
	next.must("send", topic, 0, "last", 3)
	next.must("commit")
	l.add(0, "last", 3, true)
	w.judge(topic, l, committed, uncommitted)
}
