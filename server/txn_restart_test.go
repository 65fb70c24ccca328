package server_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/protocol"
)

// TestTransactionOverARestart: a transaction that is open when the broker stops is
// open after its start, and can be committed; the id goes on with its epochs.
func TestTransactionOverARestart(t *testing.T) {
	disk := vfs.NewMem()
	must(t, disk.MkdirAll(dataDir))
	b := startBroker(t, options{fs: disk})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := b.dial()
	topicID := c.createTopic("t", 1)
	p := c.initID("my-tx")
	if got := c.produceTxn(12, "my-tx", topicID, "t", txnBatch(t, p.ProducerID, 0, 0, "before")); got != protocol.NoError {
		t.Fatal(got)
	}
	b.close()

	b = startBroker(t, options{fs: disk})
	c = b.dial()
	until(t, "the transactions are loaded", func() bool { return b.txns.Metrics().ShardsLoaded == 4 }, func() {})
	if got := c.produceTxn(12, "my-tx", topicID, "t", txnBatch(t, p.ProducerID, 0, 1, "after")); got != protocol.NoError {
		t.Fatal(got)
	}
	if got := c.endTxn(5, "my-tx", p.ProducerID, 0, true); got.ErrorCode != 0 || got.ProducerEpoch != 1 {
		t.Fatalf("end: %+v", got)
	}
	if d := cmp.Diff([]string{"after", "before"}, readAll(ctx, t, b, "t", 2, kgo.FetchIsolationLevel(kgo.ReadCommitted()))); d != "" {
		t.Error(d)
	}
	if again := c.initID("my-tx"); again.ProducerID != p.ProducerID || again.ProducerEpoch != 2 {
		t.Errorf("the id goes on as producer %d, epoch %d", again.ProducerID, again.ProducerEpoch)
	}
}
