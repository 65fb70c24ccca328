package txn

import (
	"fmt"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// Turns has clients take one transactional id from each other, those that raise its
// epoch with each transaction (KIP-890) and those that do not: each is what it says,
// aborts what the one before has left, and fences it.
func Turns(t *testing.T, shared *testbroker.Shared, clients []Client) {
	id, l := shared.Name(t), &ledger{partitions: partitions}
	var topic string
	var before *worker
	for turn, c := range clients {
		w := newWorld(t, shared, c)
		if topic == "" {
			topic = w.topic()
		}
		w.workers = turn
		wk := w.start(id, time.Minute)
		wk.must("init")
		w.awaitOpen(c.Name+" aborts what was left", topic)
		w.bumps(topic, id, wk, l, turn)
		wk.must("begin")
		for p := range int32(partitions) {
			name := fmt.Sprintf("%d-over", turn)
			wk.must("send", topic, p, name, 2)
			l.add(p, name, 2, true)
		}
		if before != nil {
			before.mustFail(c.Name+" has its id", "commit")
			before.Kill()
		}
		wk.must("commit")
		wk.must("begin")
		name := fmt.Sprintf("%d-left", turn)
		wk.must("send", topic, turn%partitions, name, 2)
		l.add(int32(turn%partitions), name, 2, false)
		before = wk
	}
	last := newWorld(t, shared, clients[0])
	last.start(id, time.Minute).must("init")
	last.awaitOpen("what was left last is aborted", topic)
	before.mustFail("another producer has its id", "commit")
	last.judge(topic, l, committed, uncommitted)
}

// bumps commits two transactions and wants the epoch as the client is supposed to have it.
func (w *world) bumps(topic, id string, wk *worker, l *ledger, turn int) {
	w.t.Helper()
	var epochs [2]int16
	for i := range epochs {
		name := fmt.Sprintf("%d-%d", turn, i)
		wk.must("begin")
		wk.must("send", topic, 0, name, 1)
		l.add(0, name, 1, true)
		wk.must("commit")
		txns, err := w.adm.DescribeTransactions(w.ctx, id)
		if err == nil {
			err = txns[id].Err
		}
		if err != nil {
			w.t.Fatalf("describe %s: %v", id, err)
		}
		epochs[i] = txns[id].ProducerEpoch
	}
	want := epochs[0]
	if w.client.Bumps {
		want++
	}
	if epochs[1] != want {
		w.t.Errorf("%s: epoch %d after a transaction and %d after the next one, want %d", w.client.Name, epochs[0], epochs[1], want)
	}
}
