package importing

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// Topics of the source.
const (
	everyKind = "kinds"     // codecs, headers, tombstones, null and empty keys, old timestamps
	stamped   = "stamped"   // LogAppendTime
	compacted = "compacted" // with gaps
	beheaded  = "beheaded"  // its log starts within a batch
	emptied   = "emptied"   // all was deleted
	unused    = "unused"
	txns      = "txns" // commits and aborts; it ends with an abort
	bulk      = "bulk" // enough to be killed at
)

var allTopics = strings.Join([]string{everyKind, stamped, compacted, beheaded, emptied, unused, txns, bulk}, ",")

// began is when the oldest records are of.
var began = time.UnixMilli(1_000_000_000_123)

// fill makes the topics of the source.
func (w *world) fill() {
	w.t.Helper()
	w.topic(everyKind, 3, "retention.ms", "-1", "max.message.bytes", "2000000", "segment.bytes", "2097152")
	w.topic(stamped, 1, "message.timestamp.type", "LogAppendTime")
	w.topic(compacted, 2, "cleanup.policy", "compact", "segment.ms", "100", "min.cleanable.dirty.ratio", "0.01", "delete.retention.ms", "86400000")
	w.topic(beheaded, 1, "retention.ms", "-1")
	w.topic(emptied, 1)
	w.topic(unused, 1)
	w.topic(txns, 2)
	w.topic(bulk, 2)
	for i, codec := range []kgo.CompressionCodec{
		kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression(),
	} {
		p := w.producer(kgo.ProducerBatchCompression(codec))
		for n := range 300 {
			w.send(p, everyKind, int32(n%3), w.anyRecord(i, n))
		}
		w.send(p, everyKind, 0, &kgo.Record{Value: noise(600_000), Timestamp: began})
		for n := range 100 {
			w.send(p, stamped, 0, &kgo.Record{Value: fmt.Appendf(nil, "%d", n), Timestamp: began})
		}
		w.must(p.Flush(w.ctx))
	}
	w.fillCompacted()
	w.fillDeleted()
	w.fillTxns()
	p := w.producer(kgo.ProducerBatchMaxBytes(64 << 10))
	for n := range 24 << 10 {
		w.send(p, bulk, int32(n%2), &kgo.Record{Key: fmt.Appendf(nil, "%d", n), Value: noise(1000)})
	}
	w.must(p.Flush(w.ctx))
}

func (w *world) topic(name string, partitions int32, configs ...string) {
	w.t.Helper()
	set := map[string]*string{}
	for i := 0; i < len(configs); i += 2 {
		set[configs[i]] = &configs[i+1]
	}
	_, err := w.sourceAdmin().CreateTopic(w.ctx, partitions, 1, set, name)
	w.must(err)
	testbroker.Eventually(w.t, time.Minute, func() error {
		ends, err := w.sourceAdmin().ListEndOffsets(w.ctx, name)
		return errors.Join(err, ends.Error())
	})
}

func (w *world) producer(opts ...kgo.Opt) *kgo.Client {
	return w.client(w.source, append([]kgo.Opt{
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(5 * time.Millisecond), kgo.ProducerBatchMaxBytes(1_900_000),
	}, opts...)...)
}

func (w *world) send(p *kgo.Client, topic string, partition int32, r *kgo.Record) {
	r.Topic, r.Partition = topic, partition
	p.Produce(w.ctx, r, func(_ *kgo.Record, err error) {
		if err != nil {
			w.t.Errorf("produce to %s: %v", topic, err)
		}
	})
}

func noise(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return b
}

// anyRecord has what records can have.
func (w *world) anyRecord(codec, n int) *kgo.Record {
	r := &kgo.Record{Key: fmt.Appendf(nil, "k%d", n), Value: bytes.Repeat(fmt.Appendf(nil, "%d.%d ", codec, n), n%50), Timestamp: began.Add(time.Duration(n*n) * time.Minute)}
	switch n % 7 {
	case 0:
		r.Key = nil
	case 1:
		r.Value = nil
	case 2:
		r.Key, r.Value = []byte{}, []byte{}
	case 3:
		r.Headers = []kgo.RecordHeader{{Key: "a", Value: []byte("x")}, {Key: "a", Value: nil}, {Key: "", Value: []byte{}}}
	case 4:
		r.Key, r.Value = nil, nil
	}
	return r
}

// fillCompacted writes keys again and again, and waits until the cleaner has made gaps.
func (w *world) fillCompacted() {
	w.t.Helper()
	p := w.producer(kgo.ProducerBatchCompression(kgo.Lz4Compression()), kgo.ProducerBatchMaxBytes(4<<10))
	written := 0
	for round := range 6 {
		for n := range 400 {
			r := &kgo.Record{Key: fmt.Appendf(nil, "k%d", n*(1+round%3)), Value: fmt.Appendf(nil, "%d of %d", round, n)}
			if n%11 == round {
				r.Value = nil
			}
			w.send(p, compacted, int32(n%2), r)
			written++
		}
		w.must(p.Flush(w.ctx))
		testbroker.Eventually(w.t, time.Minute, func() error { // a segment's age is that of its records
			w.send(p, compacted, int32(round%2), &kgo.Record{Key: []byte("roll"), Value: noise(10)})
			written++
			return p.Flush(w.ctx)
		})
	}
	testbroker.Eventually(w.t, 2*time.Minute, func() error {
		for i := range int32(2) {
			w.send(p, compacted, i, &kgo.Record{Key: []byte("roll"), Value: noise(10)})
			written++
		}
		w.must(p.Flush(w.ctx))
		if left := len(w.read(w.source, compacted).records); left > written*2/3 {
			return fmt.Errorf("%d of %d records are left", left, written)
		}
		return nil
	})
	// From here on neither broker takes anything out of it, so that they can be compared.
	resp, err := w.sourceAdmin().AlterTopicConfigs(w.ctx, []kadm.AlterConfig{{Name: "min.compaction.lag.ms", Value: kadm.StringPtr("86400000")}}, compacted)
	w.must(err)
	w.must(resp[0].Err)
}

func (w *world) fillDeleted() {
	w.t.Helper()
	p := w.producer(kgo.ProducerLinger(50 * time.Millisecond))
	for n := range 1000 {
		w.send(p, beheaded, 0, &kgo.Record{Value: fmt.Appendf(nil, "%d", n)})
		w.send(p, emptied, 0, &kgo.Record{Value: fmt.Appendf(nil, "%d", n)})
	}
	w.must(p.Flush(w.ctx))
	var all kadm.Offsets
	all.AddOffset(beheaded, 0, 505, -1)
	all.AddOffset(emptied, 0, 1000, -1)
	_, err := w.sourceAdmin().DeleteRecords(w.ctx, all)
	w.must(err)
}

func (w *world) fillTxns() {
	w.t.Helper()
	p := w.producer(kgo.TransactionalID("source"), kgo.ProducerBatchCompression(kgo.SnappyCompression()))
	plain := w.producer()
	for n := range 12 {
		w.must(p.BeginTransaction())
		for i := range 20 + n {
			w.send(p, txns, int32(i%2), &kgo.Record{Key: fmt.Appendf(nil, "%d", n), Value: fmt.Appendf(nil, "in %d, %d", n, i)})
			if i%10 == 0 {
				w.must(p.Flush(w.ctx))
				w.send(plain, txns, int32(i%2), &kgo.Record{Value: fmt.Appendf(nil, "between %d, %d", n, i)})
				w.must(plain.Flush(w.ctx))
			}
		}
		w.must(p.Flush(w.ctx))
		w.must(p.EndTransaction(w.ctx, kgo.TransactionEndTry(n%3 == 0)))
	}
}

// consumeSome has Kafka's console consumer read some records in a group.
func (w *world) consumeSome(group, protocol, topic string) {
	w.t.Helper()
	out, err := harness.JavaTool(w.ctx, "", "org.apache.kafka.tools.consumer.ConsoleConsumer", "--bootstrap-server", w.source.Addr(),
		"--topic", topic, "--group", group, "--from-beginning", "--max-messages", "50", "--timeout-ms", "60000",
		"--command-property", "group.protocol="+protocol)
	if err != nil || out.Code != 0 {
		w.t.Fatalf("console consumer: %v\n%s%s", err, out.Stdout, out.Stderr)
	}
}
