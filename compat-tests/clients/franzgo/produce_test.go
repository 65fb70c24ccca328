package franzgo

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

func numbered(prefix string, i int) []byte { return fmt.Appendf(nil, "%s%d", prefix, i) }

// TestProduceConsume: produce and consume with each codec, acks 0, 1 and all, idempotent and not.
func TestProduceConsume(t *testing.T) {
	acks := map[string][]kgo.Opt{
		"acks=0":         {kgo.RequiredAcks(kgo.NoAck()), kgo.DisableIdempotentWrite()},
		"acks=1":         {kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite()},
		"acks=all":       {kgo.RequiredAcks(kgo.AllISRAcks()), kgo.DisableIdempotentWrite()},
		"acks=all,idemp": {kgo.RequiredAcks(kgo.AllISRAcks())},
	}
	codecs := map[string]kgo.CompressionCodec{
		"none":   kgo.NoCompression(),
		"gzip":   kgo.GzipCompression(),
		"snappy": kgo.SnappyCompression(),
		"lz4":    kgo.Lz4Compression(),
		"zstd":   kgo.ZstdCompression(),
	}
	for ackName, opts := range acks {
		for codecName, codec := range codecs {
			t.Run(ackName+","+codecName, func(t *testing.T) {
				name := topic(t, 2, nil)
				cl := client(t, manual(append(opts, kgo.ProducerBatchCompression(codec), kgo.ConsumeTopics(name))...)...)
				for p := range int32(2) {
					produce(t, cl, values(name, p, fmt.Sprintf("%d:", p), 100)...)
				}
				next := map[int32]int64{}
				for _, r := range poll(t, cl, 200) {
					want := numbered(fmt.Sprintf("%d:", r.Partition), int(next[r.Partition]))
					if r.Offset != next[r.Partition] || !bytes.Equal(r.Value, want) {
						t.Fatalf("partition %d: offset %d value %q, want %d %q", r.Partition, r.Offset, r.Value, next[r.Partition], want)
					}
					next[r.Partition]++
				}
			})
		}
	}
}

// TestRecordFields: keys, values, headers, timestamps, null and empty.
func TestRecordFields(t *testing.T) {
	name := topic(t, 1, nil)
	cl := client(t, kgo.ConsumeTopics(name))
	at := time.UnixMilli(time.Now().Add(-time.Hour).UnixMilli())
	want := []*kgo.Record{
		{Key: []byte("k"), Value: []byte("v"), Timestamp: at, Headers: []kgo.RecordHeader{{Key: "h", Value: []byte("1")}, {Key: "h", Value: []byte("2")}, {Key: "nil"}}},
		{Key: []byte("gone"), Value: nil, Timestamp: at.Add(time.Millisecond)}, // A tombstone.
		{Key: nil, Value: []byte{}, Timestamp: at.Add(-time.Minute)},           // An earlier time, an empty value.
		{Key: []byte{}, Value: []byte{0, 255, 10}, Timestamp: at},
	}
	for _, r := range want {
		r.Topic = name
	}
	produce(t, cl, want...)
	for i, got := range poll(t, cl, len(want)) {
		w := want[i]
		if !same(got.Key, w.Key) || !same(got.Value, w.Value) || !got.Timestamp.Equal(w.Timestamp) {
			t.Errorf("record %d: key %q value %q time %v, want %q %q %v", i, got.Key, got.Value, got.Timestamp, w.Key, w.Value, w.Timestamp)
		}
		if len(got.Headers) != len(w.Headers) {
			t.Fatalf("record %d: %d headers, want %d", i, len(got.Headers), len(w.Headers))
		}
		for j, h := range got.Headers {
			if h.Key != w.Headers[j].Key || !same(h.Value, w.Headers[j].Value) {
				t.Errorf("record %d header %d: %q=%q, want %q=%q", i, j, h.Key, h.Value, w.Headers[j].Key, w.Headers[j].Value)
			}
		}
		if got.Attrs.TimestampType() != 0 {
			t.Errorf("record %d: timestamp type %d, want CreateTime", i, got.Attrs.TimestampType())
		}
	}
}

// same tells nil (null on the wire) from empty.
func same(a, b []byte) bool { return bytes.Equal(a, b) && (a == nil) == (b == nil) }

// TestLogAppendTime: a topic with the broker's time.
func TestLogAppendTime(t *testing.T) {
	name := topic(t, 1, map[string]string{"message.timestamp.type": "LogAppendTime"})
	for _, codec := range []kgo.CompressionCodec{kgo.NoCompression(), kgo.ZstdCompression()} {
		cl := client(t, kgo.ProducerBatchCompression(codec), kgo.ConsumeTopics(name))
		before := time.Now().Add(-time.Second)
		produce(t, cl, &kgo.Record{Topic: name, Value: bytes.Repeat([]byte("v"), 100), Timestamp: time.UnixMilli(1000)})
		r := poll(t, cl, 1)[0]
		if r.Attrs.TimestampType() != 1 || r.Timestamp.Before(before) || r.Timestamp.After(time.Now().Add(time.Second)) {
			t.Errorf("type %d time %v, want the append time", r.Attrs.TimestampType(), r.Timestamp)
		}
		if _, err := admin(t).DeleteRecords(testContext(t), kadm.Offsets{name: {0: {Topic: name, At: -1}}}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTimestampBounds: timestamps too far off are refused.
func TestTimestampBounds(t *testing.T) {
	name := topic(t, 1, map[string]string{"message.timestamp.before.max.ms": "60000", "message.timestamp.after.max.ms": "60000"})
	cl := client(t)
	for what, at := range map[string]time.Time{"early": time.Now().Add(-2 * time.Minute), "late": time.Now().Add(2 * time.Minute)} {
		err := cl.ProduceSync(testContext(t), &kgo.Record{Topic: name, Value: []byte("v"), Timestamp: at}).FirstErr()
		if !errors.Is(err, kerr.InvalidTimestamp) {
			t.Errorf("%s: %v, want INVALID_TIMESTAMP", what, err)
		}
	}
	produce(t, client(t), &kgo.Record{Topic: name, Value: []byte("v")})
}

// TestMessageSizes: records up to the limit, and over it.
func TestMessageSizes(t *testing.T) {
	name := topic(t, 1, map[string]string{"max.message.bytes": "200000"})
	// The client would refuse large ones itself, and the limit counts the batch.
	cl := client(t, kgo.ProducerBatchMaxBytes(4<<20), kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.ConsumeTopics(name))
	const overhead = 61 + 12 // The batch's header and about one record's.
	fits := &kgo.Record{Topic: name, Value: bytes.Repeat([]byte("x"), 200000-overhead-10)}
	produce(t, cl, fits)
	over := &kgo.Record{Topic: name, Value: bytes.Repeat([]byte("x"), 200001)}
	if err := cl.ProduceSync(testContext(t), over).FirstErr(); !errors.Is(err, kerr.MessageTooLarge) {
		t.Errorf("over the limit: %v, want MESSAGE_TOO_LARGE", err)
	}
	// The default limit of a topic is 1048588 for the whole batch.
	plain := topic(t, 1, nil)
	produce(t, cl, &kgo.Record{Topic: plain, Value: bytes.Repeat([]byte("x"), 1<<20-overhead)})
	if err := cl.ProduceSync(testContext(t), &kgo.Record{Topic: plain, Value: bytes.Repeat([]byte("x"), 1048589)}).FirstErr(); !errors.Is(err, kerr.MessageTooLarge) {
		t.Errorf("over the default limit: %v, want MESSAGE_TOO_LARGE", err)
	}
	if r := poll(t, cl, 1)[0]; !bytes.Equal(r.Value, fits.Value) {
		t.Errorf("read back %d bytes, want %d", len(r.Value), len(fits.Value))
	}
}

// A record larger than the consumer's limits must still come (KIP-74).
func TestFetchLargerThanLimits(t *testing.T) {
	name := topic(t, 1, nil)
	cl := client(t, kgo.ConsumeTopics(name), kgo.FetchMaxBytes(1000), kgo.FetchMaxPartitionBytes(1000),
		kgo.ProducerBatchCompression(kgo.NoCompression()))
	produce(t, cl, &kgo.Record{Topic: name, Value: bytes.Repeat([]byte("a"), 300000)})
	produce(t, cl, &kgo.Record{Topic: name, Value: bytes.Repeat([]byte("b"), 500000)})
	got := poll(t, cl, 2)
	if len(got[0].Value) != 300000 || len(got[1].Value) != 500000 {
		t.Errorf("lengths %d and %d", len(got[0].Value), len(got[1].Value))
	}
}

// TestUnknownTopic: produce to a topic that is not there.
func TestUnknownTopic(t *testing.T) {
	cl := client(t, kgo.UnknownTopicRetries(1))
	err := cl.ProduceSync(testContext(t), &kgo.Record{Topic: shared.Name(t), Value: []byte("v")}).FirstErr()
	if !errors.Is(err, kerr.UnknownTopicOrPartition) {
		t.Errorf("%v, want UNKNOWN_TOPIC_OR_PARTITION", err)
	}
}

// TestAutoCreate: a topic is created by who asks for it.
func TestAutoCreate(t *testing.T) {
	name := shared.Name(t)
	cl := client(t, kgo.AllowAutoTopicCreation(), kgo.ConsumeTopics(name))
	produce(t, cl, &kgo.Record{Topic: name, Value: []byte("v")})
	poll(t, cl, 1)
	topics, err := admin(t).ListTopics(testContext(t), name)
	if err != nil || len(topics[name].Partitions) != 1 {
		t.Errorf("auto-created: %v %v, want one partition", topics[name], err)
	}
}

// Several idempotent producers fill one partition; nothing is lost or doubled.
func TestIdempotentProducers(t *testing.T) {
	name := topic(t, 1, nil)
	const producers, each = 4, 500
	for p := range producers {
		cl := client(t, kgo.ProducerLinger(0))
		for i := range each {
			cl.Produce(t.Context(), &kgo.Record{Topic: name, Key: numbered("p", p), Value: numbered("", i)}, func(_ *kgo.Record, err error) {
				if err != nil {
					t.Errorf("produce: %v", err)
				}
			})
		}
		if err := cl.Flush(testContext(t)); err != nil {
			t.Fatal(err)
		}
	}
	next := map[string]int{}
	for _, r := range poll(t, client(t, kgo.ConsumeTopics(name)), producers*each) {
		if want := numbered("", next[string(r.Key)]); !bytes.Equal(r.Value, want) {
			t.Fatalf("producer %s: %q, want %q", r.Key, r.Value, want)
		}
		next[string(r.Key)]++
	}
}
