package server_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// TestProduceErrors: every mistake has its code and words.
func TestProduceErrors(t *testing.T) {
	c := startBroker(t, options{}).dial()
	c.createTopic("t", 1)
	c.createTopic("small", 1, "max.message.bytes", "200")
	find := kmsg.NewPtrFindCoordinatorRequest()
	find.CoordinatorKey = "g"
	ask[*kmsg.FindCoordinatorResponse](c, 3, find) // makes __consumer_offsets
	good := batchOf(t, "v")
	mutate := func(f func([]byte)) []byte {
		b := append([]byte(nil), good...)
		f(b)
		return b
	}
	zstd := batch.NewBuilder(batch.Zstd)
	zstd.Add(1, []byte("k"), []byte("v"))
	zstdBatch, err := zstd.Build(nil)
	must(t, err)
	for _, tc := range []struct {
		name    string
		version int16
		topic   string
		part    int32
		acks    int16
		records []byte
		code    protocol.ErrorCode
		words   string
	}{
		{"fine", 9, "t", 0, -1, good, 0, ""},
		{"acks", 9, "t", 0, 2, good, protocol.InvalidRequiredAcks, "acks=2"},
		{"unknown topic", 9, "x", 0, 1, good, protocol.UnknownTopicOrPartition, "x"},
		{"unknown partition", 9, "t", 5, 1, good, protocol.UnknownTopicOrPartition, "5"},
		{"negative partition", 9, "t", -1, 1, good, protocol.UnknownTopicOrPartition, "-1"},
		{"internal", 9, "__consumer_offsets", 0, 1, good, protocol.InvalidTopicException, "internal"},
		{"no batch", 9, "t", 0, 1, nil, protocol.InvalidRecord, "no record batch"},
		{"two batches", 9, "t", 0, 1, append(append([]byte(nil), good...), good...), protocol.InvalidRecord, "exactly one"},
		{"crc", 9, "t", 0, 1, mutate(func(b []byte) { b[len(b)-1] ^= 1 }), protocol.CorruptMessage, ""},
		{"magic", 9, "t", 0, 1, mutate(func(b []byte) { b[16] = 1 }), protocol.InvalidRecord, ""},
		{"cut off", 9, "t", 0, 1, good[:len(good)-3], protocol.InvalidRecord, ""},
		{"too large", 9, "small", 0, 1, batchOf(t, strings.Repeat("x", 300)), protocol.MessageTooLarge, "max.message.bytes of the topic is 200"},
		{"zstd in an old version", 6, "t", 0, 1, zstdBatch, protocol.UnsupportedCompressionType, ""},
		{"zstd", 7, "t", 0, 1, zstdBatch, 0, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			resp := ask[*kmsg.ProduceResponse](c, tc.version, produceRequest(tc.topic, tc.part, tc.acks, tc.records))
			p := resp.Topics[0].Partitions[0]
			if got := protocol.ErrorCode(p.ErrorCode); got != tc.code {
				t.Fatalf("%s, expected %s", got, tc.code)
			}
			if tc.code != 0 && p.BaseOffset != -1 {
				t.Errorf("a refused batch has offset %d", p.BaseOffset)
			}
			if tc.words != "" && (p.ErrorMessage == nil || !strings.Contains(*p.ErrorMessage, tc.words)) {
				t.Errorf("message %v, expected %q in it", p.ErrorMessage, tc.words)
			}
		})
	}
}

// TestProduceTwice: a partition can appear once in a request.
func TestProduceTwice(t *testing.T) {
	c := startBroker(t, options{}).dial()
	c.createTopic("t", 1)
	req := produceRequest("t", 0, -1, batchOf(t, "a"))
	req.Topics = append(req.Topics, produceRequest("t", 0, -1, batchOf(t, "b")).Topics...)
	resp := ask[*kmsg.ProduceResponse](c, 9, req)
	got := []int16{resp.Topics[0].Partitions[0].ErrorCode, resp.Topics[1].Partitions[0].ErrorCode}
	if d := cmp.Diff([]int16{0, int16(protocol.InvalidRequest)}, got); d != "" {
		t.Error(d)
	}
}

// TestProducerIDs: ids are given once, also across blocks.
func TestProducerIDs(t *testing.T) {
	c := startBroker(t, options{}).dial()
	seen := map[int64]bool{}
	for range 1500 {
		resp := ask[*kmsg.InitProducerIDResponse](c, 4, kmsg.NewPtrInitProducerIDRequest())
		if resp.ErrorCode != 0 || resp.ProducerEpoch != 0 || seen[resp.ProducerID] {
			t.Fatalf("%+v", resp)
		}
		seen[resp.ProducerID] = true
	}
}

// TestProduceUnanswered: acks=0 has no answer, and the next request has its
// own; an error closes the connection.
func TestProduceUnanswered(t *testing.T) {
	b := startBroker(t, options{})
	c := b.dial()
	c.createTopic("t", 1)
	req := produceRequest("t", 0, 0, batchOf(t, "silent"))
	req.SetVersion(9)
	c.send(req)
	if got := c.produce("t", 0, "loud"); got.ErrorCode != 0 || got.BaseOffset != 1 {
		t.Errorf("the next produce: %+v", got)
	}
	bad := produceRequest("nowhere", 0, 0, batchOf(t, "lost"))
	bad.SetVersion(9)
	c.send(bad)
	c.closed()
}

// TestPipeline: answers come in the order of the requests, whatever the work
// behind them, and many requests may be under way.
func TestPipeline(t *testing.T) {
	b := startBroker(t, options{})
	c := b.dial()
	c.createTopic("t", 1)
	const n = 400
	var frames []byte
	var order []int32
	for i := range n {
		var req kmsg.Request
		switch i % 3 {
		case 0:
			req = produceRequest("t", 0, -1, batchOf(t, "v"))
		case 1:
			req = kmsg.NewPtrMetadataRequest()
		default:
			f := fetchRequest("t", 0, 0)
			f.MaxWaitMillis = 10_000
			req = f
		}
		req.SetVersion(9)
		frames = append(frames, c.frame(req)...)
		order = append(order, c.next)
	}
	sent := make(chan error, 1)
	go func() {
		_, err := c.conn.Write(frames)
		sent <- err
	}()
	for _, id := range order {
		body, err := c.receiveBytes()
		must(t, err)
		if got := int32(binary.BigEndian.Uint32(body)); got != id {
			t.Fatalf("answer to %d, expected %d", got, id)
		}
	}
	must(t, <-sent)
}

// TestCloseWithParked: closing the server answers a long poll and ends.
func TestCloseWithParked(t *testing.T) {
	b := startBroker(t, options{})
	c := b.dial()
	c.createTopic("t", 1)
	req := fetchRequest("t", 0, 0)
	req.MaxWaitMillis = 600_000
	req.SetVersion(12)
	c.send(req)
	// A second request on another connection shows that the first was read.
	advertised(b.dial())
	b.close()
}
