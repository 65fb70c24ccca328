package server_test

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/coordinator"
	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/coordinator/txn"
	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/span"
	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/log"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/protocol/batch"
	"github.com/mainstem-mq/mainstem/replication"
	"github.com/mainstem-mq/mainstem/server"
)

// broker is a whole broker in the test's process, on a disk in memory.
type broker struct {
	tb     testing.TB
	addr   string
	server *server.Server
	meta   *cluster.Journal
	groups *coordinator.Groups
	log    *log.Log

	partitions *replication.Partitions
	producers  *server.ProducerIDs
	txns       *txn.Transactions
	markers    *server.Markers

	logs   *observer.ObservedLogs
	closed bool
}

// options say how a test's broker differs from the default.
type options struct {
	clock  clock.Clock // of the server and the groups; the log has the real one
	static map[string]string
	config func(*server.Config)
	pool   *span.Pool
	// fs is the disk of an earlier broker; segment is the size of the log's files.
	fs      *vfs.Mem
	segment int64
	// tuneLog changes the rest of the log's settings.
	tuneLog func(*log.Config)
	// load is called before a coordinator loads a shard from its topic, and may keep it
	// waiting; told hears of transactions.
	load func(topic string)
	told func(txn.Event)
	// hook sees what the log does to the disk; every, what all of the broker does.
	hook, every vfs.Hook
	// node is which broker its partitions take themselves for; 1 is the one that the
	// metadata knows.
	node model.BrokerID
	// refusal is why produce is refused, or nil.
	refusal func() *protocol.Error
	// tune changes the server before it starts.
	tune func(*server.Server)
}

const dataDir = "/data"

// startBroker starts a broker that ends with the test.
func startBroker(tb testing.TB, o options) *broker {
	tb.Helper()
	b := newBroker(tb, o)
	tb.Cleanup(b.close)
	return b
}

// newBroker starts a broker that the test has to close.
func newBroker(tb testing.TB, o options) *broker {
	tb.Helper()
	b := &broker{tb: tb}
	if o.clock == nil {
		o.clock = clock.Real{}
	}
	static := map[string]string{"group.initial.rebalance.delay.ms": "0", "offsets.topic.num.partitions": "4", cluster.TxnPartitionsKey: "4"}
	for k, v := range o.static {
		static[k] = v
	}
	resolver := cluster.NewResolver(static)
	fs := o.fs
	if fs == nil {
		fs = vfs.NewMem()
		must(tb, fs.MkdirAll(dataDir))
	}
	var err error
	var disk vfs.FS = fs
	if o.every != nil {
		disk = vfs.NewFault(fs, o.every)
	}
	b.meta, err = cluster.Open(disk, dataDir, cluster.Options{NodeID: 1})
	must(tb, err)
	logConfig := log.Config{SegmentBytes: cmp.Or(o.segment, 32<<20)}
	if o.tuneLog != nil {
		o.tuneLog(&logConfig)
	}
	b.log, _, err = log.Open(logConfig, log.Env{
		FS: vfs.NewFault(disk, o.hook), Dir: dataDir, Clock: clock.Real{}, Fatal: func(err error) { tb.Error(err) },
		Standing: func(id model.PartitionID) log.Standing { return log.Standing(b.meta.Standing(id)) },
	})
	must(tb, err)
	b.meta.SetUncleanStarts(b.log.UncleanStarts())
	partitions := replication.NewPartitions(replication.Env{
		Log: b.log, Clock: o.clock, Node: cmp.Or(o.node, 1), Image: b.meta.Image,
		Settings:             func(tp *cluster.Topic) *cluster.TopicSettings { return resolver.TopicSettings(b.meta.Image(), tp) },
		ProducerExpirationMs: func() int64 { return 86400000 },
	})
	b.meta.Subscribe(partitions.Changed)
	b.partitions = partitions
	groupConfig := coordinator.DefaultConfig()
	groupConfig.Shards, groupConfig.InitialRebalanceDelay = 4, 0
	b.groups, err = coordinator.New(func() coordinator.Config { return groupConfig }, coordinator.Env{
		Clock: o.clock,
		Journals: func(shard int32) coordinator.Journal {
			return o.held(server.NewOffsetsJournal(partitions, o.clock, shard), cluster.OffsetsTopic)
		},
		View:     func() coordinator.View { return server.GroupView(resolver, b.meta.Image()) },
		LogStart: func(topic string, partition int32) int64 { return server.LogStart(partitions, topic, partition) },
		Refuses:  server.OffsetsRefusal(partitions),
	})
	must(tb, err)
	cfg := server.DefaultConfig()
	cfg.NodeID, cfg.DataDir = 1, dataDir
	cfg.Listeners = []server.Listener{{Name: "PLAINTEXT", Bind: "127.0.0.1:0"}}
	cfg.RequestBudget = 32 << 20
	if o.config != nil {
		o.config(&cfg)
	}
	core, logs := observer.New(zapcore.InfoLevel)
	b.logs = logs
	b.producers = server.NewProducerIDs(b.meta.AllocateProducerIDs, zap.New(core))
	b.markers = server.NewMarkers(partitions, b.groups)
	txnConfig := txn.DefaultConfig()
	txnConfig.Shards = 4
	b.txns, err = txn.New(func() txn.Config { return txnConfig }, txn.Env{
		Clock: o.clock, Events: o.told,
		Journals: func(shard int32) txn.Journal {
			return o.held(server.NewTransactionsJournal(partitions, o.clock, shard), cluster.TransactionsTopic)
		},
		NewProducerID: b.producers.Take,
		WriteMarkers:  b.markers.Finish,
	})
	must(tb, err)
	b.server, err = server.New(cfg, server.Deps{
		ProducerIDs: b.producers, Transactions: b.txns, Markers: b.markers,
		Clock: o.clock, Log: zap.New(core), Metadata: b.meta, Partitions: partitions, Groups: b.groups, Configs: resolver,
		Space: func() (free, total int64, err error) { return 1 << 30, 1 << 31, nil }, Pool: o.pool, Refusal: o.refusal,
	})
	must(tb, err)
	if o.tune != nil {
		o.tune(b.server)
	}
	must(tb, b.server.Start())
	b.addr = b.server.Addresses()[0]
	return b
}

// heldJournal is a journal whose loads have to wait.
type heldJournal struct {
	*server.Journal

	before func()
}

func (j heldJournal) Load(replay func(shard.Record) error) error {
	j.before()
	return j.Journal.Load(replay) //nolint:wrapcheck // It is the journal's.
}

// held has load keep a journal's loads waiting.
func (o *options) held(j *server.Journal, topic string) txn.Journal {
	if o.load == nil {
		return j
	}
	return heldJournal{j, func() { o.load(topic) }}
}

func (b *broker) close() {
	if b.closed {
		return
	}
	b.closed = true
	if b.tb.Failed() {
		for _, line := range b.logs.All() {
			b.tb.Log(line.Message, line.ContextMap())
		}
	}
	must(b.tb, b.server.Close())
	b.txns.Close()
	b.groups.Close()
	b.markers.Close()
	b.producers.Close()
	must(b.tb, b.log.Close())
	must(b.tb, b.meta.Close())
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// patience is for a test that hangs: far more than anything takes, also beside
// many others.
const patience = time.Minute

// until takes steps until something is so.
func until(tb testing.TB, what string, is func() bool, step func()) {
	tb.Helper()
	hangs := clock.Real{}.NewTimer(patience)
	defer hangs.Stop()
	for !is() {
		select {
		case <-hangs.C():
			tb.Fatalf("still not: %s", what)
		default:
			step()
		}
	}
}

// client speaks the protocol over a socket, one request at a time.
type client struct {
	tb   testing.TB
	conn net.Conn
	next int32
	id   string // "": test
}

func (b *broker) dial() *client {
	b.tb.Helper()
	conn, err := net.Dial("tcp", b.addr)
	must(b.tb, err)
	must(b.tb, conn.SetDeadline(time.Now().Add(2*patience))) //nolint:forbidigo // A guard against a test that hangs.
	b.tb.Cleanup(func() { _ = conn.Close() })
	return &client{tb: b.tb, conn: conn}
}

// frame encodes a request.
func (c *client) frame(req kmsg.Request) []byte {
	c.next++
	return kmsg.NewRequestFormatter(kmsg.FormatterClientID(cmp.Or(c.id, "test"))).AppendRequest(nil, req, c.next)
}

func (c *client) send(req kmsg.Request) {
	c.tb.Helper()
	_, err := c.conn.Write(c.frame(req))
	must(c.tb, err)
}

// receive reads the answer to req; the correlation id must be id.
func (c *client) receive(req kmsg.Request, id int32) kmsg.Response {
	c.tb.Helper()
	body, err := c.receiveBytes()
	if err != nil {
		c.tb.Fatalf("answer to %T v%d: %v", req, req.GetVersion(), err)
	}
	if got := int32(binary.BigEndian.Uint32(body)); got != id {
		c.tb.Fatalf("answer to %d, expected %d", got, id)
	}
	body = body[4:]
	if protocol.Key(req.Key()).FlexibleResponseHeader(req.GetVersion()) {
		body = body[1:]
	}
	resp := req.ResponseKind()
	resp.SetVersion(req.GetVersion())
	if err := resp.ReadFrom(body); err != nil {
		c.tb.Fatalf("%T v%d: %v", resp, req.GetVersion(), err)
	}
	return resp
}

func (c *client) receiveBytes() ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(c.conn, size[:]); err != nil {
		return nil, fmt.Errorf("size: %w", err)
	}
	body := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(c.conn, body); err != nil {
		return nil, fmt.Errorf("body: %w", err)
	}
	return body, nil
}

// ask sends a request in a version and returns its answer.
func ask[R kmsg.Response](c *client, version int16, req kmsg.Request) R {
	c.tb.Helper()
	req.SetVersion(version)
	c.send(req)
	resp, ok := c.receive(req, c.next).(R)
	if !ok {
		c.tb.Fatalf("%T is answered by another type", req)
	}
	return resp
}

// closed waits for the server to end the connection.
func (c *client) closed() {
	c.tb.Helper()
	if n, err := c.conn.Read(make([]byte, 1)); err == nil || n > 0 {
		c.tb.Fatal("the connection is still open")
	}
}

// createTopic makes a topic through the protocol.
func (c *client) createTopic(name string, partitions int32, configs ...string) [16]byte {
	c.tb.Helper()
	req := kmsg.NewPtrCreateTopicsRequest()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, partitions, 1
	for i := 0; i < len(configs); i += 2 {
		topic.Configs = append(topic.Configs, kmsg.CreateTopicsRequestTopicConfig{Name: configs[i], Value: &configs[i+1]})
	}
	req.Topics = append(req.Topics, topic)
	resp := ask[*kmsg.CreateTopicsResponse](c, 7, req)
	if code := protocol.ErrorCode(resp.Topics[0].ErrorCode); code != 0 {
		c.tb.Fatalf("create %s: %s %s", name, code, *resp.Topics[0].ErrorMessage)
	}
	return resp.Topics[0].TopicID
}

// batchOf builds a record batch of the values.
func batchOf(tb testing.TB, values ...string) []byte {
	tb.Helper()
	b := batch.NewBuilder(batch.None)
	for _, v := range values {
		b.Add(1_700_000_000_000, []byte("k"), []byte(v))
	}
	out, err := b.Build(nil)
	must(tb, err)
	return out
}

// produceRequest asks to append one batch to a partition.
func produceRequest(topic string, partition int32, acks int16, records []byte) *kmsg.ProduceRequest {
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis = acks, 10000
	req.Topics = []kmsg.ProduceRequestTopic{{
		Topic: topic, Partitions: []kmsg.ProduceRequestTopicPartition{{Partition: partition, Records: records}},
	}}
	return req
}

// produce appends and returns the partition's answer.
func (c *client) produce(topic string, partition int32, values ...string) kmsg.ProduceResponseTopicPartition {
	c.tb.Helper()
	resp := ask[*kmsg.ProduceResponse](c, 9, produceRequest(topic, partition, -1, batchOf(c.tb, values...)))
	return resp.Topics[0].Partitions[0]
}

// valuesOf lists the records' values in fetched bytes.
func valuesOf(tb testing.TB, raw []byte) []string {
	tb.Helper()
	var out []string
	for b, err := range batch.Split(raw) {
		must(tb, err)
		must(tb, batch.Records(b.Bytes, &b.Header, 1<<20, func(r batch.Record) error {
			out = append(out, string(r.Value))
			return nil
		}))
	}
	return out
}

// metricsText is what /metrics would show.
func (b *broker) metricsText() []byte {
	b.tb.Helper()
	reg := prometheus.NewRegistry()
	reg.MustRegister(b.server.Collector())
	families, err := reg.Gather()
	must(b.tb, err)
	var out bytes.Buffer
	for _, f := range families {
		_, err := expfmt.MetricFamilyToText(&out, f)
		must(b.tb, err)
	}
	return out.Bytes()
}

// openConnections is what the broker counts.
func (b *broker) openConnections() int {
	b.tb.Helper()
	for line := range strings.Lines(string(b.metricsText())) {
		if n, ok := strings.CutPrefix(line, "mainstem_connections "); ok {
			count, err := strconv.Atoi(strings.TrimSpace(n))
			must(b.tb, err)
			return count
		}
	}
	b.tb.Fatal("the number of connections is not shown")
	return 0
}
