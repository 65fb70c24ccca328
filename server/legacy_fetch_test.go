package server_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/protocol/batch"
	"github.com/mainstem-mq/mainstem/server"
)

// offsetsOf lists the offsets of messages that are not compressed; what is cut off at
// the end is left out, as clients do.
func offsetsOf(set []byte) (offsets []int64) {
	for len(set) >= 12 {
		n := 12 + int(binary.BigEndian.Uint32(set[8:]))
		if n > len(set) {
			break
		}
		offsets = append(offsets, int64(binary.BigEndian.Uint64(set)))
		set = set[n:]
	}
	return offsets
}

// TestOldFetchLimits: messages go as far as the limits; a first one that is larger is
// given whole from v3 on, and cut off before.
func TestOldFetchLimits(t *testing.T) {
	c := startBroker(t, options{}).dial()
	c.createTopic("t", 1)
	long := strings.Repeat("x", 66-1) // a message of 100 bytes in magic 1, 92 in magic 0
	for range 3 {
		c.produce("t", 0, long, long, long)
	}
	for _, x := range []struct {
		version int16
		from    int64
		most    int32
		want    []int64
		bytes   int
	}{
		{3, 0, 1000, []int64{0, 1, 2, 3, 4, 5, 6, 7, 8}, 900},
		{2, 4, 1000, []int64{4, 5, 6, 7, 8}, 500},
		{3, 4, 250, []int64{4, 5}, 200},
		{1, 1, 200, []int64{1, 2}, 184},
		{0, 8, 92, []int64{8}, 92},
		{3, 2, 50, []int64{2}, 100},
		{3, 2, 0, []int64{2}, 100},
		{2, 2, 50, nil, 50},
		{0, 2, 5, nil, 5},
		{2, 2, 0, nil, 0},
		{3, 9, 1000, nil, 0},
	} {
		p := c.fetchOld(x.version, "t", x.from, x.most)
		if d := cmp.Diff(x.want, offsetsOf(p.RecordBatches)); d != "" || len(p.RecordBatches) != x.bytes || p.ErrorCode != 0 || p.HighWatermark != 9 {
			t.Errorf("v%d from %d, %d bytes: %d bytes, %+v; offsets (-want +got)\n%s", x.version, x.from, x.most, len(p.RecordBatches), p.ErrorCode, d)
		}
	}
	if p := c.fetchOld(3, "t", 10, 100); protocol.ErrorCode(p.ErrorCode) != protocol.OffsetOutOfRange {
		t.Errorf("behind the end: %+v", p)
	}
	if p := c.fetchOld(0, "x", 0, 100); protocol.ErrorCode(p.ErrorCode) != protocol.UnknownTopicOrPartition {
		t.Errorf("no topic: %+v", p)
	}
	// The limit of the whole answer is v3's: only its first partition may exceed it.
	c.createTopic("u", 1)
	c.produce("u", 0, long)
	req := fetchRequest("t", 0, 0)
	req.MaxBytes = 10
	req.Topics = append(req.Topics, fetchRequest("u", 0, 0).Topics...)
	resp := ask[*kmsg.FetchResponse](c, 3, req)
	got := []int{len(resp.Topics[0].Partitions[0].RecordBatches), len(resp.Topics[1].Partitions[0].RecordBatches)}
	if d := cmp.Diff([]int{100, 0}, got); d != "" {
		t.Errorf("an answer of 10 bytes (-want +got)\n%s", d)
	}
}

// TestOldFetchTurns: an answer has a limit whatever the client asks for, and no
// partition starves for it. Answers keep the order of their requests.
func TestOldFetchTurns(t *testing.T) {
	const partitions, limit = 12, 8 << 20
	c := startBroker(t, options{}).dial()
	c.createTopic("t", partitions)
	c.createTopic("u", 1)
	req := fetchRequest("t", 0, 0)
	req.MinBytes = 0
	var asked []kmsg.FetchRequestTopicPartition
	for i := range int32(partitions) {
		if p := c.produce("t", i, strings.Repeat("x", 1_000_000)); p.ErrorCode != 0 {
			t.Fatalf("%+v", p)
		}
		one := fetchRequest("t", i, 0).Topics[0].Partitions[0]
		one.PartitionMaxBytes = 1 << 20
		asked = append(asked, one)
	}
	req.Topics[0].Partitions = asked
	req.Topics = append(req.Topics, fetchRequest("u", 0, 0).Topics...)
	served := map[int]bool{}
	until(t, "each partition was given", func() bool { return len(served) == partitions }, func() {
		resp := ask[*kmsg.FetchResponse](c, 2, req)
		total := 0
		for i, p := range resp.Topics[0].Partitions {
			if total += len(p.RecordBatches); len(p.RecordBatches) > 0 {
				served[i] = true
			}
			if p.Partition != int32(i) || p.ErrorCode != 0 {
				t.Fatalf("place %d: partition %d, code %d", i, p.Partition, p.ErrorCode)
			}
		}
		if len(resp.Topics) != 2 || resp.Topics[1].Topic != "u" || total > limit || total < limit-2<<20 {
			t.Fatalf("%d topics, %d bytes", len(resp.Topics), total)
		}
	})
}

// TestOldFetchLongPoll: an old client waits for records, and the markers of
// transactions, which it is told nothing of, are no news to it.
func TestOldFetchLongPoll(t *testing.T) {
	b := startBroker(t, options{})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	b.dial().createTopic("t", 1)
	p := newKgo(t, b, kgo.TransactionalID("my-tx"))
	transact(ctx, t, p, "t", kgo.TryCommit, "a")
	marked, look := false, b.dial()
	until(t, "the marker is there", func() bool { return marked }, func() { marked = look.fetchOld(1, "t", 0, 1<<20).HighWatermark == 2 })
	for version := range int16(4) {
		c, producer := b.dial(), b.dial()
		from := c.fetchOld(version, "t", 0, 1<<20).HighWatermark - 1 // a marker
		if version > 0 {
			from++
		}
		wait := fetchRequest("t", 0, from)
		wait.MaxWaitMillis = 3_600_000
		wait.SetVersion(version)
		c.send(wait)
		value := fmt.Sprintf("to version %d", version)
		producer.produce("t", 0, value)
		resp, _ := c.receive(wait, c.next).(*kmsg.FetchResponse)
		got := oldValues(t, version, resp.Topics[0].Partitions[0].RecordBatches)
		if d := cmp.Diff([]string{value}, got); d != "" {
			t.Errorf("v%d (-want +got)\n%s", version, d)
		}
	}
	// From the beginning, markers are passed; what was aborted is given, as these
	// clients do not know of transactions.
	transact(ctx, t, p, "t", kgo.TryAbort, "b")
	want := []string{"a", "to version 0", "to version 1", "to version 2", "to version 3", "b"}
	if d := cmp.Diff(want, oldValues(t, 3, b.dial().fetchOld(3, "t", 0, 1<<20).RecordBatches)); d != "" {
		t.Errorf("all (-want +got)\n%s", d)
	}
}

// TestOldFetchRefused: what an old client cannot read is refused when it is reached, in
// the log too, and what is before it is given.
func TestOldFetchRefused(t *testing.T) {
	b := startBroker(t, options{})
	c := b.dial()
	c.createTopic("t", 1)
	c.produce("t", 0, "plain")
	zstd := batch.NewBuilder(batch.Zstd)
	zstd.Add(1, nil, nil)
	packed, err := zstd.Build(nil)
	must(t, err)
	if p := ask[*kmsg.ProduceResponse](c, 9, produceRequest("t", 0, 1, packed)).Topics[0].Partitions[0]; p.ErrorCode != 0 {
		t.Fatalf("%+v", p)
	}
	if got := c.fetchOld(3, "t", 0, 1<<20); got.ErrorCode != 0 || len(offsetsOf(got.RecordBatches)) != 1 {
		t.Errorf("before zstd: %+v", got)
	}
	if got := c.fetchOld(3, "t", 1, 1<<20); protocol.ErrorCode(got.ErrorCode) != protocol.UnsupportedCompressionType {
		t.Errorf("zstd: %+v", got)
	}
	lines := b.logs.FilterMessage("records cannot be given to an old client").All()
	if len(lines) != 1 || lines[0].ContextMap()["topic"] != "t" || lines[0].ContextMap()["client_id"] != "test" {
		t.Errorf("log: %v", lines)
	}
}

// TestOldFetchMemory: what many old clients are answered is within the budget for
// answers, which it fills while the clients take nothing, and nothing of it is left when
// they have taken it all.
func TestOldFetchMemory(t *testing.T) {
	const clients, budget, answer = 6, 32 << 20, 8 << 20
	b := startBroker(t, options{config: func(c *server.Config) {
		c.AnswerBudget, c.StallMax = budget, time.Hour // on a busy machine it takes long
	}})
	c := b.dial()
	c.createTopic("t", 1)
	for range 10 {
		if p := c.produce("t", 0, strings.Repeat("x", 1_000_000)); p.ErrorCode != 0 {
			t.Fatalf("%+v", p)
		}
	}
	req := fetchRequest("t", 0, 0)
	req.SetVersion(3)
	all := make([]*client, clients)
	for i := range all {
		all[i] = b.dial()
		// The two ends of a socket grow, and must not hold a whole answer between them: it
		// would be written, and no longer the broker's.
		must(t, all[i].conn.(*net.TCPConn).SetReadBuffer(256<<10))
		all[i].send(req)
	}
	most, held := float64(0), float64(0)
	look := func() {
		held = b.gauge("mainstem_answer_bytes")
		most = max(most, held)
	}
	// Nobody takes anything, so all is held that there is room for: less than what one
	// more answer claims, which is its messages and a batch twice, is free.
	until(t, "the budget is full", func() bool { return held > budget-answer-(4<<20) }, look)
	// They read side by side: one after the other, the first might be one that waits for
	// memory that the others have until they are read.
	var answered atomic.Int32
	for _, one := range all {
		go func() {
			defer answered.Add(1)
			body, err := one.receiveBytes()
			resp := kmsg.NewPtrFetchResponse()
			resp.SetVersion(req.GetVersion())
			if err == nil {
				err = resp.ReadFrom(body[4:]) // behind the request's number
			}
			if err != nil {
				t.Error(err)
			} else if n := len(offsetsOf(resp.Topics[0].Partitions[0].RecordBatches)); n != 8 {
				t.Errorf("%d messages", n)
			}
		}()
	}
	until(t, "all are answered", func() bool { return answered.Load() == clients }, look)
	if most > budget {
		t.Errorf("%.0f bytes of answers, the budget is %d", most, budget)
	}
	until(t, "all was given back", func() bool { return held == 0 }, look)
}
