package log

import (
	"errors"
	"fmt"
	"path"
	"slices"
)

// Reclaim unlinks the segments that hold no live bytes and lie below the
// checkpoint. It returns how many, and how many bytes of disk came back.
//
// A dead segment may still hold the newest entry that says where a partition
// starts or ends, or that truncated one whose cut records an older segment
// still has. Indexes must be rebuildable from what remains, so before anything
// is unlinked such partitions are restated by a partition-state entry, and
// checkpoints that no longer name the segments are on disk; two of them, since
// recovery may have to fall back by one.
func (l *Log) Reclaim() (segments int, bytes int64, err error) {
	err = l.keeper.do(func() error {
		segments, bytes, err = l.keeper.reclaim()
		return err
	})
	return segments, bytes, err
}

func (k *keeper) reclaim() (int, int64, error) {
	// Count what died since the last checkpoint; without that nothing new is dead.
	if err := k.checkpoint(); err != nil {
		return 0, 0, err
	}
	k.log.merger.poke() // a round may find nothing left to write
	k.log.relocator.poke()
	dead := k.deadSegments()
	if len(dead) == 0 {
		return 0, 0, nil
	}
	err := k.restate(dead)
	if err == nil {
		err = k.inWriter(func() {
			for _, r := range dead {
				k.condemned[r.segment] = true
			}
		})
	}
	for range checkpointsKept {
		if err == nil {
			err = k.checkpoint()
		}
	}
	if err != nil {
		return 0, 0, err
	}
	return k.unlink(dead)
}

// deadSegments are those without live bytes that no checkpoint needs.
func (k *keeper) deadSegments() []segmentRange {
	c := k.log.segments.all()
	below := Position(k.last.Load())
	var dead []segmentRange
	for i, s := range c {
		end := c.end(i, below)
		if i+1 < len(c) && end <= below && s.live.Load() == 0 {
			dead = append(dead, segmentRange{s, end})
		}
	}
	for _, s := range k.log.coldLog.segments.all() {
		if s.live.Load() == 0 && !k.log.coldLog.isOpen(s) {
			dead = append(dead, segmentRange{s, s.limit()})
		}
	}
	return dead
}

// mainOnly leaves out the segments of the cold log.
func mainOnly(list []segmentRange) []segmentRange {
	return slices.DeleteFunc(slices.Clone(list), func(r segmentRange) bool { return r.Log != mainLog })
}

// restateMax bounds how many partitions are restated at once: as long as that
// takes the writer does nothing else, and their states take memory.
const restateMax = 256

// restate writes a partition-state entry for each partition that only the dead
// segments speak of. Nothing is ever said in these again, so a partition that
// needs no entry when it is looked at needs none later.
func (k *keeper) restate(dead []segmentRange) error {
	var list []*PartitionLog
	for _, p := range k.log.partitions.all() {
		if !p.restatedBehind(dead) {
			list = append(list, p)
		}
	}
	for some := range slices.Chunk(list, restateMax) {
		var failed error
		err := k.inWriter(func() { failed = k.restateSome(some) })
		if err = errors.Join(err, failed); err != nil {
			return err
		}
	}
	return nil
}

// restateSome writes the entries of some partitions, but for those that were
// dropped meanwhile. It runs in the writer goroutine.
func (k *keeper) restateSome(partitions []*PartitionLog) error {
	l := k.log
	var list []*Append
	failed := &firstFailure{}
	for _, p := range partitions {
		if l.partitions.find(p.id) == p {
			list = append(list, &Append{
				Partition: p, Kind: KindPartitionState, Epoch: p.lastEpoch(), BaseOffset: p.End(),
				Payload: p.stateEntry(), Generation: p.Generation(), Done: failed,
			})
		}
	}
	for len(list) > 0 {
		list = list[l.writer.step(list):]
	}
	return failed.err
}

// restatedBehind reports whether all that a dead segment says of the partition
// is also said behind it.
func (p *PartitionLog) restatedBehind(dead []segmentRange) bool {
	at := p.positions()
	// What was cleaned away told of epochs and producers, its copies too.
	cleaned := at.Cleaned != noPosition && (at.State == noPosition || at.State < at.Cleaned)
	for _, r := range dead {
		if r.Log != mainLog {
			// Of borders these say nothing.
			if cleaned && !r.Log.isSide() {
				return false
			}
			continue
		}
		in := func(x Position) bool { return x != noPosition && x >= r.First && x < r.End }
		if at.State != noPosition && at.State >= r.End {
			continue
		}
		// Where it was truncated behind the segment, another truncation may stand in
		// it. Of what that cut, producers would be back once what was written in its
		// place is gone too.
		truncated := at.Truncate != noPosition && at.Truncate >= r.First
		if in(at.Batches) || truncated || in(at.LogStart) || in(at.Cleaned) || in(at.State) || p.remembersDead() {
			return false
		}
		if cleaned && r.First < at.Cleaned {
			return false
		}
	}
	return true
}

// remembersDead reports whether the partition knows of a producer, or of its
// transactions, what only dead batches say: that is not tied to retention.
func (p *PartitionLog) remembersDead() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.state.remembersBelow(p.mu.state.start)
}

// unlink removes dead segments. Answers in flight keep their descriptors.
func (k *keeper) unlink(dead []segmentRange) (n int, bytes int64, err error) {
	l := k.log
	if err := k.trimBefore(dead); err != nil {
		return 0, 0, err
	}
	gone := make(map[*segment]bool)
	for _, r := range dead {
		if err = l.env.FS.Remove(path.Join(l.env.Dir, r.name)); err != nil {
			err = fmt.Errorf("remove segment: %w", err)
			break
		}
		gone[r.segment] = true
		size := r.taken()
		bytes += size
		l.env.Events(SegmentRemoved{Name: r.name, Bytes: size})
	}
	l.segments.remove(gone)
	l.coldLog.segments.remove(gone)
	l.damage.main.forget(l.segments.all())
	l.damage.cold.forget(l.coldLog.segments.all())
	if forget := k.inWriter(func() {
		for s := range gone {
			delete(k.condemned, s)
		}
	}); err == nil {
		err = forget
	}
	if syncErr := l.env.FS.SyncDir(l.env.Dir); err == nil {
		err = syncErr
	}
	return len(gone), bytes, err
}

// trimBefore cuts the files in front of dead segments at their ends, durably:
// only the successor tells where that is, and behind it may stand whole entries
// that a failed write left.
func (k *keeper) trimBefore(dead []segmentRange) error {
	c := k.log.segments.all()
	for _, r := range mainOnly(dead) {
		s := c.before(r.segment)
		if s == nil || s.Salt != r.PreviousSalt || s.limit() <= r.First || slices.ContainsFunc(dead, func(d segmentRange) bool { return d.segment == s }) {
			continue
		}
		if err := s.trim(r.First); err != nil {
			return err
		}
	}
	return nil
}

// firstFailure remembers that an append failed before it was written, which
// the writer tells at once. Nobody waits for the disk: what depends on these
// entries waits for the checkpoint behind them.
type firstFailure struct{ err error }

// Written implements Completion.
func (*firstFailure) Written(*Append) {}

// Durable implements Completion.
func (*firstFailure) Durable(*Append) {}

// Failed implements Completion. After Written it means that the log has
// latched, which the checkpoint meets as well; only the writer's goroutine may
// set err.
func (f *firstFailure) Failed(a *Append, err error) {
	if !errors.Is(err, ErrLatched) && f.err == nil {
		f.err = fmt.Errorf("write a %v entry of partition %d: %w", a.Kind, a.Partition.ID(), err)
	}
}
