package server_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol/batch"
	"github.com/mainstem-mq/mainstem/replication"
)

// txnBatch is a batch of a transaction.
func txnBatch(tb testing.TB, id int64, epoch int16, sequence int32, values ...string) []byte {
	tb.Helper()
	b := batch.NewBuilder(batch.None)
	b.ProducerID, b.ProducerEpoch, b.BaseSequence, b.Transactional = model.ProducerID(id), model.ProducerEpoch(epoch), sequence, true
	for _, v := range values {
		b.Add(1_700_000_000_000, []byte("k"), []byte(v))
	}
	out, err := b.Build(nil)
	must(tb, err)
	return out
}

// write appends a batch of a transaction to a partition, past the coordinator.
func (b *broker) write(topic string, id int64, sequence int32, values ...string) {
	b.tb.Helper()
	p, gone := b.partitions.Find(topic, 0)
	if gone != nil {
		b.tb.Fatal(gone)
	}
	g, _ := p.Verify(replication.Verification{Producer: model.ProducerID(id), Sequence: sequence})
	done := make(chan replication.AppendResult, 1)
	p.Append(replication.AppendRequest{Batch: txnBatch(b.tb, id, 0, sequence, values...), Guard: g},
		func(r replication.AppendResult) { done <- r })
	if r := <-done; r.Err != nil {
		b.tb.Fatal(r.Err)
	}
}

// mark ends a producer's transaction in a partition, past the coordinator.
func (b *broker) mark(topic string, id int64, commit bool) {
	b.tb.Helper()
	p, gone := b.partitions.Find(topic, 0)
	if gone != nil {
		b.tb.Fatal(gone)
	}
	done := make(chan []replication.MarkerResult, 1)
	b.partitions.AppendMarkers([]replication.Marker{{Partition: p, Producer: model.ProducerID(id), Commit: commit}},
		func(r []replication.MarkerResult) { done <- r })
	if r := <-done; r[0].Err != nil {
		b.tb.Fatal(r[0].Err)
	}
}

// TestFetchReadCommitted: what an open transaction holds back neither starves
// other partitions of the session nor keeps it awake, its end wakes who waits, and
// aborted ones are named.
func TestFetchReadCommitted(t *testing.T) {
	b := startBroker(t, options{})
	c := b.dial()
	c.createTopic("a", 1)
	c.createTopic("b", 1)
	b.write("a", 7, 0, "a0")
	session := func(id, epoch int32, topics map[string]int64) *kmsg.FetchRequest {
		req := sessionFetch(id, epoch, topics)
		req.IsolationLevel = 1
		return req
	}
	first := ask[*kmsg.FetchResponse](c, 12, session(0, 0, map[string]int64{"a": 0, "b": 0}))
	if d := cmp.Diff(map[string]string{"a-0": "", "b-0": ""}, summary(t, first)); d != "" {
		t.Fatal(d)
	}
	c.produce("b", 0, "b0")
	c.produce("a", 0, "a1") // behind the open transaction
	// Its place in the ready list is before that of b.
	second := ask[*kmsg.FetchResponse](c, 12, session(first.SessionID, 1, nil))
	if got := summary(t, second)["b-0"]; got != "b0" {
		t.Fatalf("b is starved: %q", got)
	}
	wait := session(first.SessionID, 2, map[string]int64{"b": 1})
	wait.MaxWaitMillis = 3_600_000
	wait.SetVersion(12)
	c.send(wait)
	b.mark("a", 7, false)
	woken, _ := c.receive(wait, c.next).(*kmsg.FetchResponse)
	p := woken.Topics[0].Partitions[0]
	want := []kmsg.FetchResponseTopicPartitionAbortedTransaction{{ProducerID: 7, FirstOffset: 0}}
	ignore := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".UnknownTags" }, cmp.Ignore())
	if d := cmp.Diff(want, p.AbortedTransactions, ignore); d != "" || p.LastStableOffset != 3 || p.HighWatermark != 3 {
		t.Errorf("stable %d, watermark %d, aborted: %s", p.LastStableOffset, p.HighWatermark, d)
	}
	if all := ask[*kmsg.FetchResponse](c, 12, fetchRequest("a", 0, 0)).Topics[0].Partitions[0]; all.AbortedTransactions != nil {
		t.Errorf("read_uncommitted is told of %v", all.AbortedTransactions)
	}
}

// TestAbortedFillAnAnswer: who names a partition again and again is not told again
// and again of all transactions that were aborted there.
func TestAbortedFillAnAnswer(t *testing.T) {
	const producers, times, enough = 300, 300, 16 << 10
	b := startBroker(t, options{})
	c := b.dial()
	c.createTopic("a", 1)
	for id := range int64(producers) {
		b.write("a", 7+id, 0, "x")
	}
	for id := range int64(producers) {
		b.mark("a", 7+id, false)
	}
	req := fetchRequest("a", 0, producers-1) // all of them are open there
	req.IsolationLevel = 1
	one := req.Topics[0].Partitions[0]
	one.PartitionMaxBytes = 100
	req.Topics[0].Partitions = slices.Repeat([]kmsg.FetchRequestTopicPartition{one}, times)
	told, served := 0, 0
	for _, p := range ask[*kmsg.FetchResponse](c, 12, req).Topics[0].Partitions {
		told += len(p.AbortedTransactions)
		if len(p.RecordBatches) > 0 {
			served++
		}
	}
	if want := enough/producers + 1; served != want || told != want*producers {
		t.Errorf("%d of %d places have records, and %d aborted transactions", served, times, told)
	}
}

// TestListOffsetsReadCommitted: the end of what is committed is the last stable
// offset.
func TestListOffsetsReadCommitted(t *testing.T) {
	b := startBroker(t, options{})
	c := b.dial()
	c.createTopic("a", 1)
	c.produce("a", 0, "a0", "a1")
	b.write("a", 7, 0, "t0")
	for isolation, want := range []int64{3, 2} {
		req := kmsg.NewPtrListOffsetsRequest()
		req.IsolationLevel = int8(isolation)
		p := kmsg.NewListOffsetsRequestTopicPartition()
		p.Timestamp = replication.TimestampLatest
		req.Topics = []kmsg.ListOffsetsRequestTopic{{Topic: "a", Partitions: []kmsg.ListOffsetsRequestTopicPartition{p}}}
		if got := ask[*kmsg.ListOffsetsResponse](c, 7, req).Topics[0].Partitions[0]; got.Offset != want {
			t.Errorf("isolation %d: %d, want %d", isolation, got.Offset, want)
		}
	}
}
