package server_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/protocol"
)

// initID asks for the producer of a transactional id.
func (c *client) initID(id string) *kmsg.InitProducerIDResponse {
	c.tb.Helper()
	find := kmsg.NewPtrFindCoordinatorRequest()
	find.CoordinatorType, find.CoordinatorKeys = 1, []string{id}
	if found := ask[*kmsg.FindCoordinatorResponse](c, 4, find).Coordinators[0]; found.ErrorCode != 0 || found.NodeID != 1 {
		c.tb.Fatalf("coordinator: %+v", found)
	}
	req := kmsg.NewPtrInitProducerIDRequest()
	req.TransactionalID, req.TransactionTimeoutMillis = &id, 60_000
	resp := ask[*kmsg.InitProducerIDResponse](c, 4, req)
	if resp.ErrorCode != 0 {
		c.tb.Fatalf("init: %s", protocol.ErrorCode(resp.ErrorCode))
	}
	return resp
}

// add asks for partitions of a topic to be part of a transaction, and returns a code
// for each.
func (c *client) add(version int16, id string, producer int64, epoch int16, verify bool, topic string, partitions ...int32) (codes []protocol.ErrorCode) {
	c.tb.Helper()
	req := kmsg.NewPtrAddPartitionsToTxnRequest()
	if version < 4 {
		req.TransactionalID, req.ProducerID, req.ProducerEpoch = id, producer, epoch
		req.Topics = []kmsg.AddPartitionsToTxnRequestTopic{{Topic: topic, Partitions: partitions}}
		for _, p := range ask[*kmsg.AddPartitionsToTxnResponse](c, version, req).Topics[0].Partitions {
			codes = append(codes, protocol.ErrorCode(p.ErrorCode))
		}
		return codes
	}
	req.Transactions = []kmsg.AddPartitionsToTxnRequestTransaction{{
		TransactionalID: id, ProducerID: producer, ProducerEpoch: epoch, VerifyOnly: verify,
		Topics: []kmsg.AddPartitionsToTxnRequestTransactionTopic{{Topic: topic, Partitions: partitions}},
	}}
	for _, p := range ask[*kmsg.AddPartitionsToTxnResponse](c, version, req).Transactions[0].Topics[0].Partitions {
		codes = append(codes, protocol.ErrorCode(p.ErrorCode))
	}
	return codes
}

func (c *client) endTxn(version int16, id string, producer int64, epoch int16, commit bool) *kmsg.EndTxnResponse {
	c.tb.Helper()
	req := kmsg.NewPtrEndTxnRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Commit = id, producer, epoch, commit
	return ask[*kmsg.EndTxnResponse](c, version, req)
}

// produceTxn sends a batch of a transaction, and returns its code.
func (c *client) produceTxn(version int16, id string, topicID [16]byte, topic string, records []byte) protocol.ErrorCode {
	c.tb.Helper()
	req := produceRequest(topic, 0, -1, records)
	req.Topics[0].TopicID = topicID
	req.TransactionID = &id
	if id == "" {
		req.TransactionID = nil
	}
	return protocol.ErrorCode(ask[*kmsg.ProduceResponse](c, version, req).Topics[0].Partitions[0].ErrorCode)
}

// TestAddPartitionsToTxn: what is not part of a transaction keeps all others out,
// and versions have their words for a fenced producer.
func TestAddPartitionsToTxn(t *testing.T) {
	c := startBroker(t, options{}).dial()
	c.createTopic("t", 2)
	p := c.initID("my-tx")
	const ok = protocol.NoError
	for _, tc := range []struct {
		name       string
		version    int16
		id         string
		epoch      int16
		verify     bool
		topic      string
		partitions []int32
		want       []protocol.ErrorCode
	}{
		{"an unknown partition", 3, "my-tx", 0, false, "t", []int32{0, 5}, []protocol.ErrorCode{protocol.OperationNotAttempted, protocol.UnknownTopicOrPartition}},
		{"that comes before the epoch", 4, "my-tx", 9, false, "t", []int32{0, 5}, []protocol.ErrorCode{protocol.OperationNotAttempted, protocol.UnknownTopicOrPartition}},
		{"an internal topic", 3, "my-tx", 0, false, cluster.TransactionsTopic, []int32{0}, []protocol.ErrorCode{protocol.TopicAuthorizationFailed}},
		{"an internal topic, only asked about", 4, "my-tx", 0, true, cluster.TransactionsTopic, []int32{0}, []protocol.ErrorCode{protocol.TransactionAbortable}},
		{"nothing was added", 4, "my-tx", 0, true, "t", []int32{0}, []protocol.ErrorCode{protocol.TransactionAbortable}},
		{"good", 3, "my-tx", 0, false, "t", []int32{0}, []protocol.ErrorCode{ok}},
		{"one is, one is not", 4, "my-tx", 0, true, "t", []int32{0, 1}, []protocol.ErrorCode{ok, protocol.TransactionAbortable}},
		{"fenced, v1", 1, "my-tx", 7, false, "t", []int32{0}, []protocol.ErrorCode{protocol.InvalidProducerEpoch}},
		{"fenced, v2", 2, "my-tx", 7, false, "t", []int32{0}, []protocol.ErrorCode{protocol.ProducerFenced}},
		{"nobody", 5, "other", 0, false, "t", []int32{0}, []protocol.ErrorCode{protocol.InvalidProducerIDMapping}},
		{"no id", 3, "", 0, false, "t", []int32{0}, []protocol.ErrorCode{protocol.InvalidRequest}},
	} {
		if d := cmp.Diff(tc.want, c.add(tc.version, tc.id, p.ProducerID, tc.epoch, tc.verify, tc.topic, tc.partitions...)); d != "" {
			t.Errorf("%s: %s", tc.name, d)
		}
	}
	if got := protocol.ErrorCode(c.endTxn(1, "my-tx", p.ProducerID, 7, true).ErrorCode); got != protocol.InvalidProducerEpoch {
		t.Errorf("EndTxn v1 of a fenced one: %s", got)
	}
	if got := protocol.ErrorCode(c.endTxn(2, "my-tx", p.ProducerID, 7, true).ErrorCode); got != protocol.ProducerFenced {
		t.Errorf("EndTxn v2 of a fenced one: %s", got)
	}
}

// TestProduceOfTransactions: what each version is told of a batch that the
// coordinator does not know, and that version 12 needs nothing but to send it.
func TestProduceOfTransactions(t *testing.T) {
	c := startBroker(t, options{}).dial()
	id := c.createTopic("t", 1)
	p := c.initID("my-tx")
	b := func(epoch int16, sequence int32) []byte { return txnBatch(t, p.ProducerID, epoch, sequence, "v") }
	const ok = protocol.NoError
	produce := func(name string, version int16, tx string, records []byte, want protocol.ErrorCode) {
		t.Helper()
		if got := c.produceTxn(version, tx, id, "t", records); got != want {
			t.Errorf("%s, v%d: %s, want %s", name, version, got, want)
		}
	}
	produce("not added", 9, "my-tx", b(0, 0), protocol.InvalidTxnState)
	produce("not added", 11, "my-tx", b(0, 0), protocol.TransactionAbortable)
	for _, version := range []int16{9, 11, 12, 13} {
		produce("a future epoch", version, "my-tx", b(5, 0), protocol.InvalidProducerEpoch)
		produce("nobody's id", version, "other", b(0, 0), protocol.InvalidProducerIDMapping)
		produce("no id", version, "", b(0, 0), protocol.TransactionalIDAuthorizationFailed)
	}
	produce("added by itself", 12, "my-tx", b(0, 0), ok)
	produce("open", 9, "my-tx", b(0, 1), ok)
	produce("open, without id", 9, "", b(0, 2), protocol.TransactionalIDAuthorizationFailed)
	ended := c.endTxn(5, "my-tx", p.ProducerID, 0, true)
	if ended.ErrorCode != 0 || ended.ProducerID != p.ProducerID || ended.ProducerEpoch != 1 {
		t.Fatalf("end: %+v", ended)
	}
	produce("the next transaction", 13, "my-tx", b(1, 0), ok)
	produce("the epoch before", 13, "my-tx", b(0, 2), protocol.InvalidProducerEpoch)
	c.initID("my-tx")
	for version, words := range map[int16]string{9: "(client \"test\" at 127.0.0.1); if both are to run", 12: "a newer producer came with this id"} {
		req := produceRequest("t", 0, -1, b(1, 1))
		req.TransactionID = kmsg.StringPtr("my-tx")
		if got := ask[*kmsg.ProduceResponse](c, version, req).Topics[0].Partitions[0].ErrorMessage; got == nil || !strings.Contains(*got, words) {
			t.Errorf("v%d is told %v, want %q", version, got, words)
		}
	}
	two := kmsg.NewPtrProduceRequest()
	name := "my-tx"
	two.Acks, two.TimeoutMillis, two.TransactionID = -1, 10000, &name
	c.createTopic("u", 1)
	for i, topic := range []string{"t", "u"} {
		two.Topics = append(two.Topics, kmsg.ProduceRequestTopic{Topic: topic, Partitions: []kmsg.ProduceRequestTopicPartition{
			{Records: b(1, int32(1-i))},
		}})
	}
	two.Topics[1].Partitions[0].Records = txnBatch(t, p.ProducerID+1, 1, 0, "v")
	for _, topic := range ask[*kmsg.ProduceResponse](c, 12, two).Topics {
		if got := protocol.ErrorCode(topic.Partitions[0].ErrorCode); got != protocol.InvalidProducerIDMapping {
			t.Errorf("two producers in one request: %s for %s", got, topic.Topic)
		}
	}
}

// TestTransactionsShown: operators see ids, what is open, and who writes.
func TestTransactionsShown(t *testing.T) {
	b := startBroker(t, options{})
	c := b.dial()
	topicID := c.createTopic("t", 1)
	list := func(states ...string) *kmsg.ListTransactionsResponse {
		req := kmsg.NewPtrListTransactionsRequest()
		req.StateFilters, req.DurationFilterMillis = states, -1
		return ask[*kmsg.ListTransactionsResponse](c, 2, req)
	}
	if l := list(); l.ErrorCode != 0 || len(l.TransactionStates) > 0 {
		t.Errorf("before the first: %+v", l)
	}
	p := c.initID("my-tx")
	if got := c.produceTxn(12, "my-tx", topicID, "t", txnBatch(t, p.ProducerID, 0, 0, "v")); got != protocol.NoError {
		t.Fatal(got)
	}
	if l := list("Ongoing", "Odd"); len(l.TransactionStates) != 1 || l.TransactionStates[0].TransactionalID != "my-tx" ||
		l.TransactionStates[0].ProducerID != p.ProducerID || !cmp.Equal(l.UnknownStateFilters, []string{"Odd"}) {
		t.Errorf("open: %+v", l)
	}
	for text, want := range map[string]int{"my": 0, "my-.*": 1, "x|my-tx": 1} {
		req := kmsg.NewPtrListTransactionsRequest()
		req.DurationFilterMillis, req.TransactionalIDPattern = -1, &text
		if l := ask[*kmsg.ListTransactionsResponse](c, 2, req); l.ErrorCode != 0 || len(l.TransactionStates) != want {
			t.Errorf("of pattern %s: %+v", text, l)
		}
		if l := ask[*kmsg.ListTransactionsResponse](c, 1, req); len(l.TransactionStates) != 1 {
			t.Errorf("version 1 has no patterns: %+v", l)
		}
	}
	broken := kmsg.NewPtrListTransactionsRequest()
	broken.TransactionalIDPattern = kmsg.StringPtr("(")
	if l := ask[*kmsg.ListTransactionsResponse](c, 2, broken); protocol.ErrorCode(l.ErrorCode) != protocol.InvalidRegularExpression {
		t.Errorf("a pattern that is none: %+v", l)
	}
	describe := kmsg.NewPtrDescribeTransactionsRequest()
	describe.TransactionalIDs = []string{"my-tx", "nobody"}
	d := ask[*kmsg.DescribeTransactionsResponse](c, 0, describe).TransactionStates
	if d[0].State != "Ongoing" || len(d[0].Topics) != 1 || d[0].Topics[0].Topic != "t" || protocol.ErrorCode(d[1].ErrorCode) != protocol.TransactionalIDNotFound {
		t.Errorf("described: %+v", d)
	}
	producers := func() kmsg.DescribeProducersResponseTopicPartition {
		req := kmsg.NewPtrDescribeProducersRequest()
		req.Topics = []kmsg.DescribeProducersRequestTopic{{Topic: "t", Partitions: []int32{0, 9}}}
		all := ask[*kmsg.DescribeProducersResponse](c, 0, req).Topics[0].Partitions
		if protocol.ErrorCode(all[1].ErrorCode) != protocol.UnknownTopicOrPartition {
			t.Errorf("an unknown partition: %+v", all[1])
		}
		return all[0]
	}
	if a := producers().ActiveProducers; len(a) != 1 || a[0].ProducerID != p.ProducerID || a[0].LastSequence != 0 || a[0].CurrentTxnStartOffset != 0 {
		t.Errorf("producers: %+v", a)
	}

	// An operator ends it, past the coordinator.
	write := kmsg.NewPtrWriteTxnMarkersRequest()
	write.Markers = []kmsg.WriteTxnMarkersRequestMarker{
		{
			ProducerID: p.ProducerID, ProducerEpoch: 0, CoordinatorEpoch: 0, TransactionVersion: 1,
			Topics: []kmsg.WriteTxnMarkersRequestMarkerTopic{
				{Topic: "t", Partitions: []int32{0, 0, 7}}, {Topic: cluster.TransactionsTopic, Partitions: []int32{0}},
			},
		},
		{ProducerID: 99, ProducerEpoch: 0},
	}
	w := ask[*kmsg.WriteTxnMarkersResponse](c, 2, write)
	var codes []protocol.ErrorCode
	for _, topic := range w.Markers[0].Topics {
		for _, part := range topic.Partitions {
			codes = append(codes, protocol.ErrorCode(part.ErrorCode))
		}
	}
	unknown := protocol.UnknownTopicOrPartition
	if d := cmp.Diff([]protocol.ErrorCode{0, 0, unknown, unknown}, codes); d != "" || len(w.Markers) != 1 {
		t.Errorf("%d markers: %s", len(w.Markers), d)
	}
	told := b.logs.FilterMessage("a client ends a transaction past its coordinator").All()
	if len(told) != 1 || told[0].ContextMap()["producer"] != p.ProducerID || told[0].ContextMap()["topic"] != "t" || told[0].ContextMap()["client_id"] != "test" {
		t.Errorf("told: %v", told)
	}
	if a := producers().ActiveProducers; len(a) != 1 || a[0].CurrentTxnStartOffset != -1 || a[0].CoordinatorEpoch != 0 {
		t.Errorf("after the marker: %+v", a)
	}
	if got := fetchRequest("t", 0, 0); len(valuesOf(t, ask[*kmsg.FetchResponse](c, 12, got).Topics[0].Partitions[0].RecordBatches)) != 2 {
		t.Error("the marker is there twice, or not at all")
	}
}
