package server_test

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/span"
	"github.com/mainstem-mq/mainstem/server"
)

// gauge reads one of the broker's metrics that have no labels.
func (b *broker) gauge(name string) float64 {
	b.tb.Helper()
	for line := range strings.Lines(string(b.metricsText())) {
		if text, ok := strings.CutPrefix(line, name+" "); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
			must(b.tb, err)
			return v
		}
	}
	b.tb.Fatalf("there is no metric %s", name)
	return 0
}

// createMany makes topics of one partition, with long names.
func (c *client) createMany(n int) {
	c.tb.Helper()
	req := kmsg.NewPtrCreateTopicsRequest()
	for i := range n {
		t := kmsg.NewCreateTopicsRequestTopic()
		t.Topic, t.NumPartitions, t.ReplicationFactor = fmt.Sprintf("%0200d", i), 1, 1
		req.Topics = append(req.Topics, t)
	}
	for _, t := range ask[*kmsg.CreateTopicsResponse](c, 4, req).Topics {
		if t.ErrorCode != 0 {
			c.tb.Fatal(*t.ErrorMessage)
		}
	}
}

func allTopicsRequest() *kmsg.MetadataRequest {
	req := kmsg.NewPtrMetadataRequest()
	req.SetVersion(9)
	req.Topics = nil
	return req
}

// TestUnreadAnswers: clients that ask for much and read nothing hold one
// answer's memory together, not one each; small requests are served meanwhile,
// and large ones once the first such client was closed.
func TestUnreadAnswers(t *testing.T) {
	const topics, hogs, each = 4000, 8, 40
	b := startBroker(t, options{config: func(c *server.Config) {
		c.AnswerBudget = 1 << 20 // below what one takes
		c.StallMax = 500 * time.Millisecond
	}})
	setup := b.dial()
	setup.createMany(topics)
	one := len(mustFrame(t, setup, allTopicsRequest()))
	for range hogs {
		hog := b.dial()
		must(t, hog.conn.(*net.TCPConn).SetReadBuffer(4096))
		var frames []byte
		for range each {
			frames = append(frames, hog.frame(allTopicsRequest())...)
		}
		_, err := hog.conn.Write(frames)
		must(t, err)
	}
	good := b.dial()
	most := 0.0
	for range 200 {
		if len(advertised(good)) == 0 {
			t.Fatal("a small request was not answered")
		}
		most = max(most, b.gauge("mainstem_answer_bytes"))
	}
	if limit := float64(8 * one); most == 0 || most > limit {
		t.Errorf("up to %.0f bytes were held, expected something up to %.0f", most, limit)
	}
	resp := ask[*kmsg.MetadataResponse](good, 9, allTopicsRequest())
	if len(resp.Topics) != topics {
		t.Errorf("%d topics, expected %d", len(resp.Topics), topics)
	}
}

// mustFrame asks and returns the answer's bytes.
func mustFrame(tb testing.TB, c *client, req kmsg.Request) []byte {
	tb.Helper()
	c.send(req)
	body, err := c.receiveBytes()
	must(tb, err)
	return body
}

// TestLargeAnswersInTurn: many large answers on one connection, larger than
// the budget, come one after the other, and leave nothing behind.
func TestLargeAnswersInTurn(t *testing.T) {
	b := startBroker(t, options{config: func(c *server.Config) { c.AnswerBudget = 1 }})
	c := b.dial()
	c.createMany(3000)
	for range 10 {
		c.send(allTopicsRequest())
	}
	first := c.next - 9
	for i := range int32(10) {
		resp, _ := c.receive(allTopicsRequest(), first+i).(*kmsg.MetadataResponse)
		if len(resp.Topics) != 3000 {
			t.Fatalf("answer %d has %d topics", i, len(resp.Topics))
		}
	}
	ask[*kmsg.MetadataResponse](c, 9, &kmsg.MetadataRequest{Topics: []kmsg.MetadataRequestTopic{}})
	if held := b.gauge("mainstem_answer_bytes"); held != 0 {
		t.Errorf("%.0f bytes are held at the end", held)
	}
}

// TestCloseAnswers: a call under way when Close begins is answered, although
// its connection's reader waits for memory.
func TestCloseAnswers(t *testing.T) {
	pool := span.NewPool(64 << 10)
	b := startBroker(t, options{pool: pool, clock: clock.NewManual(time.Unix(1_700_000_000, 0))})
	c := b.dial()
	c.createTopic("t", 1)
	poll := fetchRequest("t", 0, 0)
	poll.MaxWaitMillis = 3_600_000
	poll.SetVersion(12)
	c.send(poll)
	id := c.next
	all, err := pool.Get(t.Context(), 64<<10)
	must(t, err)
	defer all.Release()
	produce := produceRequest("t", 0, -1, batchOf(t, strings.Repeat("x", 8<<10)))
	produce.SetVersion(9)
	c.send(produce)
	for pool.Waiting() == 0 {
		advertised(b.dial())
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.close()
	}()
	if resp, ok := c.receive(poll, id).(*kmsg.FetchResponse); !ok || resp.ErrorCode != 0 {
		t.Errorf("the fetch under way got %+v", resp)
	}
	c.closed()
	<-done
}
