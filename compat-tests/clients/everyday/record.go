package everyday

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/compat-tests/clients/everyday/commands"
)

type record = commands.Record

// firstTime is the timestamp of a scenario's first record, a little ago so that no
// bound on timestamps is met, and exact to a millisecond that is not zero.
func firstTime() int64 { return time.Now().Add(-time.Hour).UnixMilli()/1000*1000 + 123 }

// make n records over all partitions, with what records can have: keys or none,
// headers or none, empty values, letters of more than one byte.
func makeRecords(name string, n int) []record {
	at := firstTime()
	rs := make([]record, n)
	for i := range rs {
		value := fmt.Sprintf("%s.%d.", name, i) + strings.Repeat("grüße", i%7)
		r := record{Partition: int32(i % partitions), Offset: int64(i / partitions), Timestamp: at + int64(i), Value: &value}
		if i%2 == 0 {
			key := fmt.Sprintf("key%d", i)
			r.Key = &key
		}
		if i%3 == 0 {
			r.Headers = []commands.Header{{"trace", fmt.Sprint(i)}, {"empty", ""}}
		}
		rs[i] = r
	}
	return rs
}

// ofFranz turns what franz-go read into the program's words.
func ofFranz(r *kgo.Record) record {
	text := func(b []byte) *string {
		if b == nil {
			return nil
		}
		s := string(b)
		return &s
	}
	out := record{Partition: r.Partition, Offset: r.Offset, Timestamp: r.Timestamp.UnixMilli(), Key: text(r.Key), Value: text(r.Value)}
	for _, h := range r.Headers {
		out.Headers = append(out.Headers, commands.Header{h.Key, string(h.Value)})
	}
	return out
}

// forFranz is the other way.
func forFranz(topic string, r record) *kgo.Record {
	bytes := func(s *string) []byte {
		if s == nil {
			return nil
		}
		return []byte(*s)
	}
	out := &kgo.Record{Topic: topic, Partition: r.Partition, Timestamp: time.UnixMilli(r.Timestamp), Key: bytes(r.Key), Value: bytes(r.Value)}
	for _, h := range r.Headers {
		out.Headers = append(out.Headers, kgo.RecordHeader{Key: h[0], Value: []byte(h[1])})
	}
	return out
}

// words are records as arguments of a command.
func words(rs []record) string {
	out := make([]string, len(rs))
	for i, r := range rs {
		out[i] = r.String()
	}
	return strings.Join(out, " ")
}

// same says what is wrong with records that were read: each of those wanted has to be
// there once, at its offset, as it was written. Their times are not looked at where a
// client sets none.
func same(got, want []record, times bool) error {
	got, want = sorted(got), sorted(want)
	var errs []error
	if len(got) != len(want) {
		errs = append(errs, fmt.Errorf("%d records, want %d", len(got), len(want)))
	}
	for i := range min(len(got), len(want)) {
		g, w := got[i], want[i]
		if !times {
			g.Timestamp, w.Timestamp = 0, 0
		}
		if g.String() != w.String() || g.Offset != w.Offset {
			errs = append(errs, fmt.Errorf("offset %d: %s\n   want %d: %s", g.Offset, g, w.Offset, w))
			break
		}
	}
	return errors.Join(errs...)
}

// same is same, but for the order of headers if the client has none.
func (w *world) same(got, want []record, times bool) error {
	if w.client.Lacks[HeaderSeq] != "" {
		got, want = byHeader(got), byHeader(want)
	}
	return same(got, want, times)
}

// byHeader are records with their headers sorted.
func byHeader(rs []record) []record {
	out := slices.Clone(rs)
	for i := range out {
		out[i].Headers = slices.SortedFunc(slices.Values(out[i].Headers), func(a, b commands.Header) int { return slices.Compare(a[:], b[:]) })
	}
	return out
}

// sorted are records by partition and offset.
func sorted(rs []record) []record {
	return slices.SortedFunc(slices.Values(rs), func(a, b record) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
}

// produce has franz-go write records.
func (w *world) produce(topic string, rs []record, opts ...kgo.Opt) {
	w.t.Helper()
	cl := w.kgo
	if len(opts) > 0 {
		cl = w.shared.Client(w.t, append(opts, kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	}
	franz := make([]*kgo.Record, len(rs))
	for i, r := range rs {
		franz[i] = forFranz(topic, r)
	}
	if err := cl.ProduceSync(w.ctx, franz...).FirstErr(); err != nil {
		w.t.Fatalf("produce to %s: %v", topic, err)
	}
}

// read has franz-go read all that is committed in a topic: until its end offsets.
func (w *world) read(topic string) []*kgo.Record {
	w.t.Helper()
	ends, err := w.adm.ListEndOffsets(w.ctx, topic)
	if err != nil {
		w.t.Fatalf("end offsets of %s: %v", topic, err)
	}
	from, left := map[int32]kgo.Offset{}, map[int32]int64{}
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			from[o.Partition], left[o.Partition] = kgo.NewOffset().At(0), o.Offset
		}
	})
	cl := w.shared.Client(w.t, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())
	var rs []*kgo.Record
	for len(left) > 0 {
		fetches := cl.PollFetches(w.ctx)
		if err := fetches.Err(); err != nil {
			w.t.Fatalf("read %s: %v", topic, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if r.Offset+1 >= left[r.Partition] {
				delete(left, r.Partition)
			}
			if !r.Attrs.IsControl() {
				rs = append(rs, r)
			}
		})
	}
	return rs
}
