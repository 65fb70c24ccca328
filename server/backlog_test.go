package server_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// TestBacklogIsTold: what a client reads from the disk is told of in metrics,
// by whatever name it goes.
func TestBacklogIsTold(t *testing.T) {
	const records, size, each = 80, 1_000_000, 30
	now := farFuture() // large answers have deadlines
	b := startBroker(t, options{clock: now, hook: func(op vfs.Op) error {
		if op.Kind == vfs.KindReadCached {
			return vfs.ErrWouldBlock // nothing is in the page cache
		}
		return nil
	}})
	c, other := b.dial(), b.dial()
	c.id = "old\xff"
	c.createTopic("t", 1)
	value := strings.Repeat("x", size)
	for range records {
		if r := c.produce("t", 0, value); r.ErrorCode != 0 {
			t.Fatalf("produce: %d", r.ErrorCode)
		}
	}
	b.log.ShedMemory(1 << 30)
	last := int64(0)
	for from := int64(0); from < records; {
		req := fetchRequest("t", 0, from)
		req.MaxBytes, req.Topics[0].Partitions[0].PartitionMaxBytes = each*(size+1000), 1<<30
		n := len(valuesOf(t, ask[*kmsg.FetchResponse](c, 12, req).Topics[0].Partitions[0].RecordBatches))
		if n == 0 {
			t.Fatalf("nothing from %d on", from)
		}
		last, from = from, from+int64(n)
	}
	told := func() map[string]string {
		out := map[string]string{}
		for line := range strings.Lines(string(b.metricsText())) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
			if strings.HasPrefix(name, "mainstem_backfill") {
				out[name] = value
			}
		}
		return out
	}
	for told()["mainstem_backfills"] == "0" {
		now.Advance(time.Second)
		advertised(other)
	}
	who := `{address="127.0.0.1",client_id="old\\xff",topic="t"}`
	got := told()
	for _, name := range []string{"mainstem_backfill_bytes_per_second", "mainstem_backfill_behind_bytes"} {
		if got[name+who] == "" || got[name+who] == "0" {
			t.Errorf("%s: %q", name, got[name+who])
		}
		delete(got, name+who)
	}
	want := map[string]string{"mainstem_backfills": "1", "mainstem_backfill_behind_records" + who: strconv.FormatInt(records-last, 10)}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
