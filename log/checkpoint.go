package log

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"time"
)

// snapshot is the log as of one Position, taken between two groups.
type snapshot struct {
	at         Position
	previous   lastEntry       // ends there
	partitions []*PartitionLog // that changed since the snapshot before
	number     uint32
	segments   []snapshotSegment
	coldEnd    Position
	dead       []*deadRange // died before, not counted yet
}

// snapshotSegment is a segment and what was counted of it then.
type snapshotSegment struct {
	segment *segment
	counted checkpointSegment
}

// takeSnapshot is called by the writer goroutine, or when that has ended.
func (k *keeper) takeSnapshot() *snapshot {
	l := k.log
	s := &snapshot{at: l.writer.written, previous: lastEntry{l.writer.previous, l.writer.prevSize}, dead: l.liveness.take()}
	s.partitions, s.number = l.shared.dirty.snapshot()
	k.entries.Store(0)
	for _, c := range []chain{l.segments.all(), l.coldLog.segments.all()} {
		for _, seg := range c {
			if !k.condemned[seg] {
				s.segments = append(s.segments, snapshotSegment{seg, checkpointSegment{
					First: seg.First, Generation: seg.Generation, LiveBytes: seg.live.Load(), HeldBytes: seg.held.Load(),
					Salt: seg.Salt, Log: seg.Log,
				}})
			}
		}
	}
	s.coldEnd = l.coldLog.end()
	return s
}

// list is the segments of the main log, or the others.
func (s *snapshot) list(cold bool) (list []checkpointSegment) {
	for i := range s.segments {
		if x := s.segments[i].counted; cold == (x.Log != mainLog) {
			list = append(list, x)
		}
	}
	return list
}

// checkpoint makes everything that recovery needs durable as of one Position,
// so that it has to scan from there only. In this order, each step durable
// before the next begins: the log up to the Position, the index file, the
// checkpoint that names it.
func (k *keeper) checkpoint() error {
	l := k.log
	begin := l.env.Clock.Now()
	s, err := k.snapshot()
	if err != nil {
		return err
	}
	ended := make(chan struct{})
	k.running.Store(&ended)
	defer func() {
		k.running.Store(nil)
		close(ended)
	}()
	if err := k.finishCheckpoint(s); err != nil {
		return err
	}
	k.last.Store(uint64(s.at))
	now := l.env.Clock.Now()
	k.lastTime.Store(now.UnixNano())
	l.env.Events(CheckpointWritten{At: s.at, Partitions: len(s.partitions), Took: now.Sub(begin)})
	return nil
}

func (k *keeper) finishCheckpoint(s *snapshot) error {
	l := k.log
	if err := k.bury(s); err != nil {
		thawAll(s.partitions, s.number)
		k.restore(s)
		return err
	}
	if err := k.syncTo(s.at); err != nil {
		return err // the log has latched or is closed: nothing to restore for
	}
	if _, err := l.indexes.write(s.partitions, s.number); err != nil {
		k.restore(s)
		return err
	}
	c := checkpoint{
		Generation: k.generation + 1,
		Position:   s.at,
		Synced:     max(s.at, l.syncer.position()),
		Previous:   s.previous,
		Segments:   s.list(false),
		Cold:       s.list(true),
		ColdEnd:    s.coldEnd,
		Indexes:    l.indexes.list(),
		Damage:     k.damage,
	}
	if err := l.writeSmallFile(checkpointName(c.Generation), c.encode()); err != nil {
		return err
	}
	k.generation = c.Generation
	for _, p := range k.emptied {
		l.layToRest(p)
	}
	k.emptied = nil
	return errors.Join(l.indexes.checkpointed(), k.setAside(), k.removeCheckpoints())
}

// bury counts what died before the snapshot, in the segments and in what the
// checkpoint will say of them, and empties dropped partitions: what the
// checkpoint counts no longer must not be found in its indexes.
func (k *keeper) bury(s *snapshot) error {
	at := make(map[*segment]*checkpointSegment, len(s.segments))
	for i := range s.segments {
		at[s.segments[i].segment] = &s.segments[i].counted
	}
	unheard := make(map[*PartitionLog]bool)
	defer func() {
		s.partitions = slices.DeleteFunc(s.partitions, func(p *PartitionLog) bool { return unheard[p] })
	}()
	for len(s.dead) > 0 {
		d := s.dead[0]
		err := k.log.liveness.count(d, func(seg *segment, bytes int64) {
			if c := at[seg]; c != nil {
				c.LiveBytes -= bytes
			}
		})
		if errors.Is(err, ErrCorrupt) {
			// It will not get better, and checkpoints must go on. The bytes stay
			// counted as live, so that their segments stay too.
			k.log.env.Events(BackgroundFailed{What: "counting dead bytes", Err: err})
			k.log.liveness.giveUp(d)
			err = nil
		}
		if err != nil {
			return err
		}
		if d.dropped {
			k.emptied = append(k.emptied, d.partition)
			unheard[d.partition] = d.partition.empty(s.number)
		}
		s.dead = s.dead[1:]
	}
	return nil
}

// restore gives back what a failed checkpoint has taken.
func (k *keeper) restore(s *snapshot) {
	l := k.log
	l.liveness.giveBack(s.dead)
	task := func() { l.shared.dirty.restore(s.partitions) }
	if !l.queue.run(task) && k.writerEnded {
		task()
	}
}

// setAside renames the checkpoints that recovery could not use. Their place is
// taken by the one that is now on disk.
func (k *keeper) setAside() error {
	for len(k.unusable) > 0 {
		f := k.unusable[0]
		if _, err := k.log.quarantine(f.name, f.why); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		k.unusable = k.unusable[1:]
	}
	return nil
}

// removeCheckpoints removes the generations that are not kept.
func (k *keeper) removeCheckpoints() error {
	l := k.log
	names, err := l.env.FS.List(l.env.Dir)
	if err != nil {
		return fmt.Errorf("list checkpoints: %w", err)
	}
	for _, name := range names {
		g, ok := parseCheckpointName(name)
		if !ok || g+checkpointsKept > k.generation {
			continue
		}
		if err := l.env.FS.Remove(path.Join(l.env.Dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove checkpoint: %w", err)
		}
	}
	return nil
}

// lastCheckpoint is when the newest checkpoint of this life was written.
func (k *keeper) lastCheckpoint() time.Time {
	n := k.lastTime.Load()
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n)
}
