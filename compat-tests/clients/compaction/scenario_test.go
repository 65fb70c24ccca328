package compaction

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// codecs are Kafka's, by name.
var codecs = []string{"none", "gzip", "snappy", "lz4", "zstd"}

// group is what is sent as one batch. Groups of different minutes stand in
// different segments.
type group struct {
	codec  string
	minute int
	pairs  string // "a=1 b=2 c": c is a tombstone
}

// record is one that is sent, or read.
type record struct {
	offset, at int64
	key, value string
	tombstone  bool
}

func (r record) String() string {
	if r.tombstone {
		return fmt.Sprintf("%d %d %s", r.offset, r.at, r.key)
	}
	return fmt.Sprintf("%d %d %s=%s", r.offset, r.at, r.key, r.value)
}

// epoch is when minute 0 was: so long ago that no minute is in the future.
var epoch = time.Now().Add(-50 * time.Minute).UnixMilli()

// minuteMs is a little more than a segment holds.
const minuteMs = 60_100

// history is what was sent to a topic, in order.
type history struct {
	topic string
	sent  [][]record // by group
	next  int64
}

// add notes a group, and returns its records.
func (h *history) add(g group) []record {
	var list []record
	for i, pair := range strings.Fields(g.pairs) {
		key, value, is := strings.Cut(pair, "=")
		list = append(list, record{h.next, epoch + int64(g.minute)*minuteMs + int64(i), key, value, !is})
		h.next++
	}
	h.sent = append(h.sent, list)
	return list
}

// send sends groups by franz-go, one batch each.
func (h *history) send(t *testing.T, groups ...group) {
	t.Helper()
	byCodec := map[string]*kgo.Client{}
	for _, g := range groups {
		cl := byCodec[g.codec]
		if cl == nil {
			cl = client(t, kgo.ProducerBatchCompression(franzCodec(g.codec)), kgo.ProducerLinger(50*time.Millisecond))
			byCodec[g.codec] = cl
		}
		h.sendBy(t, cl, g)
	}
}

func (h *history) sendBy(t *testing.T, cl *kgo.Client, g group) {
	t.Helper()
	list := h.add(g)
	records := make([]*kgo.Record, 0, len(list))
	for _, r := range list {
		k := &kgo.Record{Topic: h.topic, Key: []byte(r.key), Timestamp: time.UnixMilli(r.at)}
		if !r.tombstone {
			k.Value = []byte(r.value)
		}
		records = append(records, k)
	}
	if err := cl.ProduceSync(testContext(t), records...).FirstErr(); err != nil {
		t.Fatalf("produce: %v", err)
	}
	if got, want := records[0].Offset, list[0].offset; got != want {
		t.Fatalf("the group has offset %d, want %d", got, want)
	}
}

func franzCodec(name string) kgo.CompressionCodec {
	return map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}[name]
}

// left is what must be left: of all segments but the newest the last record
// of each key, without the keys whose tombstones went; and the newest segment.
func (h *history) left(gone ...string) []string {
	newest := (h.sent[len(h.sent)-1][0].at - epoch) / minuteMs
	last := map[string]int64{}
	old := func(r record) bool { return (r.at-epoch)/minuteMs < newest }
	for _, r := range slices.Concat(h.sent...) {
		if old(r) {
			last[r.key] = r.offset
		}
	}
	var out []string
	for _, r := range slices.Concat(h.sent...) {
		superseded, removed := last[r.key] != r.offset, r.tombstone && slices.Contains(gone, r.key)
		if old(r) && (superseded || removed) {
			continue
		}
		out = append(out, r.String())
	}
	return out
}

// readRecords reads a topic by franz-go, from the first offset to the end.
func readRecords(t *testing.T, topic string) []record {
	t.Helper()
	ends, err := admin(t).ListEndOffsets(testContext(t), topic)
	if err != nil || ends.Error() != nil {
		t.Fatal(err, ends.Error())
	}
	end, _ := ends.Lookup(topic, 0)
	cl := client(t, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}))
	defer cl.Close()
	var out []record
	for at := int64(0); at < end.Offset; {
		fs := cl.PollFetches(testContext(t))
		for _, e := range fs.Errors() {
			t.Fatalf("poll %s/%d: %v", e.Topic, e.Partition, e.Err)
		}
		fs.EachRecord(func(r *kgo.Record) {
			out = append(out, record{r.Offset, r.Timestamp.UnixMilli(), string(r.Key), string(r.Value), r.Value == nil})
			at = r.Offset + 1
		})
	}
	return out
}

// read is readRecords as text.
func read(t *testing.T, topic string) []string {
	t.Helper()
	var out []string
	for _, r := range readRecords(t, topic) {
		out = append(out, r.String())
	}
	return out
}

// mustLeave waits until the topic holds what it must, and checks that the Java
// consumer gets the same (the quick set has no Java), and that no more goes.
func mustLeave(t *testing.T, topic string, want []string) {
	t.Helper()
	testbroker.Eventually(t, cleaned, func() error {
		got := read(t, topic)
		if slices.Equal(got, want) {
			return nil
		}
		return errors.New(difference(want, got))
	})
	if testing.Short() {
		time.Sleep(500 * time.Millisecond)
	} else if got := javaRead(t, topic); !slices.Equal(got, want) {
		t.Errorf("the Java consumer: %s", difference(want, got))
	}
	if got := read(t, topic); !slices.Equal(got, want) {
		t.Errorf("a little later: %s", difference(want, got))
	}
}

// difference shows what is missing, and what is too many.
func difference(want, got []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d records are left, want %d;", len(got), len(want))
	shown := 0
	for _, x := range []struct {
		list, other []string
		sign        string
	}{{want, got, "missing"}, {got, want, "too many"}} {
		for _, r := range x.list {
			if !slices.Contains(x.other, r) && shown < 20 {
				fmt.Fprintf(&b, "\n  %s: %s", x.sign, r)
				shown++
			}
		}
	}
	return b.String()
}
