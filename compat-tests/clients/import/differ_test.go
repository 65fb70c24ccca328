package importing

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// forgedAt is where another importer than the one under test writes.
const forgedAt = 5

// forged is a batch of one record that somebody writes to a topic under import.
type forged struct {
	value      string
	timestamp  int64
	attributes int16
	delta      int32 // last offset
}

// TestDifference: a copy that is not the same is found out, whatever is different, and is
// not opened for producers.
func TestDifference(t *testing.T) {
	testbroker.Quick(t)
	w := newWorld(t)
	var stamp int64 = 1_700_000_000_000
	right := forged{value: "value 5", timestamp: stamp + forgedAt}
	for name, c := range map[string]struct {
		change  func(*forged)
		aborted bool // the source's record there
		says    string
	}{
		"same":      {change: func(*forged) {}},
		"value":     {change: func(f *forged) { f.value = "value 6" }, says: "offset 5: its record is another one"},
		"timestamp": {change: func(f *forged) { f.timestamp++ }, says: "offset 5: its record is another one"},
		"kind":      {change: func(f *forged) { f.attributes = 8 }, says: "offset 5: its record is another one"},
		"missing":   {change: func(f *forged) { f.delta = 1 }, says: "offset 6: the target has no record there"},
		"more":      {change: func(f *forged) { f.delta = 1 }, aborted: true, says: "offset 5: the source has no record there"},
		"beyond":    {change: func(f *forged) { f.delta = 1 << 20 }, says: "the source has lost records"},
	} {
		w.topic(name, 1)
		p := w.producer(kgo.TransactionalID(name))
		send := func(from, to int64, end kgo.TransactionEndTry) {
			w.must(p.BeginTransaction())
			for n := from; n < to; n++ {
				w.send(p, name, 0, &kgo.Record{Value: fmt.Appendf(nil, "value %d", n), Timestamp: time.UnixMilli(stamp + n)})
				w.must(p.Flush(w.ctx)) // a batch for each
			}
			w.must(p.EndTransaction(w.ctx, end))
			w.awaitStable(name, to+1)
		}
		send(0, forgedAt-1, kgo.TryCommit) // and the marker
		w.end(w.begin("--topics", name, "--no-groups"))
		f := right
		next := int64(forgedAt)
		if c.change(&f); c.aborted {
			send(next, next+1, kgo.TryAbort)
			next += 2
		}
		send(next, next+forgedAt, kgo.TryCommit)
		if err := w.forge(name, &f); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if c.says == "" {
			w.end(w.begin("--topics", name, "--no-groups", "--finish"))
			w.same(name)
			continue
		}
		w.refused(c.says, "--topics", name, "--no-groups", "--finish")
		if err := w.forge(name, &f); !errors.Is(err, kerr.OffsetOutOfRange) {
			t.Errorf("%s: the topic is no more under import: %v", name, err)
		}
	}
}

// awaitStable waits for the marker of a transaction, which comes after the answer.
func (w *world) awaitStable(topic string, end int64) {
	w.t.Helper()
	testbroker.Eventually(w.t, time.Minute, func() error {
		stable, err := w.sourceAdmin().ListCommittedOffsets(w.ctx, topic)
		if o, _ := stable.Lookup(topic, 0); err == nil && o.Offset != end {
			return fmt.Errorf("%s is stable up to %d, not %d", topic, o.Offset, end)
		}
		return err
	})
}

// forge writes a batch to a topic under import, as an importer does.
func (w *world) forge(topic string, f *forged) error {
	w.t.Helper()
	all, err := w.targetAdmin().DescribeTopicConfigs(w.ctx, topic)
	w.must(err)
	source := ""
	for _, c := range all[0].Configs {
		if c.Key == "mainstem.import.source" {
			source = c.MaybeValue()
		}
	}
	meta, err := w.targetAdmin().Metadata(w.ctx, topic)
	w.must(err)
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis = -1, 10_000
	req.UnknownTags.Set(19795, []byte(source))
	t, p := kmsg.NewProduceRequestTopic(), kmsg.NewProduceRequestTopicPartition()
	t.Topic, t.TopicID = topic, meta.Topics[topic].ID
	p.Records = f.batch()
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	resp, err := w.to.Broker(int(meta.Topics[topic].Partitions[0].Leader)).Request(w.ctx, req)
	w.must(err)
	produced, _ := resp.(*kmsg.ProduceResponse)
	return kerr.ErrorForCode(produced.Topics[0].Partitions[0].ErrorCode)
}

func (f *forged) batch() []byte {
	const (
		atLength = 8
		atCRC    = 17
		atBody   = 21 // the CRC counts from here
	)
	body := append([]byte{0, 0, 0}, kbin.AppendVarintBytes(nil, nil)...) // attributes, deltas of time and offset, no key
	body = kbin.AppendVarintBytes(body, []byte(f.value))
	body = kbin.AppendVarint(body, 0) // no headers
	b := kmsg.RecordBatch{
		FirstOffset: forgedAt, PartitionLeaderEpoch: -1, Magic: 2, Attributes: f.attributes, LastOffsetDelta: f.delta,
		FirstTimestamp: f.timestamp, MaxTimestamp: f.timestamp, ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1,
		NumRecords: 1, Records: append(kbin.AppendVarint(nil, int32(len(body))), body...),
	}
	raw := b.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[atLength:], uint32(len(raw)-12))
	binary.BigEndian.PutUint32(raw[atCRC:], crc32.Checksum(raw[atBody:], crc32.MakeTable(crc32.Castagnoli)))
	return raw
}
