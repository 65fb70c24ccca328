package main

import (
	"errors"
	"math"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/disk"
	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/log/compact"
	"github.com/mainstem-mq/mainstem/replication"
)

// compactionPauseMin is the least pause between two rounds, whatever is set.
const compactionPauseMin = 100 * time.Millisecond

// compactor is the goroutine that compacts.
type compactor struct {
	clock clock.Clock
	pause func() time.Duration
	round func() int
	stop  chan struct{}
	done  sync.WaitGroup
}

// openCompactor starts compaction, if it is on.
func (b *broker) openCompactor() error {
	r := b.cfg.Resolver
	stop := make(chan struct{})
	b.compaction = replication.NewCompactor(b.partitions, replication.CompactorEnv{
		Settings: func() replication.CompactorSettings {
			img := b.meta.Image()
			return replication.CompactorSettings{
				KeyBytes: r.Int(img, cluster.CleanerBufferKey), LoadFactor: r.Float(img, cluster.CleanerLoadKey),
				BytesPerSecond: r.Float(img, cluster.CleanerRateKey),
			}
		},
		Room:   func() int64 { return roomToCompact(b.disk.State()) },
		Report: b.compacted, Stop: stop,
	})
	if !r.Bool(b.meta.Image(), cluster.CleanerEnableKey) {
		b.log.Warn("compaction is off: compacted topics and the offsets of groups grow for ever", zap.String("setting", cluster.CleanerEnableKey))
		return nil
	}
	c := &compactor{clock: b.clock, round: b.compaction.Round, stop: stop, pause: b.compactionPause}
	c.done.Go(c.run)
	b.opened("compaction", c.close)
	return nil
}

// compactionPause is the pause between two rounds, as it is set.
func (b *broker) compactionPause() time.Duration {
	return b.cfg.Resolver.Duration(b.meta.Image(), cluster.CleanerBackoffKey, time.Millisecond)
}

// roomToCompact is how many bytes of the disk compaction may take. It ends half
// way between the warning and where clients' records are refused: on a disk that
// is low for long it goes on, since what it leaves undone makes more of what is
// to be stored; and what is written between two looks at the disk has room.
func roomToCompact(s disk.State) int64 {
	switch {
	case s.Total == 0:
		return math.MaxInt64 // not known
	case s.Level == disk.Full:
		return -1
	}
	return s.Free - s.Limits.Min - (s.Limits.Warn-s.Limits.Min)/2
}

func (c *compactor) close() error {
	close(c.stop)
	c.done.Wait()
	return nil
}

func (c *compactor) run() {
	for clock.Wait(c.clock, max(c.pause(), compactionPauseMin), c.stop) {
		c.round()
	}
}

// compacted writes a line for a compaction. Those of internal topics are many
// and small.
func (b *broker) compacted(c *replication.Compaction) {
	fields := []zap.Field{zap.String("topic", c.Topic), zap.Int32("partition", c.Partition)}
	if c.Err != nil {
		fields = append(fields, zap.String("reason", replication.UncleanableReason(c.Err)), zap.Error(c.Err))
		if errors.Is(c.Err, compact.ErrUndecodable) {
			fields = append(fields, zap.String("advice", "it grows until the batch is gone: set cleanup.policy=compact,delete "+
				"together with retention.ms=-1 and retention.bytes=-1 (else retention takes older records of the whole topic at once), "+
				"delete the records up to and with that batch (DeleteRecords), and set cleanup.policy=compact again"))
		}
		b.log.Warn("a partition could not be compacted, and keeps what it has", fields...)
		return
	}
	level := zapcore.InfoLevel
	if cluster.IsInternalTopic(c.Topic) {
		level = zapcore.DebugLevel
	}
	fields = append(fields, zap.Int64("from", int64(c.From)), zap.Int64("to", int64(c.To)),
		zap.Int64("bytes_before", c.BytesRead), zap.Int64("bytes_after", c.BytesKept),
		zap.Int64("records_before", c.Records.RecordsRead), zap.Int64("records_after", c.Records.RecordsKept),
		zap.Int("keys", c.Records.Keys), zap.Duration("took", c.Took))
	for _, n := range []struct {
		name  string
		count int64
	}{
		{"tombstones_dropped", c.Records.Tombstones},
		{"keyless_dropped", c.Records.Keyless},
		{"aborted_dropped", c.Records.Aborted},
		{"markers_dropped", c.Records.Markers},
		{"batches_too_large", c.Records.Unread},
	} {
		if n.count > 0 {
			fields = append(fields, zap.Int64(n.name, n.count))
		}
	}
	if c.To < c.Limit {
		fields = append(fields, zap.Int64("more_up_to", int64(c.Limit)))
	}
	b.log.Log(level, "compacted", fields...)
}

// compactionCollector shows compaction to prometheus.
type compactionCollector struct {
	clock      clock.Clock
	compaction *replication.Compactor
}

// Describe implements prometheus.Collector: what it sends is in Collect.
func (c compactionCollector) Describe(ch chan<- *prometheus.Desc) {
	prometheus.DescribeByCollect(c, ch)
}

// Collect implements prometheus.Collector.
func (c compactionCollector) Collect(ch chan<- prometheus.Metric) {
	send := func(kind prometheus.ValueType, v float64, name, help string, labels ...string) {
		names := []string{"topic", "reason"}[:len(labels)]
		ch <- prometheus.MustNewConstMetric(prometheus.NewDesc("mainstem_compaction_"+name, help, names, nil), kind, v, labels...)
	}
	t := c.compaction.Totals()
	send(prometheus.CounterValue, float64(t.Runs), "runs_total", "Compactions of partitions since the start.")
	send(prometheus.CounterValue, float64(t.Failed), "failures_total", "Compactions that failed.")
	send(prometheus.CounterValue, float64(t.ReadBytes), "read_bytes_total", "Bytes of batches that compaction read; what is read twice counts twice.")
	send(prometheus.CounterValue, float64(t.WrittenBytes), "written_bytes_total", "Bytes of batches that compaction wrote.")
	send(prometheus.CounterValue, float64(t.RecordsRead), "read_records_total", "Records that compaction decided about.")
	send(prometheus.CounterValue, float64(t.RecordsKept), "kept_records_total", "Records that compaction kept.")
	send(prometheus.CounterValue, t.Seconds, "seconds_total", "Time spent in compactions.")
	now := c.clock.Now()
	for _, t := range c.compaction.Topics() {
		send(prometheus.GaugeValue, t.DirtyRatio, "dirty_ratio", "The share, in the topic's dirtiest partition, that no compaction has seen.", t.Topic)
		send(prometheus.GaugeValue, float64(t.CleanBytes), "clean_bytes", "Bytes of the topic that were compacted.", t.Topic)
		send(prometheus.GaugeValue, float64(t.DirtyBytes), "dirty_bytes", "Bytes of the topic that could be compacted.", t.Topic)
		send(prometheus.GaugeValue, float64(t.WaitingBytes), "waiting_bytes", "Bytes of the topic that may not be compacted yet: in the newest part of a partition, or too young.", t.Topic)
		for reason, n := range t.Uncleanable {
			send(prometheus.GaugeValue, float64(n), "uncleanable_partitions", "Partitions whose last compaction failed, by reason.", t.Topic, reason)
		}
		if t.LastRun.IsZero() {
			continue
		}
		send(prometheus.GaugeValue, float64(t.LastRun.UnixMilli())/1000, "last_run_timestamp_seconds", "When a partition of the topic was compacted last.", t.Topic)
		send(prometheus.GaugeValue, now.Sub(t.LastRun).Seconds(), "last_run_age_seconds", "How long ago that was.", t.Topic)
	}
}
