package server_test

import (
	"encoding/binary"
	"errors"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/span"
	"github.com/mainstem-mq/mainstem/server"
)

// TestBadFrames: whatever a client sends, its connection is closed, a line
// says why, and others are served.
func TestBadFrames(t *testing.T) {
	b := startBroker(t, options{})
	good := b.dial()
	size := func(n uint32, rest ...byte) string {
		return string(append(binary.BigEndian.AppendUint32(nil, n), rest...))
	}
	for _, tc := range []struct{ name, bytes, log string }{
		{"negative size", size(0xffffffff), "-1 bytes"},
		{"two gibibytes", size(0x7fffffff), "socket.request.max.bytes"},
		{"tiny", size(3, 1, 2, 3), "at least 8"},
		{"http", "GET / HTTP/1.1\r\n\r\n", "HTTP"},
		{"tls", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "TLS"},
		{"unknown key", size(10, 0x7f, 0xff, 0, 0, 0, 0, 0, 1, 0xff, 0xff), "unknown API key"},
		{"key that is not served", size(10, 0, 4, 0, 0, 0, 0, 0, 1, 0xff, 0xff), "LeaderAndIsr v0 is not served"},
		{"client id beyond the frame", size(10, 0, 3, 0, 0, 0, 0, 0, 1, 0x7f, 0xff), "client id"},
		{"array beyond the frame", size(14, 0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff), "cannot be decoded"},
		{"negative version", size(10, 0, 3, 0xff, 0xff, 0, 0, 0, 1, 0xff, 0xff), "is not served"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b.logs.TakeAll()
			c := b.dial()
			_, err := c.conn.Write([]byte(tc.bytes))
			must(t, err)
			c.closed()
			var text strings.Builder
			for _, line := range b.logs.TakeAll() {
				text.WriteString(line.Message)
				for _, f := range line.ContextMap() {
					if s, ok := f.(string); ok {
						text.WriteString(" " + s)
					}
				}
			}
			if !strings.Contains(text.String(), tc.log) {
				t.Errorf("the log says %q, expected %q in it", text.String(), tc.log)
			}
			if len(advertised(good)) == 0 {
				t.Error("another connection is harmed")
			}
		})
	}
}

// TestHalfOpen: connections that announce large requests and stop cost no
// memory of the budget, and are closed after a while.
func TestHalfOpen(t *testing.T) {
	now := clock.NewManual(time.Unix(1_700_000_000, 0))
	b := startBroker(t, options{clock: now, config: func(c *server.Config) { c.RequestBudget = 1 << 20 }})
	var conns []net.Conn
	for range 500 {
		conn, err := net.Dial("tcp", b.addr)
		must(t, err)
		defer func() { _ = conn.Close() }()
		_, err = conn.Write([]byte{0, 0x10, 0, 0, 0, 0, 0, 3}) // 1 MiB announced, 4 bytes sent
		must(t, err)
		conns = append(conns, conn)
	}
	good := b.dial()
	good.createTopic("t", 1)
	if r := good.produce("t", 0, strings.Repeat("x", 100_000)); r.ErrorCode != 0 {
		t.Errorf("produce beside half-open connections: %d", r.ErrorCode)
	}
	// The janitor sees no progress; the good one makes some.
	for b.openConnections() > 1 {
		now.Advance(20 * time.Second)
		advertised(good)
	}
	for _, conn := range conns {
		if n, err := conn.Read(make([]byte, 1)); err == nil || n > 0 {
			t.Fatal("a half-open connection got an answer")
		}
	}
}

// TestNeverReads: a client that leaves its answers unread is closed, and
// blocks nobody.
func TestNeverReads(t *testing.T) {
	b := startBroker(t, options{config: func(c *server.Config) { c.StallMax = 300 * time.Millisecond }})
	setup := b.dial()
	setup.createTopic("t", 1)
	for range 8 {
		if r := setup.produce("t", 0, strings.Repeat("x", 1_000_000)); r.ErrorCode != 0 {
			t.Fatalf("produce: %d", r.ErrorCode)
		}
	}
	c := b.dial()
	req := fetchRequest("t", 0, 0)
	req.SetVersion(12)
	var frames []byte
	for range 20 {
		frames = append(frames, c.frame(req)...)
	}
	_, err := c.conn.Write(frames)
	must(t, err)
	// The server gives up; until then others are served.
	for b.logs.FilterMessage("connection closed").Len() == 0 {
		if len(advertised(setup)) == 0 {
			t.Fatal("another connection is harmed")
		}
	}
}

// fetchRequest asks for one partition without a session.
func fetchRequest(topic string, partition int32, from int64) *kmsg.FetchRequest {
	req := kmsg.NewPtrFetchRequest()
	req.MaxBytes, req.MinBytes, req.SessionEpoch = 50<<20, 1, -1
	p := kmsg.NewFetchRequestTopicPartition()
	p.Partition, p.FetchOffset, p.PartitionMaxBytes = partition, from, 50<<20
	req.Topics = []kmsg.FetchRequestTopic{{Topic: topic, Partitions: []kmsg.FetchRequestTopicPartition{p}}}
	return req
}

// TestLimitPerAddress: one address has no more connections than it may.
func TestLimitPerAddress(t *testing.T) {
	b := startBroker(t, options{static: map[string]string{"max.connections.per.ip": "2"}})
	first, second := b.dial(), b.dial()
	if len(advertised(first)) == 0 || len(advertised(second)) == 0 {
		t.Fatal("connections within the limit are not served")
	}
	b.dial().closed()
	must(t, first.conn.Close())
	for { // the server needs a moment to see that one is gone
		c := b.dial()
		if sendAs(c, 3, newApiVersions()) == nil {
			break
		}
	}
}

// TestIdle: a connection without requests is closed after the time, one with
// requests is not.
func TestIdle(t *testing.T) {
	now := clock.NewManual(time.Unix(1_700_000_000, 0))
	b := startBroker(t, options{clock: now, static: map[string]string{"connections.max.idle.ms": "60000"}})
	idle, busy := b.dial(), b.dial()
	advertised(idle)
	advertised(busy) // else it may not be counted yet
	for b.openConnections() > 1 {
		now.Advance(3 * time.Second)
		advertised(busy)
	}
	idle.closed()
	advertised(busy)
}

// TestHalfARequest: a client that stops in the middle of a large request holds up
// others for a few seconds only, also where clients may stop for an hour.
func TestHalfARequest(t *testing.T) {
	b := startBroker(t, options{config: func(c *server.Config) { c.RequestBudget, c.StallMax = 500_000, time.Hour }})
	good, half := b.dial(), b.dial()
	good.createTopic("t", 1)
	req := produceRequest("t", 0, -1, batchOf(t, strings.Repeat("x", 400_000)))
	req.SetVersion(9)
	_, err := half.conn.Write(half.frame(req)[:200_000])
	must(t, err)
	until(t, "the memory is taken", func() bool { return b.gauge("mainstem_request_buffer_bytes") > 200_000 }, func() { advertised(good) })
	if r := good.produce("t", 0, strings.Repeat("x", 200_000)); r.ErrorCode != 0 {
		t.Fatalf("produce: %d", r.ErrorCode)
	}
	if _, err := half.conn.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("half a request: %v, want the end of the connection", err)
	}
}

// TestAnnouncedOnly: clients that announce much and send little hold little, so
// that others need not even wait: the time stands still here.
func TestAnnouncedOnly(t *testing.T) {
	b := startBroker(t, options{clock: farFuture(), config: func(c *server.Config) { c.RequestBudget = 4 << 20 }})
	good := b.dial()
	good.createTopic("t", 1)
	req := produceRequest("t", 0, -1, batchOf(t, strings.Repeat("x", 1<<20)))
	req.SetVersion(9)
	const clients = 60
	for range clients {
		half := b.dial()
		_, err := half.conn.Write(half.frame(req)[:5000])
		must(t, err)
	}
	until(t, "they have what they get", func() bool {
		return b.gauge("mainstem_request_buffer_bytes") >= clients*32<<10
	}, func() { advertised(good) })
	for range 3 {
		if r := good.produce("t", 0, strings.Repeat("x", 500_000)); r.ErrorCode != 0 {
			t.Fatalf("produce: %d", r.ErrorCode)
		}
	}
}

// TestMemoryWarning: an operator is told that producers wait for memory.
func TestMemoryWarning(t *testing.T) {
	now := farFuture()
	pool := span.NewPool(512 << 10)
	b := startBroker(t, options{clock: now, pool: pool})
	good, third := b.dial(), b.dial()
	good.createTopic("t", 1)
	held, err := pool.Get(t.Context(), 400_000) // by whoever; not by somebody who is closed for it
	must(t, err)
	req := produceRequest("t", 0, -1, batchOf(t, strings.Repeat("x", 400_000)))
	req.SetVersion(9)
	good.send(req)
	until(t, "the request waits", func() bool { return pool.Waiting() > 0 }, runtime.Gosched)
	told := func() bool { return b.logs.FilterMessageSnippet("wait for memory").Len() > 0 }
	until(t, "a warning", told, func() {
		now.Advance(time.Second)
		advertised(third)
	})
	line := b.logs.FilterMessageSnippet("wait for memory").All()[0]
	if m := line.ContextMap(); m["waiting"] != int64(1) || m["half_sent"] != int64(0) {
		t.Errorf("%s %v", line.Message, m)
	}
	held.Release()
	if _, err := good.receiveBytes(); err != nil {
		t.Fatal(err)
	}
}
