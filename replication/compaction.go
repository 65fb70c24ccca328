package replication

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/log"
)

// dirty is what the compactor remembers of one compacted partition.
type dirty struct {
	topic string
	round uint64 // in which it was last looked at

	// roll is where the part at the end begins that is left alone; young is the
	// first batch that was too young for compaction when last looked at.
	roll  log.Roll
	young model.Offset
	begun bool // roll is set

	// What was found, and as of which settings and borders.
	settings cluster.CompactionSettings
	seen     bool // they hold
	borders  Offsets
	limit    model.Offset
	state    log.Cleanable
	overdue  bool // max.compaction.lag.ms has passed

	done   model.Offset // a compaction with this limit found nothing to do
	last   time.Time    // of the last compaction that ended well; zero: none since the start
	failed error        // of the last one, if it did not
	retry  time.Time    // not before, after a failure
	unread error        // of the last look, if it failed

	pause  time.Duration // before the last retry, if the disk was full
	needed int64         // bytes that it takes to do better than when the disk was full
}

// least is how many bytes a compaction has to write, most likely. What was
// cleaned stays for the most part, and of what was not nothing may.
func (d *dirty) least() int64 {
	return max(d.state.CleanBytes, min(d.needed, d.state.CleanBytes+d.state.DirtyBytes))
}

// uncleanable is why the partition can not be compacted; nil if it can.
func (d *dirty) uncleanable() error {
	if d.unread != nil {
		return d.unread
	}
	return d.failed
}

// ratio is the share of the partition that no compaction has seen.
func (d *dirty) ratio() float64 {
	if d.state.DirtyBytes <= 0 {
		return 0
	}
	return float64(d.state.DirtyBytes) / float64(d.state.DirtyBytes+d.state.CleanBytes)
}

// due reports whether the partition is to be compacted.
func (d *dirty) due(now time.Time) bool {
	if d.state.DirtyBytes <= 0 || d.done == d.limit || d.failed != nil && now.Before(d.retry) {
		return false
	}
	return d.overdue || d.ratio() > d.settings.DirtyRatio
}

// look finds out how dirty the partition is.
//
// Kafka compacts nothing of a partition's newest segment, up to segment.bytes
// and segment.ms of the newest records. There are no segments of partitions
// here, but a reader would notice: so what would stand in that segment, counted
// from where the partition is clean, is left alone as well, by the same
// settings. Two things differ, both where Kafka does less than its settings
// say: max.compaction.lag.ms holds for a partition that nobody writes to any more,
// of which all but the last batch is compacted then; and
// min.compaction.lag.ms goes by batches, where Kafka goes by segments.
func (d *dirty) look(p *Partition, s *cluster.TopicSettings, now time.Time) error {
	o := p.Offsets()
	c := &s.Compaction
	timeless := c.MinLagMs == 0 && c.MaxLagMs == math.MaxInt64
	if timeless && d.seen && d.settings == *c && d.borders == o {
		return nil // as it was
	}
	if !d.begun || c.MinLagMs > d.settings.MinLagMs {
		state, err := p.log.Cleanable(o.LogStart)
		if err != nil {
			return err
		}
		d.young = max(state.CleanedTo, o.LogStart) // what was old enough may not be by a larger lag
		if !d.begun {
			d.roll, d.begun = log.Roll{Base: d.young, Seen: d.young}, true
		}
	}
	d.settings, d.borders, d.seen = *c, o, false
	var err error
	if d.roll, err = p.log.Roll(d.roll, max(c.SegmentBytes, 1), min(c.SegmentMs, c.MaxLagMs)); err != nil {
		return err
	}
	d.limit, d.overdue = min(d.roll.Base, o.LastStable), false
	if c.MaxLagMs < math.MaxInt64 {
		all, err := p.log.Cleanable(o.LastStable)
		if err != nil {
			return err
		}
		if all.DirtyBytes > 0 && firstDirtyTime(&all) < now.UnixMilli()-c.MaxLagMs {
			d.limit, d.overdue = o.LastStable, true
		}
	}
	if c.MinLagMs > 0 {
		if d.young, err = p.log.Younger(min(d.young, d.limit), d.limit, now.UnixMilli()-c.MinLagMs); err != nil {
			return err
		}
		d.limit = d.young
	}
	d.state, err = p.log.Cleanable(d.limit)
	d.seen = err == nil
	return err
}

// isDue looks at a partition, and reports whether it is to be compacted. The
// next round looks again at what could not be read; a failure that stays the
// same is told once.
func (c *Compactor) isDue(d *dirty, p *Partition, s *cluster.TopicSettings, now time.Time) bool {
	err := d.look(p, s, now)
	if err != nil {
		if !endsRound(err) && (d.unread == nil || d.unread.Error() != err.Error()) {
			c.env.Report(&Compaction{Topic: d.topic, Partition: p.index, Err: err})
		}
		d.unread = err
		return false
	}
	d.unread = nil
	if d.state.DirtyBytes <= 0 {
		d.failed, d.pause, d.needed = nil, 0, 0 // what could not be compacted is gone
	}
	return d.due(now)
}

// firstDirtyTime is the time of the first batch that no compaction has seen.
func firstDirtyTime(c *log.Cleanable) int64 {
	if c.FirstDirtyMaxTime < 0 {
		return c.FirstDirtyAppend
	}
	return c.FirstDirtyMaxTime
}

// dirtiestFirst sorts what is due: what has waited too long, then by the share
// that is dirty.
func dirtiestFirst(list []candidate) {
	overdue := func(c candidate) int {
		if c.overdue {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(list, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(overdue(a), overdue(b)), cmp.Compare(b.ratio(), a.ratio()))
	})
}
