package log

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/log/index"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// audit reads the log below the checkpoint, where recovery does not look, and
// holds it against the indexes. All of it is known to be durable, so whatever
// is bad there is damage.
//
// Both sides come in the order of the log, so that one walk compares them: for
// each partition it remembers where in the index it stands, and which batches
// the index lacks. A batch that the index lacks is in order if a later entry
// cut it.
type audit struct {
	damaged []badRange
	below   Position // the checkpoint
	owners  map[model.PartitionID]*auditOwner
	walks   map[model.PartitionID]*indexIterator
	log     *Log
	report  *CheckReport

	missing, extra, wrong int
	examples              []string
}

// badRange is damage and the reason why.
type badRange struct {
	PositionRange
	why string
}

// auditOwner is a partition in an audit.
type auditOwner struct {
	partition *PartitionLog
	start     model.Offset
	entry     index.Entry  // the next one of the index that was not met in the log
	more      bool         // there is one
	elsewhere model.Offset // below it the index points into another log: copies here do not count
	lacking   []auditBatch
}

// auditBatch is a batch that the index lacks.
type auditBatch struct {
	base, last model.Offset
	at         Position
}

// walksMax bounds how many partitions keep their place in the index in memory.
const walksMax = 2048

// auditExamples is how many differences are told one by one.
const auditExamples = 3

func (a *audit) bad(r PositionRange, why string) { a.damaged = append(a.damaged, badRange{r, why}) }

// hit reports whether a Position lies in damage.
func (a *audit) hit(p Position) bool {
	return slices.ContainsFunc(a.damaged, func(r badRange) bool { return p >= r.From && p < r.To })
}

// run walks over the log up to the chosen checkpoint. Without one there is no
// index to compare with, and the replay reads everything.
func (a *audit) run(c *checker) error {
	l := c.recovery.log
	a.log, a.report = l, c.report
	chain := l.segments.all()
	for i := 1; i < len(chain); i++ {
		if s := chain[i-1]; chain[i].PreviousSalt == s.Salt && s.limit() < chain[i].First {
			a.bad(PositionRange{s.limit(), chain[i].First}, "segment "+s.name+" has lost its end")
		}
	}
	if c.recovery.chosen == nil {
		return nil
	}
	a.below = c.recovery.chosen.Position
	a.owners = make(map[model.PartitionID]*auditOwner)
	a.walks = make(map[model.PartitionID]*indexIterator)
	s := newScanner(chain, chain[0].First)
	for {
		item, err := s.next()
		if errors.Is(err, io.EOF) || err == nil && item.At >= a.below {
			break
		}
		if err != nil {
			return fmt.Errorf("read the log: %w", err)
		}
		if item.Kind != scanEntry {
			a.bad(PositionRange{item.At, min(item.End, a.below)}, item.Why.Error())
			continue
		}
		if err := a.meet(c, &item); err != nil {
			return err
		}
	}
	return a.end()
}

// meet takes a good entry.
func (a *audit) meet(c *checker, it *scanItem) error {
	h := &it.Header
	if !h.Kind.ownsPartition() {
		return nil
	}
	a.report.Batches += int64(len(it.Batches))
	if c.standing(h.Partition) != Live {
		return nil
	}
	o, err := a.owner(h.Partition)
	if err != nil {
		return err
	}
	switch h.Kind {
	case KindTruncate, KindPartitionState:
		o.cut(h.BaseOffset)
	case KindBatches:
		at := it.At + entryHeaderSize
		for i := range it.Batches {
			if err := a.compare(o, &it.Batches[i], at); err != nil {
				return err
			}
			at += Position(it.Batches[i].Size)
		}
	case KindLogStart, KindSyncMark, KindPad, KindRelocated, KindCleaned, KindCleanedTo:
	}
	return nil
}

// owner finds a partition, and its first place in the index.
func (a *audit) owner(id model.PartitionID) (*auditOwner, error) {
	if o := a.owners[id]; o != nil {
		return o, nil
	}
	o := &auditOwner{partition: a.log.Partition(id)}
	// What stood below was cleaned, or is gone: entries of it that are left do not count.
	o.start = max(o.partition.Start(), o.partition.cleaned().to)
	a.owners[id] = o
	return o, a.step(o, o.partition.Start())
}

// step moves to the index entry that holds from, or the next above it.
func (a *audit) step(o *auditOwner, from model.Offset) error {
	id := o.partition.ID()
	it := a.walks[id]
	if it == nil {
		if len(a.walks) >= walksMax {
			clear(a.walks)
		}
		var err error
		if it, err = o.partition.iterate(from); err != nil {
			return a.indexFailed(o, err)
		}
		a.walks[id] = it
	}
	e, _, more, err := it.next()
	for err == nil && more && logID(e.Log) != mainLog {
		o.elsewhere = e.LastOffset() + 1
		e, _, more, err = it.next()
	}
	if err != nil {
		return a.indexFailed(o, err)
	}
	o.entry, o.more = e, more && Position(e.Position) < a.below
	return nil
}

// indexFailed tells damage of an index from a disk that can not be read.
func (a *audit) indexFailed(o *auditOwner, err error) error {
	o.more = false
	if errors.Is(err, ErrCorrupt) {
		a.differ(&a.wrong, fmt.Sprintf("partition %d: %v", o.partition.ID(), err))
		return nil
	}
	return fmt.Errorf("read the index of partition %d: %w", o.partition.ID(), err)
}

// cut forgets what a later entry of the log took back.
func (o *auditOwner) cut(end model.Offset) {
	o.lacking = slices.DeleteFunc(o.lacking, func(b auditBatch) bool { return b.last >= end })
}

// compare holds a batch of the log against the index.
func (a *audit) compare(o *auditOwner, h *batch.Header, at Position) error {
	o.cut(h.BaseOffset)
	if h.LastOffset() < max(o.start, o.elsewhere) {
		return nil
	}
	for o.more && Position(o.entry.Position) < at {
		a.unmet(o)
		if err := a.step(o, o.entry.LastOffset()+1); err != nil {
			return err
		}
	}
	if !o.more || Position(o.entry.Position) != at {
		o.lacking = append(o.lacking, auditBatch{h.BaseOffset, h.LastOffset(), at})
		return nil
	}
	if e := &o.entry; e.BaseOffset != h.BaseOffset || e.LastOffset() != h.LastOffset() || int(e.Length) != h.Size || e.MaxTimestamp != h.MaxTimestamp {
		a.differ(&a.wrong, fmt.Sprintf("partition %d, at %d: the index says offsets %d to %d, %d bytes, the log %d to %d, %d bytes",
			o.partition.ID(), at, e.BaseOffset, e.LastOffset(), e.Length, h.BaseOffset, h.LastOffset(), h.Size))
	}
	return a.step(o, o.entry.LastOffset()+1)
}

// unmet takes an index entry whose batch the log does not have.
func (a *audit) unmet(o *auditOwner) {
	if e := &o.entry; !a.hit(Position(e.Position)) {
		a.differ(&a.extra, fmt.Sprintf("partition %d: the index has offsets %d to %d at %d, the log has not",
			o.partition.ID(), e.BaseOffset, e.LastOffset(), e.Position))
	}
}

func (a *audit) differ(count *int, example string) {
	*count++
	if len(a.examples) < auditExamples {
		a.examples = append(a.examples, example)
	}
}

// end takes what is left on either side, and what the log never mentioned.
func (a *audit) end() error {
	for _, p := range a.log.partitions.all() {
		o, err := a.owner(p.ID())
		if err != nil {
			return err
		}
		for o.more {
			a.unmet(o)
			if err := a.step(o, o.entry.LastOffset()+1); err != nil {
				return err
			}
		}
		o.cut(p.End())
		for _, b := range o.lacking {
			a.differ(&a.missing, fmt.Sprintf("partition %d: the log has offsets %d to %d at %d, the index has not", p.ID(), b.base, b.last, b.at))
		}
		o.lacking = nil
	}
	clear(a.walks)
	return nil
}
