package mirrormaker

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// same compares a mirror with its original: each partition has the same records in the
// same order. Offsets are others, as the marks of transactions take some.
func same(original, mirror []*kgo.Record) error {
	want, got := byPartition(original), byPartition(mirror)
	for p := range got {
		if want[p] == nil {
			return fmt.Errorf("partition %d has %d records, and none in the original", p, len(got[p]))
		}
	}
	for p := range want {
		for i := range max(len(want[p]), len(got[p])) {
			w, g := "nothing", "nothing"
			if i < len(want[p]) {
				w = show(want[p][i])
			}
			if i < len(got[p]) {
				g = show(got[p][i])
			}
			if w != g {
				return fmt.Errorf("record %d of partition %d is %s, and in the original %s", i, p, g, w)
			}
		}
	}
	return nil
}

func byPartition(records []*kgo.Record) map[int32][]*kgo.Record {
	all := map[int32][]*kgo.Record{}
	for _, r := range records {
		all[r.Partition] = append(all[r.Partition], r)
	}
	return all
}

// show is all of a record but where it is.
func show(r *kgo.Record) string {
	return fmt.Sprintf("%q=%q %q at %d", r.Key, r.Value, r.Headers, r.Timestamp.UnixMilli())
}

// TestSame: what a mirror might do wrong is found.
func TestSame(t *testing.T) {
	records := func() (all []*kgo.Record) {
		for i := range 10 {
			text := fmt.Appendf(nil, "%d", i)
			all = append(all, &kgo.Record{
				Key: text, Value: text, Partition: int32(i % 2), Timestamp: time.UnixMilli(int64(i)), Headers: []kgo.RecordHeader{{Key: "h", Value: text}},
			})
		}
		return all
	}
	other := records()
	slices.SortStableFunc(other, func(a, b *kgo.Record) int { return int(b.Partition - a.Partition) })
	if err := same(records(), other); err != nil {
		t.Errorf("the order of partitions is nothing: %v", err)
	}
	for name, c := range map[string]struct {
		plant func([]*kgo.Record) []*kgo.Record
		want  string
	}{
		"one is lost":          {func(all []*kgo.Record) []*kgo.Record { return slices.Delete(all, 3, 4) }, "record 1 of partition 1"},
		"the last is lost":     {func(all []*kgo.Record) []*kgo.Record { return all[:9] }, "is nothing, and"},
		"one is there twice":   {func(all []*kgo.Record) []*kgo.Record { return slices.Insert(all, 4, all[3]) }, "record 2 of partition 1"},
		"the last comes again": {func(all []*kgo.Record) []*kgo.Record { return append(all, all[9]) }, "in the original nothing"},
		"another order":        {func(all []*kgo.Record) []*kgo.Record { all[0], all[2] = all[2], all[0]; return all }, "record 0 of partition 0"},
		"another partition":    {func(all []*kgo.Record) []*kgo.Record { all[9].Partition = 2; return all }, "none in the original"},
		"a value":              {func(all []*kgo.Record) []*kgo.Record { all[6].Value = nil; return all }, "record 3 of partition 0"},
		"a header":             {func(all []*kgo.Record) []*kgo.Record { all[6].Headers = nil; return all }, "record 3 of partition 0"},
		"a time":               {func(all []*kgo.Record) []*kgo.Record { all[6].Timestamp = time.UnixMilli(1); return all }, "record 3 of partition 0"},
	} {
		t.Run(name, func(t *testing.T) {
			err := same(records(), c.plant(records()))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
