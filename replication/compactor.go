package replication

import (
	"errors"
	"sync"
	"time"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/log"
	"github.com/mainstem-mq/mainstem/log/compact"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// compactionRetry is how long a partition is left alone that could not be
// compacted: what is damaged does not mend itself.
const compactionRetry = time.Hour

// errCompactionStopped ends a compaction when the broker stops.
var errCompactionStopped = errors.New("the broker stops")

// CompactorSettings are the broker's settings of compaction.
type CompactorSettings struct {
	KeyBytes       int64   // log.cleaner.dedupe.buffer.size
	LoadFactor     float64 // log.cleaner.io.buffer.load.factor
	BytesPerSecond float64 // log.cleaner.io.max.bytes.per.second; 0: no limit
}

// Compactor compacts the partitions of compacted topics, one at a time. Round
// belongs to one goroutine; the rest may be asked by any.
type Compactor struct {
	ps       *Partitions
	settings func() CompactorSettings
	report   func(*Compaction)
	stop     <-chan struct{}

	// The round's own.
	states map[model.PartitionID]*dirty
	round  uint64

	mu struct {
		sync.Mutex
		totals CompactionTotals
		topics []TopicCompaction
	}
}

// Compaction is what one compaction of a partition did.
type Compaction struct {
	Topic     string
	Partition int32
	From      model.Offset // what lay below was clean before
	Limit     model.Offset // what it could have cleaned at most; less if there were too many keys
	log.Compacted

	Records compact.Stats
	Err     error
}

// NewCompactor makes a compactor. report is called in Round, after each
// compaction; closing stop ends a compaction that is under way.
func NewCompactor(ps *Partitions, settings func() CompactorSettings, report func(*Compaction), stop <-chan struct{}) *Compactor {
	return &Compactor{ps: ps, settings: settings, report: report, stop: stop, states: make(map[model.PartitionID]*dirty)}
}

// candidate is a partition that is due.
type candidate struct {
	*dirty

	part *Partition
}

// Round compacts all that is due, the dirtiest first, and returns how many
// compactions were made. It ends early if the disk is full or the log ends;
// what is wrong with one partition does not keep it from the others.
func (c *Compactor) Round() int {
	cfg := c.settings()
	keys := compact.NewKeyMap(cfg.KeyBytes, cfg.LoadFactor)
	for n := 0; ; {
		list := c.candidates()
		if len(list) == 0 {
			c.publish()
			return n
		}
		for _, x := range list {
			err := c.compact(x, keys, cfg.BytesPerSecond)
			n++
			if endsRound(err) || c.stopped() {
				c.publish()
				return n
			}
		}
		c.publish()
	}
}

func (c *Compactor) stopped() bool {
	select {
	case <-c.stop:
		return true
	default:
		return false
	}
}

// endsRound reports whether an error is not about a partition.
func endsRound(err error) bool {
	return errors.Is(err, errCompactionStopped) || diskFull(err) || errors.Is(err, log.ErrClosed) || errors.Is(err, log.ErrLatched)
}

func diskFull(err error) bool { return errors.Is(err, log.ErrDiskFull) || vfs.IsNoSpace(err) }

// candidates looks at all partitions of compacted topics.
func (c *Compactor) candidates() []candidate {
	c.round++
	now := c.ps.env.Clock.Now()
	var list []candidate
	c.ps.env.Image().Topics(func(t *cluster.Topic) bool {
		s := c.ps.env.Settings(t)
		if !s.Compact || c.stopped() {
			return true
		}
		for i := range t.Partitions {
			id := t.Partitions[i].ID
			if !c.ps.env.Log.Holds(id) {
				continue
			}
			p, gone := c.ps.find(t, int32(i))
			if gone != nil {
				continue // deleted a moment ago, or another broker's
			}
			d := c.states[id]
			if d == nil {
				d = &dirty{done: -1}
				c.states[id] = d
			}
			d.topic, d.round = t.Name, c.round
			if err := d.look(p, s, now); err != nil {
				c.fail(d, err)
			} else if d.due(now) {
				list = append(list, candidate{d, p})
			}
		}
		return true
	})
	for id, d := range c.states {
		if d.round != c.round {
			delete(c.states, id)
		}
	}
	dirtiestFirst(list)
	return list
}

// fail takes note of a partition that cannot be compacted.
func (c *Compactor) fail(d *dirty, err error) {
	d.failed, d.retry = err, c.ps.env.Clock.Now().Add(compactionRetry)
}

// compact compacts one partition.
func (c *Compactor) compact(x candidate, keys *compact.KeyMap, rate float64) error {
	// No more keys than offsets: a map for few of them is made quickly.
	keys.Reset(int64(x.limit - max(x.state.CleanedTo, x.borders.LogStart)))
	env := c.ps.env
	cleaner := compact.New(compact.Config{
		Keys: keys, NowMs: env.Clock.Now().UnixMilli(), DeleteRetentionMs: x.settings.DeleteRetentionMs,
	})
	paced := &pacedCleaner{Cleaner: cleaner, clock: env.Clock, rate: rate, stop: c.stop, since: env.Clock.Now()}
	done, err := x.part.log.Compact(x.limit, paced)
	r := &Compaction{
		Topic: x.topic, Partition: x.part.index, From: x.state.CleanedTo, Limit: x.limit,
		Compacted: done, Records: cleaner.Stats(), Err: err,
	}
	switch {
	case err == nil:
		x.failed, x.last = nil, env.Clock.Now()
		if done.To <= x.state.CleanedTo {
			x.done = x.limit
		}
	case diskFull(err):
		x.failed, x.retry = err, env.Clock.Now() // with the next round
	case errors.Is(err, log.ErrOvertaken), endsRound(err):
		// Not the partition's fault.
	default:
		c.fail(x.dirty, err)
	}
	x.seen = false
	c.count(r, paced)
	c.report(r)
	return err
}

// UncleanableReason is a word for why a partition could not be compacted.
func UncleanableReason(err error) string {
	if diskFull(err) {
		return "disk_full"
	}
	for _, r := range []struct {
		err  error
		word string
	}{
		{compact.ErrManyKeys, "keys"},
		{log.ErrCorrupt, "damage"},
		{batch.ErrCorrupt, "damage"},
		{batch.ErrInvalid, "damage"},
		{batch.ErrTruncated, "damage"},
		{batch.ErrMagic, "damage"},
	} {
		if errors.Is(err, r.err) {
			return r.word
		}
	}
	return "other"
}

// pacedCleaner keeps a compaction to a rate of bytes, read and written.
type pacedCleaner struct {
	*compact.Cleaner

	clock clock.Clock
	rate  float64 // bytes a second; 0: no limit
	stop  <-chan struct{}
	since time.Time
	spent int64 // since then

	read, written int64
}

// pacedStep is how much is spent at once: short waits are not worth a timer.
const pacedStep = 256 << 10

// Learn implements log.BatchCleaner.
func (p *pacedCleaner) Learn(b []byte) (full bool, err error) {
	p.read += int64(len(b))
	if err := p.spend(int64(len(b))); err != nil {
		return false, err
	}
	return p.Cleaner.Learn(b) //nolint:wrapcheck // Of this module, and it says all.
}

// Clean implements log.BatchCleaner.
func (p *pacedCleaner) Clean(b []byte) ([]byte, error) {
	kept, err := p.Cleaner.Clean(b)
	p.read += int64(len(b))
	p.written += int64(len(kept))
	if stopped := p.spend(int64(len(b) + len(kept))); err == nil {
		err = stopped
	}
	return kept, err //nolint:wrapcheck // Of this module, and it says all.
}

func (p *pacedCleaner) spend(bytes int64) error {
	select {
	case <-p.stop:
		return errCompactionStopped
	default:
	}
	if p.spent += bytes; p.rate <= 0 || float64(p.spent) < min(pacedStep, p.rate) {
		return nil
	}
	due := p.since.Add(duration(float64(p.spent) / p.rate))
	now := p.clock.Now()
	p.since, p.spent = now, 0
	if wait := due.Sub(now); wait > 0 {
		p.since = due
		if !clock.Wait(p.clock, wait, p.stop) {
			return errCompactionStopped
		}
	}
	return nil
}

// duration is so many seconds, an hour at most.
func duration(seconds float64) time.Duration {
	return time.Duration(min(seconds, 3600) * float64(time.Second))
}
