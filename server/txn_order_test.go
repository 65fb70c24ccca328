package server_test

import (
	"slices"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/server"
)

// TestProduceOrder: five requests under way at once, in transaction after
// transaction: the first waits for the coordinator, and none of the others
// overtakes it.
func TestProduceOrder(t *testing.T) {
	c := startBroker(t, options{}).dial()
	topicID := c.createTopic("t", 1)
	p := c.initID("my-tx")
	id, epoch := "my-tx", int16(0)
	const flights, rounds = 5, 200
	for round := range rounds {
		var frames []byte
		var sent []*kmsg.ProduceRequest
		first := c.next + 1
		for sequence := range int32(flights) {
			req := produceRequest("t", 0, -1, txnBatch(t, p.ProducerID, epoch, sequence, "v"))
			req.Topics[0].TopicID, req.TransactionID = topicID, &id
			req.SetVersion(13)
			frames = append(frames, c.frame(req)...)
			sent = append(sent, req)
		}
		_, err := c.conn.Write(frames)
		must(t, err)
		for i, req := range sent {
			resp, _ := c.receive(req, first+int32(i)).(*kmsg.ProduceResponse)
			if got := protocol.ErrorCode(resp.Topics[0].Partitions[0].ErrorCode); got != protocol.NoError {
				t.Fatalf("transaction %d, request %d: %s", round, i, got)
			}
		}
		ended := c.endTxn(5, id, p.ProducerID, epoch, round%2 == 0)
		if ended.ErrorCode != 0 || ended.ProducerEpoch != epoch+1 {
			t.Fatalf("end of transaction %d: %+v", round, ended)
		}
		epoch = ended.ProducerEpoch
	}
}

// TestProduceWaitsInLine: a request that needs no word of the coordinator waits for
// the one before it that does.
func TestProduceWaitsInLine(t *testing.T) {
	var armed atomic.Bool
	held, release := make(chan struct{}, 1), make(chan struct{})
	b := startBroker(t, options{hook: func(op vfs.Op) error {
		if op.Kind == vfs.KindWrite && armed.CompareAndSwap(true, false) {
			held <- struct{}{}
			<-release
		}
		return nil
	}})
	c, other := b.dial(), b.dial()
	ids := map[string][16]byte{"t": c.createTopic("t", 1), "u": c.createTopic("u", 1)}
	p := c.initID("my-tx")
	id := "my-tx"
	if got := c.produceTxn(12, id, ids["u"], "u", txnBatch(t, p.ProducerID, 0, 0, "v")); got != protocol.NoError {
		t.Fatal(got)
	}
	both := produceRequest("t", 0, -1, txnBatch(t, p.ProducerID, 0, 0, "v"))
	both.Topics = append(both.Topics, produceRequest("u", 0, -1, txnBatch(t, p.ProducerID, 0, 1, "v")).Topics...)
	next := produceRequest("u", 0, -1, txnBatch(t, p.ProducerID, 0, 2, "v"))
	first := c.next + 1
	armed.Store(true)
	for _, req := range []*kmsg.ProduceRequest{both, next} {
		req.TransactionID = &id
		req.SetVersion(12)
		c.send(req)
	}
	<-held // what makes t part of the transaction is on its way to the disk
	// The next one is handled meanwhile. If it is not yet, the test shows less.
	for range 20 {
		advertised(other)
	}
	close(release)
	for i, req := range []*kmsg.ProduceRequest{both, next} {
		resp, _ := c.receive(req, first+int32(i)).(*kmsg.ProduceResponse)
		for _, topic := range resp.Topics {
			if got := protocol.ErrorCode(topic.Partitions[0].ErrorCode); got != protocol.NoError {
				t.Errorf("request %d, topic %s: %s", i, topic.Topic, got)
			}
		}
	}
}

// TestCommitOrder: of many commits that a connection sends in a transaction, the last
// one counts.
func TestCommitOrder(t *testing.T) {
	c := startBroker(t, options{}).dial()
	c.createTopic("t", 1)
	p := c.initID("my-tx")
	c.initGroup("g")
	const commits, rounds = 100, 5
	for round := range rounds {
		epoch := int16(round)
		var sent []*kmsg.TxnOffsetCommitRequest
		first := c.next + 1
		for i := range commits {
			sent = append(sent, txnCommitRequest("g", "my-tx", p.ProducerID, epoch, int64(commits*round+i)))
			c.send(sent[i])
		}
		for i, req := range sent {
			resp, _ := c.receive(req, first+int32(i)).(*kmsg.TxnOffsetCommitResponse)
			if got := protocol.ErrorCode(resp.Topics[0].Partitions[0].ErrorCode); got != protocol.NoError {
				t.Fatalf("transaction %d, commit %d: %s", round, i, got)
			}
		}
		if got := c.endTxn(5, "my-tx", p.ProducerID, epoch, true); got.ErrorCode != 0 {
			t.Fatalf("end of transaction %d: %+v", round, got)
		}
		// Until it is over few may wait for it, and the rest would be told to come again.
		until(t, "the transaction is over", func() bool { return c.txnState("my-tx") == "CompleteCommit" }, func() {})
		if got, want := c.committed(t, "g", "t", true).Offset, int64(commits*round+commits-1); got != want {
			t.Errorf("transaction %d: %d is committed, and %d was committed last", round, got, want)
		}
	}
}

// txnCommitRequest commits the offset of a partition in a transaction.
func txnCommitRequest(group, id string, producer int64, epoch int16, offset int64) *kmsg.TxnOffsetCommitRequest {
	req := kmsg.NewPtrTxnOffsetCommitRequest()
	req.SetVersion(5)
	req.TransactionalID, req.Group, req.ProducerID, req.ProducerEpoch, req.Generation = id, group, producer, epoch, -1
	part := kmsg.NewTxnOffsetCommitRequestTopicPartition()
	part.Offset = offset
	req.Topics = []kmsg.TxnOffsetCommitRequestTopic{{Topic: "t", Partitions: []kmsg.TxnOffsetCommitRequestTopicPartition{part}}}
	return req
}

// TestTurnQueue: turns are taken in the order of the line, whoever is ready
// first, and each once.
func TestTurnQueue(t *testing.T) {
	var q server.TurnQueue
	var taken []int
	ready := make([]func(), 4)
	for i := range ready {
		q.Wait(func() { taken = append(taken, i) }, func(r func()) {
			ready[i] = r
			if i == 2 {
				r()
			}
		})
	}
	ready[1]()
	if len(taken) > 0 {
		t.Errorf("%v were taken before the first was ready", taken)
	}
	ready[0]()
	if want := []int{0, 1, 2}; !slices.Equal(taken, want) {
		t.Errorf("taken %v, want %v", taken, want)
	}
	ready[3]()
	if want := []int{0, 1, 2, 3}; !slices.Equal(taken, want) || !q.Idle() {
		t.Errorf("taken %v, want %v and nothing left", taken, want)
	}
}
