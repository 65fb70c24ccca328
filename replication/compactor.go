package replication

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/log"
	"github.com/mainstem-mq/mainstem/log/compact"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

const (
	// compactionRetry is how long a partition is left alone that could not be
	// compacted: what is damaged does not mend itself.
	compactionRetry = time.Hour
	// compactionRoomRetry is the same where the disk had no room, at first. It
	// doubles each time, up to compactionRetry.
	compactionRoomRetry = time.Minute
	// compactionsFull is after how many of them, one behind the other, that found
	// the disk full a round ends: what is smaller may have room.
	compactionsFull = 3
)

// CompactorSettings are the broker's settings of compaction.
type CompactorSettings struct {
	KeyBytes       int64   // log.cleaner.dedupe.buffer.size
	LoadFactor     float64 // log.cleaner.io.buffer.load.factor
	BytesPerSecond float64 // log.cleaner.io.max.bytes.per.second; 0: no limit
}

// CompactorEnv is what a compactor needs from its surroundings.
type CompactorEnv struct {
	// Settings are asked for each compaction, the rate all the time.
	Settings func() CompactorSettings
	// Room is how many bytes of the disk compaction may take; below 0: it has
	// taken too much. It is asked all the time while one goes on.
	Room func() int64
	// Report is called in Round, after each compaction, and where a partition
	// could not be looked at.
	Report func(*Compaction)
	// Stop, once it is closed, ends a compaction that is under way.
	Stop <-chan struct{}
}

// Compactor compacts the partitions of compacted topics, one at a time. Round
// belongs to one goroutine; the rest may be asked by any.
type Compactor struct {
	ps  *Partitions
	env CompactorEnv

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

// NewCompactor makes a compactor.
func NewCompactor(ps *Partitions, env CompactorEnv) *Compactor {
	return &Compactor{ps: ps, env: env, states: make(map[model.PartitionID]*dirty)}
}

// candidate is a partition that is due.
type candidate struct {
	*dirty

	part *Partition
}

// Round compacts all that is due, the dirtiest first, and returns how many
// compactions were made. It ends early if the disk has no room for any, or the
// log ends; what is wrong with one partition does not keep it from the others.
func (c *Compactor) Round() int {
	var keys keyMap
	for n, full := 0, 0; ; {
		list := c.candidates()
		if len(list) == 0 {
			c.publish()
			return n
		}
		for _, x := range list {
			if !c.fits(x) {
				continue
			}
			err := c.compact(x, keys.of(c.env.Settings()))
			n++
			if full++; !diskFull(err) {
				full = 0
			}
			if endsRound(err) || full == compactionsFull || c.stopped() {
				c.publish()
				return n
			}
		}
		c.publish()
	}
}

// keyMap is the map that a round uses.
type keyMap struct {
	*compact.KeyMap

	made CompactorSettings // what it was made for
}

// of is a map for these settings: the same, unless they were changed.
func (m *keyMap) of(s CompactorSettings) *compact.KeyMap {
	s.BytesPerSecond = 0 // none of its business
	if m.KeyMap == nil || m.made != s {
		m.KeyMap, m.made = compact.NewKeyMap(s.KeyBytes, s.LoadFactor), s
	}
	return m.KeyMap
}

func (c *Compactor) stopped() bool {
	select {
	case <-c.env.Stop:
		return true
	default:
		return false
	}
}

// endsRound reports whether an error is not about a partition.
func endsRound(err error) bool {
	return errors.Is(err, log.ErrStopped) || errors.Is(err, log.ErrClosed) || errors.Is(err, log.ErrLatched)
}

func diskFull(err error) bool { return errors.Is(err, log.ErrDiskFull) || vfs.IsNoSpace(err) }

// candidates looks at all partitions of compacted topics.
func (c *Compactor) candidates() []candidate {
	c.round++
	now := c.ps.env.Clock.Now()
	var list []candidate
	c.ps.env.Image().Topics(func(t *cluster.Topic) bool {
		s := c.ps.env.Settings(t)
		if !s.Compact || s.ImportSource != "" || c.stopped() {
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
			if c.isDue(d, p, s, now) {
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

// failFull is the same where the disk had no room: there may be some soon.
func (c *Compactor) failFull(d *dirty, err error) {
	d.pause = min(max(2*d.pause, compactionRoomRetry), compactionRetry)
	d.failed, d.retry = err, c.ps.env.Clock.Now().Add(d.pause)
}

// fits reports whether there may be room for what a compaction keeps. Where
// there is not, nothing is begun: the disk would be filled to no end.
func (c *Compactor) fits(x candidate) bool {
	least, room := x.least(), c.env.Room()
	if least <= room {
		return true
	}
	err := fmt.Errorf("%w: about %d bytes or more are to be kept, and %d may be taken", log.ErrDiskFull, least, max(room, 0))
	c.failFull(x.dirty, err)
	c.env.Report(&Compaction{Topic: x.topic, Partition: x.part.index, From: x.state.CleanedTo, Limit: x.limit, Err: err})
	return false
}

// compact compacts one partition.
func (c *Compactor) compact(x candidate, keys *compact.KeyMap) error {
	// No more keys than offsets: a map for few of them is made quickly.
	keys.Reset(int64(x.limit - max(x.state.CleanedTo, x.borders.LogStart)))
	env := c.ps.env
	cleaner := compact.New(compact.Config{
		Keys: keys, NowMs: env.Clock.Now().UnixMilli(), DeleteRetentionMs: x.settings.DeleteRetentionMs,
		Aborted: abortedBatches(x.part.log.Aborted(), 0, x.limit),
	})
	done, err := x.part.log.Compact(x.limit, cleaner, log.Pace{
		Rate: func() int64 { return bytesPerSecond(c.env.Settings().BytesPerSecond) },
		Room: c.env.Room, Stop: c.env.Stop,
	})
	r := &Compaction{
		Topic: x.topic, Partition: x.part.index, From: x.state.CleanedTo, Limit: x.limit,
		Compacted: done, Records: cleaner.Stats(), Err: err,
	}
	x.seen = false
	switch {
	case err == nil:
		x.failed, x.pause, x.needed, x.last = nil, 0, 0, env.Clock.Now()
		if done.To <= x.state.CleanedTo {
			x.done = x.limit
		}
	case diskFull(err):
		x.needed = done.BytesKept + done.BytesKept/2
		c.failFull(x.dirty, err)
	case errors.Is(err, log.ErrOvertaken), endsRound(err):
		// It is not the partition's fault, and who stops or deletes knows that it did.
		c.spent(r)
		return err
	default:
		c.fail(x.dirty, err)
	}
	c.spent(r)
	c.count(r)
	c.env.Report(r)
	return err
}

// UncleanableReason is a word for why a partition could not be compacted: the
// metric's label, explained in docs/operations.md.
func UncleanableReason(err error) string {
	if diskFull(err) {
		return "disk_full"
	}
	for _, r := range []struct {
		err  error
		word string
	}{
		{compact.ErrManyKeys, "keys"},
		{compact.ErrUndecodable, "undecodable"},
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

// bytesPerSecond is the setting's rate as the log wants it: 0 is no limit.
// Kafka's default is the largest number that there is.
func bytesPerSecond(f float64) int64 {
	if f <= 0 || f >= 1<<62 {
		return 0
	}
	return max(1, int64(f))
}
