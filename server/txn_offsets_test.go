package server_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/server"
)

// TestTransactedGroup: a client reads one topic, writes another, and commits both
// together; what it aborts it reads again.
func TestTransactedGroup(t *testing.T) {
	b := startBroker(t, options{})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := b.dial()
	c.createTopic("in", 1)
	c.createTopic("out", 1)
	c.produce("in", 0, "a", "b", "c")
	s, err := kgo.NewGroupTransactSession(kgo.SeedBrokers(b.addr), kgo.TransactionalID("my-tx"), kgo.ConsumerGroup("g"),
		kgo.ConsumeTopics("in"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	must(t, err)
	defer s.Close()
	rounds := 0
	for seen, copied := 0, []string(nil); seen < 3; {
		f := s.PollFetches(ctx)
		must(t, f.Err())
		must(t, s.Begin())
		rounds++
		copied = copied[:0]
		f.EachRecord(func(r *kgo.Record) {
			copied = append(copied, string(r.Value))
			s.Produce(ctx, &kgo.Record{Topic: "out", Value: r.Value}, func(_ *kgo.Record, err error) {
				if err != nil {
					t.Errorf("produce: %v", err)
				}
			})
		})
		must(t, s.Client().Flush(ctx))
		// The first time all of it is thrown away.
		committed, err := s.End(ctx, kgo.TransactionEndTry(rounds > 1))
		must(t, err)
		if committed {
			seen += len(copied)
		}
	}
	if d := cmp.Diff([]string{"a", "b", "c"}, readAll(ctx, t, b, "out", 3, kgo.FetchIsolationLevel(kgo.ReadCommitted()))); d != "" {
		t.Error(d)
	}
	if got := c.committed(t, "g", "in", true); got.Offset != 3 || got.ErrorCode != 0 {
		t.Errorf("committed: %+v", got)
	}
}

// committed asks for the offset of partition 0.
func (c *client) committed(t *testing.T, group, topic string, stable bool) kmsg.OffsetFetchResponseGroupTopicPartition {
	t.Helper()
	req := kmsg.NewPtrOffsetFetchRequest()
	req.RequireStable = stable
	req.Groups = []kmsg.OffsetFetchRequestGroup{{Group: group, MemberEpoch: -1, Topics: []kmsg.OffsetFetchRequestGroupTopic{{Topic: topic, Partitions: []int32{0}}}}}
	return ask[*kmsg.OffsetFetchResponse](c, 8, req).Groups[0].Topics[0].Partitions[0]
}

// TestTxnOffsetCommit: what each version is told, and that an offset counts from
// the marker on.
func TestTxnOffsetCommit(t *testing.T) {
	b := startBroker(t, options{})
	c := b.dial()
	c.createTopic("t", 1)
	p := c.initID("my-tx")
	commit := func(version int16, id string, epoch int16, offset int64, topics ...string) (codes []protocol.ErrorCode) {
		req := kmsg.NewPtrTxnOffsetCommitRequest()
		req.TransactionalID, req.Group, req.ProducerID, req.ProducerEpoch, req.Generation = id, "g", p.ProducerID, epoch, -1
		for _, topic := range topics {
			part := kmsg.NewTxnOffsetCommitRequestTopicPartition()
			part.Offset = offset
			req.Topics = append(req.Topics, kmsg.TxnOffsetCommitRequestTopic{Topic: topic, Partitions: []kmsg.TxnOffsetCommitRequestTopicPartition{part}})
		}
		for _, topic := range ask[*kmsg.TxnOffsetCommitResponse](c, version, req).Topics {
			codes = append(codes, protocol.ErrorCode(topic.Partitions[0].ErrorCode))
		}
		return codes
	}
	c.initGroup("g")
	check := func(name string, got []protocol.ErrorCode, want ...protocol.ErrorCode) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	check("not added, v3", commit(3, "my-tx", 0, 5, "t"), protocol.InvalidTxnState)
	check("not added, v4", commit(4, "my-tx", 0, 5, "t"), protocol.TransactionAbortable)
	check("an epoch to come", commit(5, "my-tx", 7, 5, "t"), protocol.InvalidProducerEpoch)
	check("nobody", commit(5, "other", 0, 5, "t"), protocol.InvalidProducerIDMapping)
	check("of nothing that is there, the coordinator is not asked", commit(5, "other", 0, 5, "nowhere"), protocol.UnknownTopicOrPartition)
	add := kmsg.NewPtrAddOffsetsToTxnRequest()
	add.TransactionalID, add.ProducerID, add.ProducerEpoch, add.Group = "my-tx", p.ProducerID, 9, "g"
	for version, want := range []protocol.ErrorCode{protocol.InvalidProducerEpoch, protocol.InvalidProducerEpoch, protocol.ProducerFenced} {
		if got := ask[*kmsg.AddOffsetsToTxnResponse](c, int16(version), add).ErrorCode; got != int16(want) {
			t.Errorf("AddOffsets of a fenced one, v%d: %s", version, protocol.ErrorCode(got))
		}
	}
	add.ProducerEpoch = 0
	if got := ask[*kmsg.AddOffsetsToTxnResponse](c, 3, add).ErrorCode; got != 0 {
		t.Fatal(protocol.ErrorCode(got))
	}
	check("added", commit(3, "my-tx", 0, 5, "t", "nowhere"), protocol.NoError, protocol.UnknownTopicOrPartition)
	if got := c.committed(t, "g", "t", true); protocol.ErrorCode(got.ErrorCode) != protocol.UnstableOffsetCommit {
		t.Errorf("pending, stable wanted: %+v", got)
	}
	if got := c.committed(t, "g", "t", false); got.Offset != -1 || got.ErrorCode != 0 {
		t.Errorf("pending: %+v", got)
	}
	b.loadedTxns()
	var d server.TxnDetail
	b.apiAsk("GET", "/api/v1/transactions/my-tx", "", http.StatusOK, &d)
	if want := "no records are written, so nobody who reads committed data waits for it; it holds offsets of groups"; !strings.Contains(d.Why, want) {
		t.Errorf("%q, want %q", d.Why, want)
	}
	b.showsTxns("mainstem_transaction_open_partitions 1", "mainstem_transaction_lso_lag_records 0") // nobody reads committed data there
	if got := c.endTxn(4, "my-tx", p.ProducerID, 0, true).ErrorCode; got != 0 {
		t.Fatal(protocol.ErrorCode(got))
	}
	until(t, "the marker is there", func() bool { return c.committed(t, "g", "t", true).Offset == 5 }, func() {})
	check("v5 adds", commit(5, "my-tx", 0, 9, "t"), protocol.NoError)
	if got := c.endTxn(5, "my-tx", p.ProducerID, 0, false).ErrorCode; got != 0 {
		t.Fatal(protocol.ErrorCode(got))
	}
	until(t, "aborted", func() bool { return c.committed(t, "g", "t", true).ErrorCode == 0 }, func() {})
	if got := c.committed(t, "g", "t", true); got.Offset != 5 {
		t.Errorf("after an abort: %+v", got)
	}
}

// initGroup finds a group's coordinator, so that there is one.
func (c *client) initGroup(group string) {
	c.tb.Helper()
	find := kmsg.NewPtrFindCoordinatorRequest()
	find.CoordinatorKeys = []string{group}
	if found := ask[*kmsg.FindCoordinatorResponse](c, 4, find).Coordinators[0]; found.ErrorCode != 0 {
		c.tb.Fatalf("coordinator: %+v", found)
	}
}
