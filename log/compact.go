package log

import (
	"errors"
	"fmt"
	"time"

	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// BatchCleaner decides what of a partition's batches is kept. The log calls it
// from one goroutine, in offset order: first Learn for each batch that no
// compaction has seen, up to the limit or until it is full, then Clean for each
// batch of the cleaned part and of what was learnt. Bytes are valid during the
// call only.
type BatchCleaner interface {
	// Learn hears of one batch (verbatim bytes). full: there was no room; this
	// batch and those behind it are for another compaction.
	Learn(b []byte) (full bool, err error)
	// Clean returns what is kept of a batch: b itself if all, nil if nothing;
	// valid until the next call. What it returns must be one whole batch with
	// offsets within those of b.
	Clean(b []byte) ([]byte, error)
}

// ErrOvertaken says that a compaction was given up: the partition was truncated
// meanwhile, or dropped. Nothing has changed; try again.
var ErrOvertaken = errors.New("the partition was truncated or dropped while it was compacted")

// Pace is how fast a compaction may go, and what ends it. The zero value sets no
// limit.
type Pace struct {
	// Rate is how many bytes a second are read and written, together. It is asked
	// at each step. Nil, 0 or less: no limit.
	Rate func() int64
	// Room is how many bytes of the disk it may still take. It is asked at each
	// step, and below 0 it has taken too much: ErrDiskFull. Nil: nobody knows.
	Room func() int64
	// Stop, once it is closed, ends it: ErrStopped. Nil: never.
	Stop <-chan struct{}
}

func (p *Pace) pacer(c clock.Clock, closed <-chan struct{}) *pacer {
	rate := p.Rate
	if rate == nil {
		rate = func() int64 { return 0 }
	}
	return &pacer{clock: c, rate: rate, room: p.Room, stop: p.Stop, closed: closed, since: c.Now()}
}

// Compacted is what one compaction did, or had done when it failed.
type Compacted struct {
	To          model.Offset // the partition is clean below; 0: it failed, or there was nothing to do
	BytesLearnt int64        // of the batches handed to Learn
	BatchesRead int64        // those handed to Clean
	BytesRead   int64
	BatchesKept int64
	BytesKept   int64 // of the batches, as they are stored now
	RunBytes    int64 // what was written, with headers
	Took        time.Duration
}

// compactor is the goroutine that writes what compaction keeps of a partition,
// all of it each time, as one run of entries in side segments.
//
// The order of things is what a crash at any point can not break:
//
//  1. The run is written, and synced (compact).
//  2. An index file that says where its batches are, and that nothing else of
//     the partition is left below, is written and synced (keeper.installRun).
//  3. At one moment, in the writer's goroutine: an entry in the main log names
//     the run (commitRun), and the index and the live counters follow. Then a
//     checkpoint.
//  4. What stood there before is dead, and goes as all that is dead goes.
//
// A run that no entry names never counts, and is taken back where the compaction
// failed. Where a failed write may have named it, and nothing was written since,
// its segments stay (coldWriters.uncertain). One that is named counts for ever,
// until another is: where a start finds the entry and an index of before, it
// installs the run (recovery_cleaned.go). So "replaced" is said by the main log
// alone, and a range that was replaced hides what stood there also where it
// holds nothing.
type compactor struct {
	log      *Log
	writers  *coldWriters
	requests chan func()
	stop     chan struct{}
}

func newCompactor(l *Log) *compactor {
	return &compactor{log: l, writers: l.coldLog.newWriters(), requests: make(chan func()), stop: make(chan struct{})}
}

// run is the compactor goroutine.
func (k *compactor) run() {
	for {
		select {
		case <-k.stop:
			return
		case f := <-k.requests:
			f()
		}
	}
}

// Compact cleans the partition below a limit, rounded down to a batch's border:
// what the cleaner keeps is written to side segments, and takes the place of all
// that stood there. The partition's very last batch is never touched; the
// caller keeps the limit at or below the high watermark and the LSO. Others wait
// until it has ended: one partition is compacted at a time. Errors, all of which
// leave the partition as it was: ErrOvertaken, ErrCorrupt, ErrStopped, ErrClosed,
// ErrDiskFull, what the cleaner returned, or a disk error.
func (p *PartitionLog) Compact(limit model.Offset, c BatchCleaner, pace Pace) (done Compacted, err error) {
	k := p.log.compactor
	ended := make(chan struct{})
	f := func() {
		defer close(ended)
		if done, err = k.compact(p, limit, c, &pace); vfs.IsNoSpace(err) && !errors.Is(err, ErrDiskFull) {
			err = fmt.Errorf("%w: %w", ErrDiskFull, err)
		}
	}
	select {
	case k.requests <- f:
		<-ended
		return done, err
	case <-pace.Stop:
		return Compacted{}, ErrStopped
	case <-k.stop:
		return Compacted{}, ErrClosed
	}
}

// compact is one compaction.
func (k *compactor) compact(p *PartitionLog, limit model.Offset, cleaner BatchCleaner, pace *Pace) (Compacted, error) {
	now := k.log.env.Clock.Now
	begin := now()
	c := &compaction{
		log: k.log, partition: p, cleaner: cleaner, pacer: pace.pacer(k.log.env.Clock, k.stop),
		truncated: p.positions().Truncate, before: p.cleaned(),
	}
	err := c.why(c.perform(limit, k.writers))
	c.done.Took = now().Sub(begin)
	return c.done, err
}

// compaction is one run in the making.
type compaction struct {
	log       *Log
	partition *PartitionLog
	cleaner   BatchCleaner
	pacer     *pacer
	before    cleanedPart  // when it was planned
	truncated Position     // the partition's newest truncate entry then
	to        model.Offset // the run stands for all below
	part      cleanedPart  // what was written
	run       runWriter
	named     bool // an entry that names it is in the log, or may be, whatever was told
	done      Compacted
}

// perform does it in the order that compactor tells of.
func (c *compaction) perform(limit model.Offset, writers *coldWriters) error {
	if err := c.learn(limit); err != nil || c.to <= c.before.to {
		return err
	}
	defer writers.settled()
	if err := c.replace(writers); err != nil {
		if !c.named {
			writers.giveUp()
		}
		return err
	}
	c.done.To = c.to
	return nil
}

// replace writes the run, and has it take the place of what it was made from.
func (c *compaction) replace(writers *coldWriters) error {
	if err := c.write(writers); err != nil {
		return err
	}
	if err := writers.sync(); err != nil {
		return err
	}
	return c.log.keeper.do(func() error { return c.log.keeper.installRun(c) })
}

// learn shows the cleaner what no compaction has seen, and decides how far this
// one goes.
func (c *compaction) learn(limit model.Offset) error {
	p := c.partition
	last, ok, err := p.lastBelow(noOffset)
	if err != nil || !ok {
		return err
	}
	w := c.walk(max(c.before.to, p.Start()), min(limit, last.BaseOffset))
	defer w.close()
	for {
		e, b, ok, err := w.next()
		if err != nil || !ok {
			return err
		}
		c.done.BytesLearnt += int64(len(b))
		full, err := c.cleaner.Learn(b)
		if err != nil || full {
			return err
		}
		c.to = e.LastOffset() + 1
	}
}

// write writes what the cleaner keeps.
func (c *compaction) write(to *coldWriters) error {
	c.run = newRunWriter(c.partition.id, c.to, to)
	w := c.walk(c.partition.Start(), c.to)
	defer w.close()
	for {
		e, b, ok, err := w.next()
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		c.done.BatchesRead++
		c.done.BytesRead += int64(len(b))
		kept, err := c.cleaner.Clean(b)
		if err != nil {
			return err
		}
		if kept == nil {
			continue
		}
		c.done.BatchesKept++
		c.done.BytesKept += int64(len(kept))
		if err := c.run.add(&e, b, kept); err != nil {
			return err
		}
		if err := c.pacer.spend(int64(len(kept))); err != nil {
			return err
		}
	}
	part, err := c.run.finish()
	c.part, c.done.RunBytes = part, c.run.bytes
	return err
}

// why is why the partition could not be read: what was cut meanwhile looks like
// damage, and of what was dropped the segments may be gone.
func (c *compaction) why(err error) error {
	if (errors.Is(err, ErrCorrupt) || errors.Is(err, errMoved)) && c.overtaken() {
		return ErrOvertaken
	}
	return err
}

// overtaken reports whether the run is no longer what its partition holds: it
// was cut, or dropped, since. In the writer's goroutine that is for sure.
func (c *compaction) overtaken() bool {
	p := c.partition
	return c.log.partitions.find(p.id) != p || p.positions().Truncate != c.truncated
}
