package log

import (
	"errors"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/log/index"
)

// runInstall is what changes when a partition's run takes its place.
type runInstall struct {
	patch

	bytes map[*segment]int64 // that come to live by it, less those that die
	below uint64             // TotalBytes of the last batch that it takes the place of
}

// planInstall finds out what the entries of a run take the place of, in the index
// as it is now. It comes between two checkpoints: what died before the last of
// them is counted as dead already, and what died since will be, by what the index
// says then. So all that is above the log start as of then changes sides.
func (p *PartitionLog) planInstall(to model.Offset, entries []index.Entry) (runInstall, error) {
	counted := min(p.durableStart(), p.Start()) // a truncation may have lowered it
	entries = entries[reaching(entries, counted):]
	entries = entries[:reaching(entries, to)]
	x := runInstall{patch: patch{partition: p, Range: index.Range{To: to}, entries: entries}}
	x.count(entries, 1)
	p.mu.Lock()
	x.below = p.mu.state.totals.startBytes
	p.mu.Unlock()
	it, err := p.iterate(counted)
	if err != nil {
		return x, err
	}
	for {
		e, _, ok, err := it.next()
		if err != nil {
			return x, err
		}
		if !ok || e.BaseOffset >= to {
			break
		}
		x.below = e.TotalBytes
		x.count([]index.Entry{e}, -1)
	}
	x.sum()
	return x, nil
}

// count takes note of the bytes that entries bring, or take with a sign of -1.
// In the writer's goroutine there is no time for it.
func (x *runInstall) count(entries []index.Entry, sign int64) {
	if x.bytes == nil {
		x.bytes = make(map[*segment]int64)
	}
	for i := range entries {
		e := &entries[i]
		if seg := x.partition.log.segmentsOf(logID(e.Log)).all().find(Position(e.Position)); seg != nil {
			x.bytes[seg] += sign * int64(e.Length)
		}
	}
}

// sum fills in what entries tell of those before them. Sums of bytes are counted
// from the end, so that those of what follows stay right. The running maximum
// starts anew: it ends at or below that of what follows, which knows of all that
// was there.
func (x *runInstall) sum() {
	newest, bytes := int64(noTimestamp), x.below
	for i := range x.entries {
		newest = max(newest, x.entries[i].MaxTimestamp)
		x.entries[i].RunningMax = newest
	}
	for i := len(x.entries) - 1; i >= 0; i-- {
		e := &x.entries[i]
		e.TotalBytes = max(bytes, uint64(e.Length))
		bytes = e.TotalBytes - uint64(e.Length)
	}
}

// install has index and counters follow, at one moment: it is called by the
// goroutine that applies. A file on disk holds the entries from start on.
func (x *runInstall) install(f *index.File, start uint32) {
	x.partition.installed(f, start, x.entries, x.below)
	x.counted()
}

// counted has the live counters follow.
func (x *runInstall) counted() {
	for seg, n := range x.bytes {
		seg.live.Add(n)
	}
}

// installRun has the log name a run that was written and synced, and the index
// find it. It runs in the keeper goroutine, so that no checkpoint comes in
// between. A checkpoint before it counts what died so far, and has the index
// speak from the disk of all that is replaced; one behind it spares the next
// start the work.
func (k *keeper) installRun(c *compaction) error {
	l := k.log
	if err := k.checkpoint(); err != nil {
		return err
	}
	x, err := c.partition.planInstall(c.to, c.run.entries)
	if err != nil {
		return err
	}
	err = k.file([]patch{x.patch}, func(f *index.File) error {
		if c.overtaken() {
			return ErrOvertaken
		}
		if err := c.commit(); err != nil {
			return err
		}
		x.install(f, 0)
		l.env.Events(PartitionCompacted{Partition: c.partition.id, To: c.to, Run: c.part.run, Entries: int(c.part.entries), Bytes: c.done.BytesKept})
		return nil
	})
	if err != nil {
		return err
	}
	c.run.writers.counted() // whose goroutine waits for this one
	if err := k.checkpoint(); err != nil {
		// The run is in place whatever becomes of that.
		l.env.Events(CheckpointFailed{Err: err})
	}
	return nil
}

// commit writes the entry that names the run. It runs in the writer goroutine.
func (c *compaction) commit() error {
	p, failed := c.partition, &firstFailure{}
	list := []*Append{{
		Partition: p, Kind: KindCleanedTo, Epoch: p.lastEpoch(), BaseOffset: c.to,
		Payload: c.part.payload(), Generation: p.Generation(), Done: failed,
	}}
	for len(list) > 0 {
		list = list[c.log.writer.step(list):]
	}
	if p.cleaned() == c.part {
		c.named, c.run.writers.uncertain = true, false // this stands behind all that failed
		return nil
	}
	if errors.Is(failed.err, errWrite) {
		// A start may find the run named by what the write has left. Where that can
		// not be cut off now, as the next segment would, the run has to stay.
		w := c.log.writer
		if err := w.segments.all().last().trim(w.written); err != nil {
			c.named, c.run.writers.uncertain = true, true
		}
	}
	return errors.Join(failed.err, c.log.latch.err())
}
