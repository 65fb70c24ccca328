package main

import (
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/disk"
	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/log/compact"
	"github.com/mainstem-mq/mainstem/protocol/batch"
	"github.com/mainstem-mq/mainstem/replication"
)

// TestCompactorPauses: a round, the pause, a round; the end does not wait for
// the pause.
func TestCompactorPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var rounds atomic.Int32
		pause := time.Minute
		c := &compactor{
			clock: clock.Real{}, stop: make(chan struct{}), pause: func() time.Duration { return pause },
			round: func() int { return int(rounds.Add(1)) },
		}
		c.done.Go(c.run)
		time.Sleep(3*time.Minute + time.Second)
		if n := rounds.Load(); n != 3 {
			t.Errorf("%d rounds in three minutes", n)
		}
		if err := c.close(); err != nil {
			t.Error(err)
		}
		pause = 0
		c.stop = make(chan struct{})
		c.done.Go(c.run)
		time.Sleep(compactionPauseMin + time.Millisecond)
		synctest.Wait()
		if n := rounds.Load(); n != 4 {
			t.Errorf("%d rounds without a pause", n)
		}
		if err := c.close(); err != nil {
			t.Error(err)
		}
	})
}

// TestRoomToCompact: compaction leaves the disk well above where clients'
// records are refused.
func TestRoomToCompact(t *testing.T) {
	t.Parallel()
	limits := disk.Limits{Warn: 300, Min: 100}
	for _, c := range []struct {
		name  string
		state disk.State
		want  int64
	}{
		{"roomy", disk.State{Level: disk.Roomy, Total: 10_000, Free: 1000, Limits: limits}, 800},
		{"low", disk.State{Level: disk.Low, Total: 10_000, Free: 250, Limits: limits}, 50},
		{"half way down", disk.State{Level: disk.Low, Total: 10_000, Free: 199, Limits: limits}, -1},
		{"full whatever is free", disk.State{Level: disk.Full, Total: 10_000, Free: 9000, Limits: limits}, -1},
		{"not known", disk.State{}, math.MaxInt64},
	} {
		if got := roomToCompact(c.state); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// TestCompactionShown: what compaction does, and does not do, is in the log and
// in the metrics.
func TestCompactionShown(t *testing.T) {
	h, err := startHalf(filepath.Join(t.TempDir(), "data"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := h.close(); err != nil {
			t.Error(err)
		}
	}()
	core, lines := observer.New(zapcore.InfoLevel)
	h.log = zap.New(core)
	h.cfg.Resolver = cluster.NewResolver(map[string]string{cluster.CleanerEnableKey: "false", cluster.CleanerBufferKey: "1048576"})
	if err := h.openPartitions(); err != nil {
		t.Fatal(err)
	}
	if err := h.openCompactor(); err != nil { // by hand: it is off
		t.Fatal(err)
	}
	h.meta.CreateTopics([]cluster.TopicSpec{{Name: "t", Partitions: 2, Configs: map[string]string{
		"cleanup.policy": "compact", "segment.ms": "1", "min.cleanable.dirty.ratio": "0",
	}}})
	h.append(t, 0, 100, "a", "b", "a")
	h.append(t, 0, 200, "b")
	h.append(t, 0, 300, "c")
	var many []string
	for i := range 45_000 { // a MiB has room for fewer
		many = append(many, fmt.Sprintf("%x", i))
	}
	h.append(t, 1, 100, many...)
	h.append(t, 1, 200, "c")
	if n := h.compaction.Round(); n != 2 {
		t.Errorf("%d compactions", n)
	}
	for text, want := range map[string]string{
		"compaction is off: compacted topics and the offsets of groups grow for ever": "log.cleaner.enable",
		"compacted": "records_after:2 records_before:4",
		"a partition could not be compacted, and keeps what it has": "reason:keys",
	} {
		found := lines.FilterMessage(text).All()
		if len(found) != 1 || !strings.Contains(fmt.Sprint(found[0].ContextMap()), want) {
			t.Errorf("%s: %v, want %s", text, found, want)
		}
	}
	got := gather(t, compactionCollector{h.clock, h.compaction})
	for name, want := range map[string]float64{
		"runs_total": 2, "failures_total": 1, "kept_records_total": 2, "read_records_total": 4,
		"uncleanable_partitions topic=t reason=keys": 1, "dirty_ratio topic=t": 1,
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v; there is %v", name, got[name], want, got)
		}
	}
	for _, name := range []string{"clean_bytes topic=t", "dirty_bytes topic=t", "waiting_bytes topic=t", "last_run_timestamp_seconds topic=t", "read_bytes_total", "written_bytes_total"} {
		if got[name] <= 0 {
			t.Errorf("%s is %v; there is %v", name, got[name], got)
		}
	}
	if age, ok := got["last_run_age_seconds topic=t"]; !ok || age < 0 || age > 600 {
		t.Errorf("the last run was %v seconds ago", age)
	}
}

// TestUndecodableShown: what can be done is in the log, where something can.
func TestUndecodableShown(t *testing.T) {
	t.Parallel()
	core, lines := observer.New(zapcore.InfoLevel)
	b := &broker{log: zap.New(core)}
	for _, err := range []error{compact.ErrUndecodable, compact.ErrManyKeys} {
		b.compacted(&replication.Compaction{Topic: "t", Err: fmt.Errorf("the batch at offset 7: %w", err)})
	}
	all := lines.All()
	if len(all) != 2 {
		t.Fatal(all)
	}
	for i, want := range []bool{true, false} {
		advice, has := all[i].ContextMap()["advice"].(string)
		if has && !strings.Contains(advice, "retention.ms=-1") {
			t.Errorf("advice that has retention delete the whole topic: %s", advice)
		}
		if has != want {
			t.Errorf("%v", all[i])
		}
	}
}

// append sends a batch with the keys to a partition of the topic t.
func (h *halfBroker) append(t *testing.T, partition int32, at int64, keys ...string) {
	t.Helper()
	p, perr := h.partitions.Find("t", partition)
	if perr != nil {
		t.Fatal(perr)
	}
	b := batch.NewBuilder(batch.None)
	for _, k := range keys {
		b.Add(at, []byte(k), []byte("v"))
	}
	built, err := b.Build(nil)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan replication.AppendResult, 1)
	p.Append(replication.AppendRequest{Batch: built}, func(r replication.AppendResult) { done <- r })
	if r := <-done; r.Err != nil {
		t.Fatal(r.Err)
	}
}

// gather returns a collector's figures by name, without its prefix, and labels.
func gather(t *testing.T, c prometheus.Collector) map[string]float64 {
	t.Helper()
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(c)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := strings.TrimPrefix(f.GetName(), "mainstem_compaction_")
			for _, label := range []string{"topic", "reason"} {
				for _, l := range m.GetLabel() {
					if l.GetName() == label {
						name += " " + label + "=" + l.GetValue()
					}
				}
			}
			out[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return out
}
