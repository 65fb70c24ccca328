package main

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/disk"
	"github.com/mainstem-mq/mainstem/internal/words"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/replication"
)

// openDisk begins to watch the disk. All rooms but the guard use the disk that
// it watches, so that also a start on a full disk finds the ballast's room.
func (b *broker) openDisk() error {
	g, err := disk.Open(disk.Env{
		FS: b.fs, Dir: b.cfg.DataDir, Clock: b.clock, Settings: b.diskSettings, Trim: b.askForRoom, Events: b.diskEvent,
	})
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	b.disk, b.fs = g, g.FS()
	b.opened("disk", g.Close)
	if advice := b.smallDiskAdvice(); advice != "" {
		b.log.Warn(advice)
	}
	return nil
}

func (b *broker) smallDiskAdvice() string {
	return smallDiskAdvice(b.disk.State().Total, b.diskSettings().Segment)
}

// diskSettings are the settings as of now; before the metadata is open those
// that were given at the start.
func (b *broker) diskSettings() disk.Settings {
	r, img := b.cfg.Resolver, &cluster.Image{}
	if meta := b.metadata.Load(); meta != nil {
		img = meta.Image()
	}
	return disk.Settings{
		Warn: r.Int(img, cluster.DiskWarnKey), Min: r.Int(img, cluster.DiskMinKey),
		Ballast: r.Int(img, cluster.DiskBallastKey), Segment: r.Int(img, cluster.SegmentBytesKey),
	}
}

// askForRoom wakes the keeper. It never blocks.
func (b *broker) askForRoom() {
	select {
	case b.full <- struct{}{}:
	default:
	}
}

func (b *broker) diskEvent(e disk.Event) {
	level := zapcore.InfoLevel
	var advice []zap.Field
	switch e := e.(type) {
	case disk.LevelChanged:
		if e.State.Level > e.From {
			level = zapcore.WarnLevel
		}
		if e.State.Level == disk.Full {
			level = zapcore.ErrorLevel
			if text := smallDiskAdvice(e.State.Total, b.diskSettings().Segment); text != "" {
				advice = append(advice, zap.String("advice", text))
			}
		}
	case disk.SyncStalled:
		level = zapcore.ErrorLevel
	case disk.BallastReleased, disk.BallastFailed, disk.SpaceUnknown, disk.SyncRecovered:
		level = zapcore.WarnLevel
	}
	b.log.Log(level, "disk", append([]zap.Field{zap.Stringer("event", e)}, advice...)...)
}

// produceRefusal is why clients' records are not taken now. Of Kafka's errors
// KAFKA_STORAGE_ERROR says most nearly what is wrong, every client tries again
// after it, and none takes its records for written.
func (b *broker) produceRefusal() *protocol.Error {
	if !b.disk.Refusing() {
		return nil
	}
	s := b.disk.State()
	why := fmt.Sprintf("below the limit of %s (%s)", words.Bytes(s.Limits.Min), cluster.DiskMinKey)
	if s.Held {
		why = "and it took no more"
	}
	advice := b.smallDiskAdvice()
	if advice != "" {
		advice = "; " + advice
	}
	return protocol.Errorf(protocol.KafkaStorageError,
		"the broker's disk is full: %s, %s; nothing was written. Free space, lower retention or delete topics: "+
			"reads, commits and deletions go on, and produce is taken again by itself when there is room%s", s.Room(), why, advice)
}

// growthRefusal is why metadata cannot grow by so many bytes now: what is left is
// for what makes room, and for a start. Clients know the error as one after which
// to try again.
func (b *broker) growthRefusal(bytes int64) error {
	s, ok := b.disk.TakesGrowth(bytes)
	if ok {
		return nil
	}
	return protocol.Errorf(protocol.KafkaStorageError,
		"the broker's disk is full: %s, and what is left, up to %s (%s), is kept for deletions, commits and a start; nothing was created or changed. "+
			"Free space, lower retention or delete topics, which go on; new topics are taken again by themselves when there is room",
		s.Room(), words.Bytes(s.Limits.Grow(s.Total)), cluster.DiskMinKey)
}

// diskRoom is what /readyz says of the room on the disk. The broker is ready
// also on a full disk: who is sent elsewhere could not even read.
func (b *broker) diskRoom() (string, bool) {
	s := b.disk.State()
	if s.Total == 0 {
		return "free space not known", false
	}
	room := fmt.Sprintf("%s, ballast %s", s.Room(), words.Bytes(s.Ballast))
	switch {
	case s.Level == disk.Roomy:
		return room, false
	case s.Level == disk.Low:
		return fmt.Sprintf("low: %s, below the warning of %s", room, words.Bytes(s.Limits.Warn)), true
	case s.Held:
		return fmt.Sprintf("full: produce is refused since %s, the disk took no more; %s", clockTime(s.Since), room), true
	}
	return fmt.Sprintf("full: produce is refused since %s; %s, below the limit of %s",
		clockTime(s.Since), room, words.Bytes(s.Limits.Min)), true
}

// diskAnswers fails while a sync does not come back.
func (b *broker) diskAnswers() error {
	r, took, stalled := b.disk.Syncs().Stalled()
	if !stalled {
		return nil
	}
	return fmt.Errorf("a %s of %s has been under way since %s, for %.1f s", r.What, r.Name, clockTime(r.Since), took.Seconds())
}

// share keeps the log within its share of the disk.
type share struct {
	trimmed atomic.Uint64 // bytes of batches, for metrics
	stuck   bool          // it was told that nothing more may go; the keeper's
}

// overShare is by how many bytes the log's segments, and those of its cold log, are over their share of the
// disk; 0 if they are not, or there is no such limit.
func (b *broker) overShare() int64 {
	percent := b.cfg.Resolver.Int(b.meta.Image(), cluster.DiskShareKey)
	st := b.commitLog.Stats()
	if percent <= 0 || st.TotalBytes <= 0 {
		return 0
	}
	return max(st.SegmentBytes+st.ColdBytes-shareOf(st.TotalBytes, percent), 0)
}

// shareOf is a share of a number that may be as large as there are.
func shareOf(total, percent int64) int64 { return total/100*percent + total%100*percent/100 }

// keepShare lets the oldest records go if the log is over its share, and
// reports whether some went.
func (b *broker) keepShare() bool {
	over := b.overShare()
	if over == 0 {
		b.share.stuck = false
		return false
	}
	partitions, trimmed := b.partitions.TrimOldest(over, b.retentionFailed)
	if partitions == 0 {
		if !b.share.stuck {
			b.log.Warn("the log is over its share of the disk, and nothing more may go: the rest is exempt, internal or compacted, "+
				"or stands in segments with such", zap.Int64("over_bytes", over))
		}
		b.share.stuck = true
		return false
	}
	b.share.stuck = false
	b.share.trimmed.Add(uint64(trimmed))
	b.log.Info("the log is over its share of the disk: the oldest records went",
		zap.Int64("over_bytes", over), zap.Int("partitions", partitions), zap.Int64("bytes", trimmed))
	return true
}

func (b *broker) retentionFailed(p *replication.Partition, err error) {
	b.log.Warn("retention", zap.String("topic", p.Topic().Name), zap.Int32("partition", p.Index()), zap.Error(err))
}

// diskCollector shows the guard's figures to prometheus.
type diskCollector struct {
	guard *disk.Guard
	share *share
}

// Describe implements prometheus.Collector: what it sends is in Collect.
func (c diskCollector) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, ch) }

// Collect implements prometheus.Collector.
func (c diskCollector) Collect(ch chan<- prometheus.Metric) {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("mainstem_disk_"+name, help, labels, nil)
	}
	send := func(kind prometheus.ValueType, v float64, d *prometheus.Desc, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, kind, v, labels...)
	}
	s, syncs := c.guard.State(), c.guard.Syncs()
	send(prometheus.GaugeValue, float64(s.Level), desc("level", "How short of room the disk is: 0 roomy, 1 low (warning), 2 full (produce is refused)."))
	send(prometheus.GaugeValue, float64(s.Free), desc("usable_bytes", "Free bytes of the disk without what the ballast still misses."))
	limit := desc("limit_bytes", "Below so many usable bytes the broker warns, or refuses produce.", "limit")
	send(prometheus.GaugeValue, float64(s.Limits.Warn), limit, "warn")
	send(prometheus.GaugeValue, float64(s.Limits.Min), limit, "min")
	send(prometheus.GaugeValue, float64(s.Ballast), desc("ballast_bytes", "What the ballast file holds."))
	send(prometheus.CounterValue, float64(c.share.trimmed.Load()),
		desc("share_trimmed_bytes_total", "Bytes of records that went because the log was over its share of the disk."))
	_, longest, _ := syncs.Longest()
	send(prometheus.GaugeValue, longest.Seconds(), desc("sync_current_seconds", "For how long the oldest sync, or write, that has not come back is under way."))
	st := syncs.Stats()
	send(prometheus.CounterValue, float64(st.Stalls), desc("sync_stalls_total", "How often syncs, or writes, took more than 5 s, counted by incident."))
	ch <- prometheus.MustNewConstHistogram(
		desc("sync_seconds", "How long it takes to make files and directories durable."), st.Count, st.Seconds, st.Cumulative)
}

// clockTime is a moment for people.
func clockTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }
