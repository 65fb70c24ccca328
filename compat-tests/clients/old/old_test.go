package old

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

var shared testbroker.Shared

func TestMain(m *testing.M) { os.Exit(shared.Main(m)) }

// count is how many records each producer sends.
const count = 50

// record is one as a client shows it.
type record struct {
	offset     int64
	key, value string // "null"
}

// client is an old client. consume may be nil.
type client struct {
	codecs []string
	// produce sends count records, and returns their offsets.
	produce func(t *testing.T, topic, codec string) ([]int64, error)
	// consume reads n records from the beginning, in a group if the client has any,
	// commits if it has, and returns what it got.
	consume func(t *testing.T, topic, group string, n, fetchBytes int) []record
	// groups: consume has committed.
	groups bool
}

// keyOf and valueOf are what producers send; some keys and values are null.
func keyOf(i int) string {
	if i%3 == 0 {
		return "null"
	}
	return fmt.Sprintf("key-%d", i)
}

func valueOf(codec string, i int) string {
	if i%6 == 1 {
		return "null"
	}
	return fmt.Sprintf("%s-%d", codec, i)
}

// scenario: what an old producer sends with each codec is read by a client of today,
// and by the old consumer, together with what a client of today wrote in between, in
// transactions and not; the offsets that it commits are there.
func scenario(t *testing.T, c client) {
	testbroker.Quick(t)
	topic := shared.Topic(t, 1, nil)
	if shared.Broker().Target() != harness.Mainstem {
		_, err := c.produce(t, topic, "none")
		refused(t, err)
	}
	for _, codec := range c.codecs {
		offsets, err := c.produce(t, topic, codec)
		if err != nil {
			t.Fatalf("%s: %v", codec, err)
		}
		// The marker of the transaction before may come in between: who ended it was
		// answered before it is written.
		if len(offsets) != count || offsets[count-1]-offsets[0] > count || !slices.IsSorted(offsets) {
			t.Fatalf("%s: offsets %v", codec, offsets)
		}
		writeToday(t, topic, codec)
	}
	want := readToday(t, topic, len(c.codecs)*(count+6))
	compare(t, "today's consumer", c.expected(), want)
	if c.consume == nil {
		return
	}
	for _, fetchBytes := range []int{1 << 20, 1800} {
		group := shared.Name(t)
		compare(t, fmt.Sprintf("fetches of %d bytes", fetchBytes), want, c.consume(t, topic, group, len(want), fetchBytes))
		if !c.groups {
			continue
		}
		got, err := kadm.NewClient(shared.Client(t)).FetchOffsets(testbroker.Context(t, time.Minute), group)
		if err != nil {
			t.Fatal(err)
		}
		if at, ok := got.Lookup(topic, 0); !ok || at.At != want[len(want)-1].offset+1 {
			t.Errorf("fetches of %d bytes: %v is committed, the last record is at %d", fetchBytes, at.At, want[len(want)-1].offset)
		}
	}
}

// refused ends a test on Apache Kafka, where an old producer fails; if it did not, Kafka
// would have to be compared.
func refused(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		t.Fatal("Apache Kafka serves this client")
	}
	text := strings.TrimSpace(err.Error())
	testbroker.KafkaRefuses(t, text[strings.LastIndexByte(text, '\n')+1:])
}

// expected is what is in the topic, without its offsets.
func (c *client) expected() (all []record) {
	for _, codec := range c.codecs {
		for i := range count {
			all = append(all, record{-1, keyOf(i), valueOf(codec, i)})
		}
		for i := range 6 {
			all = append(all, record{-1, "null", fmt.Sprintf("today-%s-%d", codec, i)})
		}
	}
	return all
}

// compare shows where two lists begin to differ; an offset of -1 is any.
func compare(t *testing.T, what string, want, got []record) {
	t.Helper()
	for i := range min(len(want), len(got)) {
		w := want[i]
		if w.offset < 0 {
			w.offset = got[i].offset
		}
		if w != got[i] {
			t.Errorf("%s: record %d is %v, expected %v", what, i, got[i], w)
			return
		}
	}
	if len(want) != len(got) {
		t.Errorf("%s: %d records, expected %d", what, len(got), len(want))
	}
}

// writeToday writes with headers, by the codec, and half of it in a transaction.
func writeToday(t *testing.T, topic, codec string) {
	t.Helper()
	ctx := testbroker.Context(t, time.Minute)
	compression := map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(),
	}[codec]
	opts := []kgo.Opt{kgo.DefaultProduceTopic(topic), kgo.ProducerBatchCompression(compression)}
	record := func(i int) *kgo.Record {
		r := kgo.StringRecord(fmt.Sprintf("today-%s-%d", codec, i))
		r.Headers = []kgo.RecordHeader{{Key: "h", Value: []byte("of no use to old clients")}}
		return r
	}
	plain := shared.Client(t, opts...)
	if err := plain.ProduceSync(ctx, record(0), record(1), record(2)).FirstErr(); err != nil {
		t.Fatal(err)
	}
	txn := shared.Client(t, append(opts, kgo.TransactionalID(topic+codec))...)
	if err := txn.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := txn.ProduceSync(ctx, record(3), record(4), record(5)).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if err := txn.EndTransaction(ctx, kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
}

// readToday reads n records as a client of today does.
func readToday(t *testing.T, topic string, n int) (all []record) {
	t.Helper()
	ctx := testbroker.Context(t, time.Minute)
	cl := shared.Client(t, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	text := func(b []byte) string {
		if b == nil {
			return "null"
		}
		return string(b)
	}
	for len(all) < n {
		f := cl.PollFetches(ctx)
		if err := f.Err(); err != nil {
			t.Fatalf("%d records: %v", len(all), err)
		}
		f.EachRecord(func(r *kgo.Record) { all = append(all, record{r.Offset, text(r.Key), text(r.Value)}) })
	}
	return all
}

// said is what a program of a client printed.
type said struct {
	offsets []int64
	records []record
	done    bool
}

// parse reads a program's lines: "sent PARTITION OFFSET", "got PARTITION OFFSET KEY
// VALUE", and "done" at the end.
func parse(text string) (s said, err error) {
	for line := range strings.Lines(text) {
		var partition int
		var r record
		line = strings.TrimSpace(line)
		switch word, rest, _ := strings.Cut(line, " "); word {
		case "sent":
			if _, err := fmt.Sscan(rest, &partition, &r.offset); err != nil {
				return s, fmt.Errorf("%s: %w", line, err)
			}
			s.offsets = append(s.offsets, r.offset)
		case "got":
			if _, err := fmt.Sscan(rest, &partition, &r.offset, &r.key, &r.value); err != nil {
				return s, fmt.Errorf("%s: %w", line, err)
			}
			s.records = append(s.records, r)
		case "done":
			s.done = true
		}
	}
	if !s.done {
		return s, fmt.Errorf("the program did not end well:\n%s", text)
	}
	return s, nil
}

// within is how long one run of a client may take.
func within(t *testing.T) context.Context { return testbroker.Context(t, 2*time.Minute) }
