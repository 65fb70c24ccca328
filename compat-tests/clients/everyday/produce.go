package everyday

import (
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/compat-tests/clients/everyday/commands"
)

// codecs are franz-go's, and the numbers of the wire.
var franzCodecs = map[Feature]struct {
	codec  kgo.CompressionCodec
	number uint8
}{
	None:   {kgo.NoCompression(), 0},
	Gzip:   {kgo.GzipCompression(), 1},
	Snappy: {kgo.SnappyCompression(), 2},
	LZ4:    {kgo.Lz4Compression(), 3},
	Zstd:   {kgo.ZstdCompression(), 4},
}

// recordsOf turns all that franz-go read into the program's words.
func recordsOf(rs []*kgo.Record) []record {
	out := make([]record, len(rs))
	for i, r := range rs {
		out[i] = ofFranz(r)
	}
	return out
}

// times says that the client writes the timestamps that it is given.
func (w *world) times() bool { return w.client.Lacks[Timestamps] == "" }

// codecs: records go through the codec both ways, with keys and headers or without.
func codecs(w *world, codec Feature) {
	s, topic, other := w.start(), w.topic(), w.topic()
	written := makeRecords(string(codec), 100)
	for i := range written {
		*written[i].Value += strings.Repeat("-", 200) // clients leave a batch as it is that no codec makes smaller
	}
	s.must("produce", topic, codec, false, words(written))
	read := w.read(topic)
	if err := w.same(recordsOf(read), written, w.times()); err != nil {
		w.t.Errorf("franz-go reads what the client wrote: %v", err)
	}
	for _, r := range read {
		if got := r.Attrs.CompressionType(); got != franzCodecs[codec].number {
			w.t.Fatalf("partition %d, offset %d has codec %d, want %s", r.Partition, r.Offset, got, codec)
		}
	}
	w.produce(other, written, kgo.ProducerBatchCompression(franzCodecs[codec].codec))
	for _, t := range []string{topic, other} {
		got := s.must("read", t, partitions, len(written), "uncommitted").Records
		if err := w.same(got, written, w.times() || t == other); err != nil {
			w.t.Errorf("the client reads %s: %v", t, err)
		}
	}
}

// tombstones: a value that is null is not one that is empty.
func tombstones(w *world) {
	s, topic := w.start(), w.topic()
	key, empty := "key", ""
	written := []record{{Key: &key}, {Offset: 1, Key: &key, Value: &empty}, {Offset: 2, Key: &empty, Value: &key}}
	for i := range written {
		written[i].Timestamp = firstTime()
	}
	s.must("produce", topic, None, false, words(written))
	if err := w.same(recordsOf(w.read(topic)), written, w.times()); err != nil {
		w.t.Errorf("franz-go reads what the client wrote: %v", err)
	}
	if err := w.same(s.must("read", topic, partitions, len(written), "uncommitted").Records, written, w.times()); err != nil {
		w.t.Errorf("the client reads what it wrote: %v", err)
	}
}

// timestamps: a record has the time that the program gives, or that of the broker if
// the topic says so.
func timestamps(w *world) {
	s := w.start()
	topic := w.shared.Topic(w.t, partitions, map[string]string{"message.timestamp.type": "LogAppendTime"})
	written := makeRecords("time", 9)
	s.must("produce", topic, None, false, words(written))
	read := w.read(topic)
	if err := w.same(recordsOf(read), written, false); err != nil {
		w.t.Errorf("franz-go reads what the client wrote: %v", err)
	}
	byOffset := map[string]int64{}
	for _, r := range read {
		if r.Attrs.TimestampType() != 1 || r.Timestamp.UnixMilli() <= written[len(written)-1].Timestamp {
			w.t.Errorf("partition %d, offset %d: time %v of kind %d, want the broker's", r.Partition, r.Offset, r.Timestamp, r.Attrs.TimestampType())
		}
		byOffset[fmt.Sprint(r.Partition, r.Offset)] = r.Timestamp.UnixMilli()
	}
	for _, r := range s.must("read", topic, partitions, len(written), "uncommitted").Records {
		if want := byOffset[fmt.Sprint(r.Partition, r.Offset)]; r.Timestamp != want {
			w.t.Errorf("the client reads partition %d, offset %d with time %d, want %d", r.Partition, r.Offset, r.Timestamp, want)
		}
	}
}

// idempotent: the broker is killed while the client writes, and each record is there
// once and in order.
func idempotent(w *world) {
	s, topic := w.start(), w.topic()
	written := makeRecords("once", 6000)
	first := 3
	s.must("produce", topic, None, true, words(written[:first]))
	s.tell("produce", topic, None, true, words(written[first:]))
	w.shared.Restart(w.t)
	s.answer("produce")
	read := w.read(topic)
	if err := w.same(recordsOf(read), written, w.times()); err != nil {
		w.t.Errorf("franz-go reads what the client wrote: %v", err)
	}
	for _, r := range read {
		if r.ProducerID < 0 {
			w.t.Fatalf("partition %d, offset %d has no producer id", r.Partition, r.Offset)
		}
	}
}

// offsets: the ends of a partition.
func offsets(w *world) {
	s, topic := w.start(), w.topic()
	w.produce(topic, makeRecords("ends", 30))
	w.offset(s, topic, "earliest", 0)
	w.offset(s, topic, "latest", 10)
}

// offsetsByTime: the first record of a time or later, and none after the last.
func offsetsByTime(w *world) {
	s, topic := w.start(), w.topic()
	written := makeRecords("times", 30)
	w.produce(topic, written)
	fourth := written[3*partitions].Timestamp
	w.offset(s, topic, fourth, 3)
	w.offset(s, topic, fourth-1, 3)
	w.offset(s, topic, fourth+1, 4)
	w.offset(s, topic, written[0].Timestamp-1000, 0)
	// Clients that ask by a time put the end for "there is none", some of them.
	a := s.must("offset", topic, 0, written[len(written)-1].Timestamp+1000)
	if a.Offset == nil || *a.Offset != -1 && *a.Offset != 10 {
		w.t.Errorf("offset of a time after the last record is %s, want none", commands.Show(a.Offset))
	}
}

func (w *world) offset(s *session, topic string, at any, want int64) {
	w.t.Helper()
	a := s.must("offset", topic, 0, at)
	if a.Offset == nil || *a.Offset != want {
		w.t.Errorf("offset of %v is %s, want %d", at, commands.Show(a.Offset), want)
	}
}
