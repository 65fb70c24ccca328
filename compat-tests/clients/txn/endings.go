package txn

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// Endings commits and aborts transactions of one producer, of all partitions or some,
// empty ones too, and wants what each level of isolation promises.
func Endings(t *testing.T, shared *testbroker.Shared, c Client) {
	w := newWorld(t, shared, c)
	topic, l := w.topic(), &ledger{partitions: partitions}
	rng := rand.New(rand.NewPCG(1, 2))
	producer := w.start(shared.Name(t), time.Minute)
	producer.must("init")
	for i := range 24 {
		producer.must("begin")
		commit, open := rng.IntN(3) > 0, []int32{}
		for p := range int32(partitions) {
			if rng.IntN(3) == 0 {
				continue
			}
			name, n := fmt.Sprintf("t%d-p%d", i, p), 1+rng.IntN(20)
			producer.must("send", topic, p, name, n)
			l.add(p, name, n, commit)
			open = append(open, p)
		}
		if i%6 == 0 {
			w.awaitOpen("a transaction is open", topic, open...)
		}
		producer.must(ending(commit))
		if i%6 == 0 {
			w.awaitOpen("the transaction has ended", topic)
		}
	}
	w.judge(topic, l, committed, uncommitted)
	if !slices.ContainsFunc(l.records, func(r written) bool { return !r.committed }) {
		t.Error("nothing was aborted: this showed nothing")
	}
}

func ending(commit bool) string {
	if commit {
		return "commit"
	}
	return "abort"
}
