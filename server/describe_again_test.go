package server_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestDescribedOnce: a request that names one thing again and again does not have the
// broker build as many answers.
func TestDescribedOnce(t *testing.T) {
	c := startBroker(t, options{}).dial()
	topicID := c.createTopic("t", 1)
	p := c.initID("my-tx")
	if got := c.produceTxn(12, "my-tx", topicID, "t", txnBatch(t, p.ProducerID, 0, 0, "v")); got != 0 {
		t.Fatal(got)
	}
	producers := kmsg.NewPtrDescribeProducersRequest()
	producers.Topics = []kmsg.DescribeProducersRequestTopic{
		{Topic: "t", Partitions: make([]int32, 1000)}, {Topic: "t", Partitions: make([]int32, 1000)},
	}
	described := ask[*kmsg.DescribeProducersResponse](c, 0, producers).Topics
	if len(described) != 1 || len(described[0].Partitions) != 1 || len(described[0].Partitions[0].ActiveProducers) != 1 {
		t.Errorf("%+v", described)
	}
	txns := kmsg.NewPtrDescribeTransactionsRequest()
	for range 1000 {
		txns.TransactionalIDs = append(txns.TransactionalIDs, "my-tx")
	}
	if got := ask[*kmsg.DescribeTransactionsResponse](c, 0, txns).TransactionStates; len(got) != 1 || got[0].State != "Ongoing" {
		t.Errorf("%+v", got)
	}
}
