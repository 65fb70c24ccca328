package server_test

import (
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/server"
)

const strandedLine = "a client asks where topics are and does not come there"

// strandedBroker is one that sends clients where nobody is.
func strandedBroker(t *testing.T) (*broker, *clock.Manual) {
	t.Helper()
	now := clock.NewManual(time.Unix(1_700_000_000, 0))
	b := startBroker(t, options{clock: now, config: func(c *server.Config) {
		c.Listeners[0].AdvertisedHost, c.Listeners[0].AdvertisedPort = "kafka.test", 9092
	}})
	b.named("setup").createTopic("t", 1)
	return b, now
}

// looksUp asks for a topic by name, as clients do that mean to use it.
func (c *client) looksUp(topic string) {
	c.tb.Helper()
	req := kmsg.NewPtrMetadataRequest()
	req.Topics = []kmsg.MetadataRequestTopic{{Topic: &topic}}
	ask[*kmsg.MetadataResponse](c, 9, req)
}

// strandedCount is how many lines there are, and whether the metric agrees.
func strandedCount(t *testing.T, b *broker) int {
	t.Helper()
	n := b.logs.FilterMessageSnippet(strandedLine).Len()
	counted := strings.Contains(string(b.metricsText()), `mainstem_stranded_clients_total{advertised="kafka.test:9092"} `)
	if counted != (n > 0) {
		t.Errorf("%d lines, and in the metrics: %v", n, counted)
	}
	return n
}

// rounds lets the janitor look for so long, and be done with it.
func rounds(b *broker, now *clock.Manual, d time.Duration) {
	for range int(d / time.Second) {
		now.AwaitPending(1)
		now.Advance(time.Second)
	}
	now.AwaitPending(1)
}

func TestStrandedWhoWaits(t *testing.T) {
	b, now := strandedBroker(t)
	c := b.named("lost")
	ask[*kmsg.ApiVersionsResponse](c, 2, kmsg.NewPtrApiVersionsRequest())
	c.looksUp("t")
	rounds(b, now, 25*time.Second)
	if n := strandedCount(t, b); n != 0 {
		t.Fatalf("after 25 s: %d lines", n)
	}
	rounds(b, now, 10*time.Second)
	if n := strandedCount(t, b); n != 1 {
		t.Fatalf("after 35 s: %d lines", n)
	}
	line := b.logs.FilterMessageSnippet(strandedLine).All()[0].ContextMap()
	if line["advertised"] != "kafka.test:9092" || line["address"] != "127.0.0.1" || line["client_id"] != "lost" {
		t.Errorf("%v", line)
	}
	// An address is told once in a while, whatever its clients are called.
	b.named("lost, too").looksUp("t")
	rounds(b, now, time.Minute)
	if n := strandedCount(t, b); n != 1 {
		t.Errorf("%d lines of one address", n)
	}
	rounds(b, now, 10*time.Minute)
	if n := strandedCount(t, b); n != 2 {
		t.Errorf("after ten minutes: %d lines", n)
	}
}

// TestStrandedWhoComesAgain: a client that fails and is started again never waits for
// long, and asks more than once on each connection.
func TestStrandedWhoComesAgain(t *testing.T) {
	b, now := strandedBroker(t)
	for range 3 {
		c := b.named("lost")
		c.looksUp("t")
		c.looksUp("t")
		must(t, c.conn.Close())
		until(t, "the connection ended", func() bool { return b.openConnections() == 1 }, func() {})
		rounds(b, now, 6*time.Second)
	}
	if n := strandedCount(t, b); n != 1 {
		t.Errorf("%d lines", n)
	}
}

// TestNotStranded: who does what it came for, or only looks.
func TestNotStranded(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(b *broker, wait func(time.Duration))
	}{
		{"works on another connection", func(b *broker, wait func(time.Duration)) {
			b.named("x").looksUp("t")
			wait(5 * time.Second)
			b.named("x").produce("t", 0, "v")
			wait(30 * time.Minute)
		}},
		{"worked, and went a while ago", func(b *broker, wait func(time.Duration)) {
			worker := b.named("x")
			worker.produce("t", 0, "v")
			must(b.tb, worker.conn.Close())
			b.named("x").looksUp("t")
			wait(5 * time.Minute)
		}},
		{"works on the same connection", func(b *broker, wait func(time.Duration)) {
			c := b.named("x")
			c.looksUp("t")
			c.produce("t", 0, "v")
			c.looksUp("t")
			wait(time.Minute)
		}},
		{"an admin tool that asks for all topics", func(b *broker, wait func(time.Duration)) {
			c := b.named("x")
			for range 5 {
				req := kmsg.NewPtrMetadataRequest()
				req.Topics = nil
				ask[*kmsg.MetadataResponse](c, 9, req)
				wait(15 * time.Second)
			}
		}},
		{"looks once and goes, again and again", func(b *broker, wait func(time.Duration)) {
			for range 20 {
				c := b.named("x")
				c.looksUp("t")
				must(b.tb, c.conn.Close())
				until(b.tb, "the connection ended", func() bool { return b.openConnections() == 1 }, func() {})
				wait(5 * time.Second)
			}
		}},
		{"asks for a topic that there is not", func(b *broker, wait func(time.Duration)) {
			b.named("x").looksUp("t.2")
			wait(time.Minute)
		}},
		{"asks quickly, and then works", func(b *broker, wait func(time.Duration)) {
			c := b.named("x")
			for range 9 {
				c.looksUp("t")
			}
			wait(5 * time.Second)
			b.named("x").produce("t", 0, "v")
			wait(time.Minute)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, now := strandedBroker(t)
			c.do(b, func(d time.Duration) { rounds(b, now, d) })
			if n := strandedCount(t, b); n != 0 {
				t.Errorf("%d lines", n)
			}
		})
	}
}

// TestStrandedAsksForMore: what Java's clients may ask of any broker, before they go to
// where they were sent, is not what they came for.
func TestStrandedAsksForMore(t *testing.T) {
	b, now := strandedBroker(t)
	c := b.named("lost")
	c.looksUp("t")
	ask[*kmsg.InitProducerIDResponse](c, 4, kmsg.NewPtrInitProducerIDRequest())
	find := kmsg.NewPtrFindCoordinatorRequest()
	find.CoordinatorKey = "g"
	ask[*kmsg.FindCoordinatorResponse](c, 3, find)
	rounds(b, now, time.Minute)
	if n := strandedCount(t, b); n != 1 {
		t.Errorf("%d lines", n)
	}
}
