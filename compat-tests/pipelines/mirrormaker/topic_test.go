package mirrormaker

import (
	"errors"
	"fmt"
	"maps"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
	"github.com/mainstem-mq/mainstem/compat-tests/pipelines/tape"
)

// mirrored is a topic that MirrorMaker copies from one broker to another.
type mirrored struct {
	from, to    string
	topic, copy string
	partitions  int32
	load        *tape.Load
	copied      *tape.Tape
}

// settings are those of the originals: none is a broker's default.
func settings() map[string]string {
	return map[string]string{"retention.ms": "86400001", "segment.bytes": "10485760", "max.message.bytes": "123456", "cleanup.policy": "delete"}
}

// create makes the original, writes what is not committed, and begins to write the rest.
func (m *mirrored) create(t *testing.T) {
	t.Helper()
	set := map[string]*string{}
	for name, value := range settings() {
		set[name] = &value
	}
	resp, err := admin(t, m.from).CreateTopic(testbroker.Context(t, time.Minute), m.partitions, 1, set, m.topic)
	if err != nil {
		t.Fatalf("create topic %s: %v %s", m.topic, err, resp.ErrMessage)
	}
	m.abort(t)
	m.load = tape.Write(t, m.from, m.topic, func(number int) *kgo.Record {
		key := strconv.Itoa(number)
		return &kgo.Record{
			Key: []byte(key), Value: []byte(m.topic + " " + key), Timestamp: time.UnixMilli(time.Now().UnixMilli() - int64(number%1000)),
			Headers: []kgo.RecordHeader{{Key: "number", Value: []byte(key)}},
		}
	})
	m.copied = tape.Record(t, m.to, m.copy)
}

// abort writes a few records to the original, and takes them back.
func (m *mirrored) abort(t *testing.T) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(m.from), kgo.DefaultProduceTopic(m.topic), kgo.TransactionalID(m.topic+"-aborted"))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if err := cl.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	ctx := testbroker.Context(t, time.Minute)
	for n := range 10 {
		if err := cl.ProduceSync(ctx, kgo.StringRecord("aborted "+strconv.Itoa(n))).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	if err := cl.EndTransaction(ctx, kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
}

// stop ends the writing, waits until all is there, and compares. It returns how many
// records there are.
func (m *mirrored) stop(t *testing.T, alive func() error) (n int) {
	t.Helper()
	n = m.load.Stop(t)
	m.copied.Until(t, n, alive)
	original := tape.Whole(t, m.from, m.topic)
	if len(original) != n {
		t.Fatalf("%s has %d records of %d", m.topic, len(original), n)
	}
	for _, records := range [][]*kgo.Record{m.copied.Records(), tape.Whole(t, m.to, m.copy)} {
		if err := same(original, records); err != nil {
			t.Errorf("%s: %v", m.copy, err)
		}
	}
	t.Logf("%s: %d records", m.topic, n)
	return n
}

// hasSettings waits until the mirror has the original's settings and partitions.
func (m *mirrored) hasSettings(t *testing.T) {
	t.Helper()
	adm := admin(t, m.to)
	testbroker.Eventually(t, tape.CatchUp, func() error {
		ctx := testbroker.Context(t, time.Minute)
		topics, err := adm.ListTopics(ctx, m.copy)
		if err := errors.Join(err, topics.Error()); err != nil {
			return err
		}
		if n := len(topics[m.copy].Partitions); n != int(m.partitions) {
			return fmt.Errorf("%s has %d partitions", m.copy, n)
		}
		configs, err := adm.DescribeTopicConfigs(ctx, m.copy)
		if err != nil {
			return err
		}
		got := map[string]string{}
		for _, c := range configs[0].Configs {
			if _, is := settings()[c.Key]; is {
				got[c.Key] = c.MaybeValue()
			}
		}
		if !maps.Equal(got, settings()) {
			return fmt.Errorf("%s has %v", m.copy, got)
		}
		return nil
	})
}

func admin(t *testing.T, addr string) *kadm.Client {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.MetadataMinAge(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return kadm.NewClient(cl)
}
