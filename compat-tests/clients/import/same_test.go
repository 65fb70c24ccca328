package importing

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// place is where a record stands.
type place struct {
	Partition int32
	Offset    int64
}

// record is all that a client sees of one.
type record struct {
	Key, Value     string
	NoKey, NoValue bool
	Headers        string
	Timestamp      int64
	LogAppendTime  bool
	Compression    uint8
}

// String is short: values may be long.
func (r record) String() string {
	return fmt.Sprintf("%.30q=%.30q, null %t %t, headers %s, time %d, appended %t, codec %d",
		r.Key, r.Value, r.NoKey, r.NoValue, r.Headers, r.Timestamp, r.LogAppendTime, r.Compression)
}

// topicSeen is a topic as clients see it.
type topicSeen struct {
	starts, ends, stable map[int32]int64
	records              map[place]record
}

func byPartition(l kadm.ListedOffsets) map[int32]int64 {
	out := map[int32]int64{}
	l.Each(func(o kadm.ListedOffset) { out[o.Partition] = o.Offset })
	return out
}

// recordsFrom is what a reader is given first that begins at each of the offsets; -1 is none.
func (s *topicSeen) recordsFrom(l kadm.ListedOffsets) map[int32]int64 {
	out := byPartition(l)
	for p, from := range out {
		first := int64(-1)
		for at := range s.records {
			if from >= 0 && at.Partition == p && at.Offset >= from && (first < 0 || at.Offset < first) {
				first = at.Offset
			}
		}
		out[p] = first
	}
	return out
}

// read reads all committed records of a topic.
func (w *world) read(b harness.Broker, topic string) (s topicSeen) {
	w.t.Helper()
	c := w.client(b, kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())
	defer c.Close()
	adm := kadm.NewClient(c)
	for into, ask := range map[*map[int32]int64]func() (kadm.ListedOffsets, error){
		&s.starts: func() (kadm.ListedOffsets, error) { return adm.ListStartOffsets(w.ctx, topic) },
		&s.ends:   func() (kadm.ListedOffsets, error) { return adm.ListEndOffsets(w.ctx, topic) },
		&s.stable: func() (kadm.ListedOffsets, error) { return adm.ListCommittedOffsets(w.ctx, topic) },
	} {
		listed, err := ask()
		w.must(err)
		w.must(listed.Error())
		*into = byPartition(listed)
	}
	s.records = map[place]record{}
	for p, end := range s.stable {
		w.readPartition(b, topic, p, s.starts[p], end, s.records)
	}
	return s
}

func (w *world) readPartition(b harness.Broker, topic string, p int32, start, end int64, into map[place]record) {
	w.t.Helper()
	if start == end {
		return
	}
	c := w.client(b, kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(), kgo.FetchMaxWait(time.Second),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {p: kgo.NewOffset().At(start)}}))
	defer c.Close()
	for silent := 0; silent < 2; {
		ctx, cancel := context.WithTimeout(w.ctx, 2*time.Second)
		fetches := c.PollFetches(ctx)
		cancel()
		if fetches.Empty() {
			silent++
			continue
		}
		for _, r := range fetches.Records() {
			if r.Offset >= end-1 {
				silent = 2
			}
			if r.Attrs.IsControl() || r.Offset >= end {
				continue
			}
			at := place{p, r.Offset}
			if _, twice := into[at]; twice {
				w.t.Fatalf("%s: %+v came twice", topic, at)
			}
			into[at] = recordOf(r)
		}
	}
}

func recordOf(r *kgo.Record) record {
	headers := ""
	for _, h := range r.Headers {
		headers += fmt.Sprintf("%q=%q,%t;", h.Key, h.Value, h.Value == nil)
	}
	return record{
		Key: string(r.Key), Value: string(r.Value), NoKey: r.Key == nil, NoValue: r.Value == nil, Headers: headers,
		Timestamp: r.Timestamp.UnixMilli(), LogAppendTime: r.Attrs.TimestampType() == 1, Compression: r.Attrs.CompressionType(),
	}
}

// same fails unless clients are given the same of a topic by both brokers.
func (w *world) same(topic string) topicSeen {
	w.t.Helper()
	want, got := w.read(w.source, topic), w.read(w.target, topic)
	if !maps.Equal(want.starts, got.starts) || !maps.Equal(want.stable, got.stable) || !maps.Equal(want.ends, got.ends) {
		w.t.Errorf("%s: starts %v, stable %v, ends %v; want %v, %v, %v", topic, got.starts, got.stable, got.ends, want.starts, want.stable, want.ends)
	}
	if len(want.records) != len(got.records) {
		w.t.Errorf("%s: %d records, want %d", topic, len(got.records), len(want.records))
	}
	bad := 0
	for at, r := range want.records {
		if g, ok := got.records[at]; !ok || g != r {
			if bad++; bad < 4 {
				w.t.Errorf("%s, %+v: there %t, %v\nwant %v", topic, at, ok, g, r)
			}
		}
	}
	for _, ms := range []int64{0, began.UnixMilli(), began.UnixMilli() + 1, began.AddDate(0, 1, 0).UnixMilli()} {
		a, err := w.sourceAdmin().ListOffsetsAfterMilli(w.ctx, ms, topic)
		w.must(err)
		b, err := w.targetAdmin().ListOffsetsAfterMilli(w.ctx, ms, topic)
		w.must(err)
		// Before the first record of a compacted partition stands a filler here, of the time 0.
		if want, got := want.recordsFrom(a), got.recordsFrom(b); !maps.Equal(want, got) {
			w.t.Errorf("%s: the first offsets at %d: %v, want %v", topic, ms, got, want)
		}
	}
	if want, got := w.configs(w.sourceAdmin(), topic), w.configs(w.targetAdmin(), topic); !maps.Equal(want, got) {
		w.t.Errorf("%s: settings: %v, want %v", topic, got, want)
	}
	return got
}

// configs are the settings that a topic has of its own.
func (w *world) configs(adm *kadm.Client, topic string) map[string]string {
	w.t.Helper()
	all, err := adm.DescribeTopicConfigs(w.ctx, topic)
	w.must(err)
	out := map[string]string{}
	for _, c := range all[0].Configs {
		if c.Source.String() == "DYNAMIC_TOPIC_CONFIG" {
			out[c.Key] = *c.Value
		}
	}
	return out
}

// samePositions fails unless a group has the same positions at both brokers.
func (w *world) samePositions(group string) {
	w.t.Helper()
	positions := func(adm *kadm.Client) (out []string) {
		var all kadm.OffsetResponses
		testbroker.Eventually(w.t, time.Minute, func() (err error) { // the connection is from before the broker was killed
			all, err = adm.FetchOffsets(w.ctx, group)
			return errors.Join(err, all.Error())
		})
		all.Each(func(o kadm.OffsetResponse) {
			out = append(out, fmt.Sprintf("%s-%d at %d %q", o.Topic, o.Partition, o.At, o.Metadata))
		})
		slices.Sort(out)
		return out
	}
	want, got := positions(w.sourceAdmin()), positions(w.targetAdmin())
	if !slices.Equal(want, got) || len(want) == 0 {
		w.t.Errorf("group %s: %v, want %v", group, got, want)
	}
}
