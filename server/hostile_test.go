package server_test

import (
	"bytes"
	"errors"
	"io"
	"math"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/span"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/server"
)

// syncRequest is a SyncGroup of nobody's, of about so many bytes.
func syncRequest(size int) *kmsg.SyncGroupRequest {
	req := kmsg.NewPtrSyncGroupRequest()
	req.SetVersion(3)
	req.Group, req.MemberID = "g", "nobody"
	req.GroupAssignment = []kmsg.SyncGroupRequestGroupAssignment{{MemberID: "nobody", MemberAssignment: make([]byte, size)}}
	return req
}

// parkedFetch waits for records as long as a request can say.
func parkedFetch(topic string) *kmsg.FetchRequest {
	req := fetchRequest(topic, 0, 0)
	req.SetVersion(12)
	req.MaxWaitMillis = math.MaxInt32
	return req
}

// TestLargeBehindParked: a large request behind a fetch that waits for weeks
// wakes it instead of waiting with the memory of all requests in hand.
func TestLargeBehindParked(t *testing.T) {
	b := startBroker(t, options{config: func(c *server.Config) { c.RequestBudget = 1 << 20 }})
	c, other := b.dial(), b.dial()
	other.createTopic("t", 1)
	poll, large := parkedFetch("t"), syncRequest(2<<20)
	c.send(poll)
	c.send(large)
	c.receive(poll, c.next-1)
	c.receive(large, c.next)
	c.send(poll)
	produce := produceRequest("t", 0, -1, batchOf(t, strings.Repeat("x", 100_000)))
	produce.SetVersion(9)
	c.send(produce)
	c.receive(poll, c.next-1)
	c.receive(produce, c.next)
	if r := other.produce("t", 0, strings.Repeat("x", 500_000)); r.ErrorCode != 0 {
		t.Errorf("produce: %d", r.ErrorCode)
	}
}

// group makes a group that awaits its assignment, of a leader and of a member
// with so much metadata. It returns the leader's next request.
func (b *broker) group(leader, member *client, metadata int) *kmsg.JoinGroupRequest {
	b.tb.Helper()
	find := kmsg.NewPtrFindCoordinatorRequest()
	find.CoordinatorKey = "g"
	ask[*kmsg.FindCoordinatorResponse](leader, 3, find)
	join := func(size int) *kmsg.JoinGroupRequest {
		req := kmsg.NewPtrJoinGroupRequest()
		req.SetVersion(3)
		req.Group, req.SessionTimeoutMillis, req.RebalanceTimeoutMillis, req.ProtocolType = "g", 30_000, 60_000, "consumer"
		req.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range", Metadata: make([]byte, size)}}
		return req
	}
	first := join(1)
	for first.MemberID == "" {
		first.MemberID = ask[*kmsg.JoinGroupResponse](leader, 3, first).MemberID
	}
	member.send(join(metadata))
	for {
		resp := ask[*kmsg.JoinGroupResponse](leader, 3, first)
		if resp.ErrorCode != 0 {
			b.tb.Fatalf("join: %s", protocol.ErrorCode(resp.ErrorCode))
		}
		if len(resp.Members) == 2 {
			return first
		}
	}
}

// TestLargeBehindJoin: what waits for other clients cannot be woken, so a large
// request behind it is not read yet, and nobody waits for its memory.
func TestLargeBehindJoin(t *testing.T) {
	b := startBroker(t, options{config: func(c *server.Config) { c.RequestBudget, c.AnswerBudget = 8<<20, 1<<20 }})
	leader, hog, good := b.dial(), b.dial(), b.dial()
	good.createTopic("t", 1)
	b.group(leader, b.dial(), 1)
	// The leader does not come back, so this one waits.
	hog.send(waitingJoin())
	frame := hog.frame(syncRequest(8 << 20))
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_, _ = hog.conn.Write(frame) // until the connection is closed
	}()
	for range 100 {
		if r := good.produce("t", 0, strings.Repeat("x", 10_000)); r.ErrorCode != 0 {
			t.Fatalf("produce: %d", r.ErrorCode)
		}
		if code := ask[*kmsg.SyncGroupResponse](good, 3, syncRequest(300_000)).ErrorCode; code == 0 {
			t.Fatal("a stranger is in the group")
		}
	}
	must(t, hog.conn.Close())
	<-sent
}

// hog asks for much and reads nothing; it is blocked when it returns.
func (b *broker) hog(other *client, req kmsg.Request, times int) *client {
	b.tb.Helper()
	hog := b.dial()
	must(b.tb, hog.conn.(*net.TCPConn).SetReadBuffer(4096))
	var frames []byte
	for range times {
		frames = append(frames, hog.frame(req)...)
	}
	go func() { _, _ = hog.conn.Write(frames) }()
	written := func() float64 { return b.gauge("mainstem_response_bytes_total") }
	one := len(mustFrame(b.tb, other, newApiVersionsOf(3))) + 4
	for still := 0; still < 200; still++ {
		before := written()
		advertised(other)
		if b.gauge("mainstem_answer_bytes") == 0 || written()-before != float64(one) {
			still = 0
		}
	}
	return hog
}

//nolint:revive // Kafka's spelling.
func newApiVersionsOf(version int16) *kmsg.ApiVersionsRequest {
	req := newApiVersions()
	req.SetVersion(version)
	return req
}

// TestUnreadAnswerHoldsNoRequest: while an answer waits for its client, the
// bytes of its request are not kept.
func TestUnreadAnswerHoldsNoRequest(t *testing.T) {
	const topics = 4000
	b := startBroker(t, options{})
	c := b.dial()
	c.createMany(topics)
	req := kmsg.NewPtrMetadataRequest()
	req.SetVersion(9)
	for _, topic := range ask[*kmsg.MetadataResponse](c, 9, allTopicsRequest()).Topics {
		req.Topics = append(req.Topics, kmsg.MetadataRequestTopic{Topic: topic.Topic})
	}
	b.hog(c, req, 20)
	if held := server.RequestBytes(b.server); held != 0 {
		t.Errorf("%d bytes of requests are held", held)
	}
}

// TestUnreadAnswersStayHere: the kernel keeps little of what a client does not read.
func TestUnreadAnswersStayHere(t *testing.T) {
	const topics, most = 4000, 1 << 20 // the client's own buffer is in it
	b := startBroker(t, options{})
	c := b.dial()
	c.createMany(topics)
	req := allTopicsRequest()
	one := len(mustFrame(t, c, req))
	before := b.gauge("mainstem_response_bytes_total")
	b.hog(c, req, 16*most/one)
	if took := b.gauge("mainstem_response_bytes_total") - before; took > most {
		t.Errorf("%.0f bytes of answers of %d are with the kernel", took, one)
	}
}

// TestUnreadJoins: answers with the metadata of others count, and are made one
// after the other.
func TestUnreadJoins(t *testing.T) {
	const metadata, times = 1 << 20, 60
	b := startBroker(t, options{})
	leader := b.dial()
	join := b.group(leader, b.dial(), metadata)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	first := leader.next + 1
	for range times {
		leader.send(join)
	}
	other := b.dial()
	for b.gauge("mainstem_answer_bytes") < metadata {
		advertised(other)
	}
	for range 100 {
		advertised(other)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if took := int64(after.HeapAlloc) - int64(before.HeapAlloc); took > times*metadata/4 {
		t.Errorf("%d answers of %d bytes that nobody reads take %d", times, metadata, took)
	}
	for i := range int32(times) {
		resp, _ := leader.receive(join, first+i).(*kmsg.JoinGroupResponse)
		if len(resp.Members) != 2 {
			t.Fatalf("answer %d: %d members, %s", i, len(resp.Members), protocol.ErrorCode(resp.ErrorCode))
		}
	}
}

// The clocks of the next two tests stand in a far future: the deadlines that
// are made of them do not pass, as if bytes moved now and then.
func farFuture() *clock.Manual { return clock.NewManual(time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)) }

// TestSlowReader: a client that takes a large answer slowly is left alone, until
// somebody else needs the memory.
func TestSlowReader(t *testing.T) {
	const topics = 4000
	now := farFuture()
	b := startBroker(t, options{clock: now, config: func(c *server.Config) { c.AnswerBudget = 1 << 20 }})
	other := b.dial()
	other.createMany(topics)
	hog := b.hog(other, allTopicsRequest(), 30)
	defer func() { _ = hog.conn.Close() }()
	for range 20 {
		now.Advance(10 * time.Second)
		advertised(other)
	}
	if b.logs.FilterMessage("connection closed").Len() != 0 || b.openConnections() != 2 {
		t.Fatal("a slow client is closed although nobody waits")
	}
	good := b.dial()
	good.send(allTopicsRequest())
	answered := make(chan int, 1)
	go func() {
		body, _ := good.receiveBytes()
		answered <- len(body)
	}()
	until(t, "a slow client gives up the memory that others wait for", func() bool { return len(answered) > 0 }, func() {
		now.Advance(time.Second)
		advertised(other)
	})
	if n := <-answered; n < topics*200 {
		t.Fatalf("an answer of %d bytes", n)
	}
}

// TestSlowSender: the same for the memory of requests.
func TestSlowSender(t *testing.T) {
	pool := span.NewPool(64 << 10)
	now := farFuture()
	b := startBroker(t, options{clock: now, pool: pool})
	other, good, hog := b.dial(), b.dial(), b.dial()
	other.createTopic("t", 1)
	frame := hog.frame(produceRequest("t", 0, -1, make([]byte, 50_000)))
	rest := bytes.NewReader(frame)
	send := func(n int64) { _, _ = io.CopyN(hog.conn, rest, n) }
	send(3000)
	for pool.InUse() == 0 {
		advertised(other)
	}
	// The janitor must see each byte, or it takes the client for a stopped one.
	step := func() {
		before := server.BytesRead(b.server)
		send(1)
		until(t, "a byte arrives, or the connection ends", func() bool {
			return server.BytesRead(b.server) > before || b.openConnections() != 3
		}, runtime.Gosched)
		now.Advance(time.Second)
		advertised(other)
	}
	for range 100 {
		step()
	}
	if pool.InUse() == 0 {
		t.Fatal("a slow client is closed although nobody waits")
	}
	produce := produceRequest("t", 0, -1, batchOf(t, strings.Repeat("x", 20_000)))
	produce.SetVersion(9)
	good.send(produce)
	answered := make(chan error, 1)
	go func() {
		_, err := good.receiveBytes()
		answered <- err
	}()
	until(t, "a slow client gives up the memory that others wait for", func() bool { return len(answered) > 0 }, step)
	must(t, <-answered)
	if rest.Len() == 0 {
		t.Error("the slow client has sent all: the test shows nothing")
	}
}

// TestCloseWaiting: who waits for memory to start a request does not hold Close
// up.
func TestCloseWaiting(t *testing.T) {
	b := startBroker(t, options{config: func(c *server.Config) { c.AnswerBudget, c.DrainMax = 1<<20, time.Minute }})
	other := b.dial()
	other.createMany(4000)
	hog := b.hog(other, allTopicsRequest(), 30)
	waiting := b.dial()
	waiting.send(allTopicsRequest())
	for server.AnswersWaiting(b.server) == 0 {
		advertised(other)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.close()
	}()
	if n, err := waiting.conn.Read(make([]byte, 1)); n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%d bytes and %v, expected the end of the connection", n, err)
	}
	must(t, hog.conn.Close())
	<-done
}

// TestParkedMemory: fetches without session that wait for news are counted; one
// that does not fit is answered at once.
func TestParkedMemory(t *testing.T) {
	const partitions = 2000
	b := startBroker(t, options{config: func(c *server.Config) { c.AnswerBudget = 900 << 10 }})
	first, second := b.dial(), b.dial()
	first.createTopic("t", partitions)
	req := parkedFetch("t")
	p := req.Topics[0].Partitions[0]
	req.Topics[0].Partitions = nil
	for i := range int32(partitions) {
		p.Partition = i
		req.Topics[0].Partitions = append(req.Topics[0].Partitions, p)
	}
	first.send(req)
	for server.ParkedBytes(b.server) == 0 {
		advertised(second)
	}
	resp := ask[*kmsg.FetchResponse](second, 12, req)
	if n := len(resp.Topics[0].Partitions); n != partitions {
		t.Errorf("%d partitions are answered", n)
	}
	second.produce("t", 7, "v")
	if got := summary(t, first.receive(req, first.next).(*kmsg.FetchResponse))["t-7"]; got != "v" {
		t.Errorf("the parked one got %q", got)
	}
	for server.ParkedBytes(b.server) != 0 {
		advertised(second)
	}
}

// TestSessionMemory: a session that grows with every request ends before it
// takes more than all sessions may, and a request too large for one is served
// without.
func TestSessionMemory(t *testing.T) {
	const budget, each = 1 << 20, 500
	b := startBroker(t, options{config: func(c *server.Config) { c.AnswerBudget = budget }})
	c := b.dial()
	c.createTopic("t", 1)
	grow := func(req *kmsg.FetchRequest, from, to int32) *kmsg.FetchRequest {
		p := kmsg.NewFetchRequestTopicPartition()
		for p.Partition = from; p.Partition < to; p.Partition++ {
			req.Topics[0].Partitions = append(req.Topics[0].Partitions, p)
		}
		return req
	}
	id := ask[*kmsg.FetchResponse](c, 12, sessionFetch(0, 0, map[string]int64{"t": 0})).SessionID
	epoch := int32(0)
	for code := protocol.NoError; code == protocol.NoError; {
		if epoch++; epoch > budget/(256*each) {
			t.Fatalf("%d partitions are in a session", epoch*each)
		}
		req := grow(sessionFetch(id, epoch, map[string]int64{"t": 0}), epoch*each, (epoch+1)*each)
		code = protocol.ErrorCode(ask[*kmsg.FetchResponse](c, 12, req).ErrorCode)
		if code != protocol.NoError && code != protocol.FetchSessionIDNotFound {
			t.Fatalf("in epoch %d: %s", epoch, code)
		}
		if n := b.gauge("mainstem_fetch_session_bytes"); n > budget {
			t.Fatalf("in epoch %d: sessions take %v bytes", epoch, n)
		}
	}
	if n := b.gauge("mainstem_fetch_session_bytes"); n != 0 || epoch < 3 {
		t.Errorf("ended in epoch %d, %v bytes are counted still", epoch, n)
	}
	c.produce("t", 0, "v")
	large := grow(sessionFetch(0, 0, map[string]int64{"t": 0}), 1, budget/256)
	resp := ask[*kmsg.FetchResponse](c, 12, large)
	if got := summary(t, resp)["t-0"]; resp.SessionID != 0 || resp.ErrorCode != 0 || got != "v" {
		t.Errorf("session %d, error %d, %q", resp.SessionID, resp.ErrorCode, got)
	}
}
