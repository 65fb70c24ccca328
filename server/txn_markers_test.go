package server_test

import (
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
)

// TestMarkerOfNobody: after a marker with the epoch of a coordinator that never was,
// the partition refuses those of the true one. The transaction is not over for that:
// nothing new begins until it has ended there, too.
func TestMarkerOfNobody(t *testing.T) {
	b := startBroker(t, options{})
	c := b.dial()
	topicID := c.createTopic("t", 1)
	p := c.initID("my-tx")
	const forged = 7
	if got := c.mark(p.ProducerID, 0, forged); got != protocol.NoError {
		t.Fatal(got)
	}
	if got := c.produceTxn(12, "my-tx", topicID, "t", txnBatch(t, p.ProducerID, 0, 0, "v")); got != protocol.NoError {
		t.Fatal(got)
	}
	if got := c.endTxn(5, "my-tx", p.ProducerID, 0, true); got.ErrorCode != 0 {
		t.Fatalf("%+v", got)
	}
	until(t, "the marker is tried again", func() bool { return b.txns.Metrics().Retried > 1 }, func() {})
	if got := c.txnState("my-tx"); got != "PrepareCommit" {
		t.Errorf("%s, and the transaction is open in its partition", got)
	}
	if got := c.produceTxn(12, "my-tx", topicID, "t", txnBatch(t, p.ProducerID, 1, 0, "w")); got != protocol.ConcurrentTransactions {
		t.Errorf("a batch of the next transaction: %s", got)
	}
	if got := c.mark(p.ProducerID, 1, forged-1); got != protocol.TransactionCoordinatorFenced {
		t.Errorf("a marker of epoch %d: %s", forged-1, got)
	}
	if got := c.mark(p.ProducerID, 1, forged); got != protocol.NoError {
		t.Fatal(got)
	}
	until(t, "it is complete", func() bool { return c.txnState("my-tx") == "CompleteCommit" }, func() {})
	if open := b.openTxns(""); len(open) != 0 {
		t.Errorf("%+v", open)
	}
	fetch := fetchRequest("t", 0, 0)
	fetch.IsolationLevel = 1
	got := ask[*kmsg.FetchResponse](c, 11, fetch).Topics[0].Partitions[0]
	if !slices.Contains(valuesOf(t, got.RecordBatches), "v") || len(got.AbortedTransactions) != 0 {
		t.Errorf("%+v", got)
	}
}

// mark commits the transaction of a producer in the first partition of topic t, past
// its coordinator.
func (c *client) mark(producer int64, epoch int16, coordinator int32) protocol.ErrorCode {
	c.tb.Helper()
	req := kmsg.NewPtrWriteTxnMarkersRequest()
	m := kmsg.NewWriteTxnMarkersRequestMarker()
	m.ProducerID, m.ProducerEpoch, m.CoordinatorEpoch, m.Committed = producer, epoch, coordinator, true
	m.Topics = []kmsg.WriteTxnMarkersRequestMarkerTopic{{Topic: "t", Partitions: []int32{0}}}
	req.Markers = []kmsg.WriteTxnMarkersRequestMarker{m}
	return protocol.ErrorCode(ask[*kmsg.WriteTxnMarkersResponse](c, 1, req).Markers[0].Topics[0].Partitions[0].ErrorCode)
}

// txnState is where a transactional id stands.
func (c *client) txnState(id string) string {
	c.tb.Helper()
	req := kmsg.NewPtrDescribeTransactionsRequest()
	req.TransactionalIDs = []string{id}
	return ask[*kmsg.DescribeTransactionsResponse](c, 0, req).TransactionStates[0].State
}
