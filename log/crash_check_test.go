package log

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// check holds what was recovered against the history.
func (r *crashRun) check(l *crashLife, found *Recovery) error {
	past := r.past
	switch {
	case past.clean && (found.Unclean || found.UncleanStarts != past.starts || found.TornBytes > 0 && past.flip == nil):
		return fmt.Errorf("the last end was clean: %+v", *found)
	case !past.clean && !past.unsure && !found.Fresh && (!found.Unclean || found.UncleanStarts <= past.starts):
		return fmt.Errorf("the last end was not clean, and there were %d unclean starts: %+v", past.starts, *found)
	case past.flip == nil && len(found.Corrupt)+len(found.ColdCorrupt) > 0:
		return fmt.Errorf("damage without a flipped bit: %+v%s", *found, r.tellDisk())
	}
	state := map[model.PartitionID]*crashFound{}
	for _, c := range r.clients {
		state[c.id] = gatherCrashFound(l.log.Partition(c.id))
		state[c.id].misread = r.misread
	}
	if err := l.holdsWhatLives(); err != nil {
		return err
	}
	settle := crashSettle{found: state, cached: past.cached, rebuilt: past.remade}
	if past.flip != nil {
		var err error
		if settle.ignore, err = r.judgeFlip(found); err != nil {
			return err
		}
		settle.cached, settle.state = 0, past.flip.entry.Header.Kind == KindPartitionState
	}
	lost, err := r.history.settle(&settle)
	if err != nil {
		return err
	}
	if hit := settle.ignore; !settle.hitSpared && l.log.Partition(hit).Refused() == nil {
		start, end := r.history.window(hit)
		return fmt.Errorf("partition %d was hit: it is [%d, %d) now, was [%d, %d), and takes appends",
			hit, state[hit].start, state[hit].end, start, end)
	}
	if err := r.checkCursors(l, state[settle.ignore]); err != nil {
		return err
	}
	r.countRecovery(l, found, lost)
	r.past = crashPast{starts: found.UncleanStarts, flip: past.flip}
	for _, c := range r.clients {
		c.flying = nil
		_ = c.takeBroken()
		l.meet(c)
		c.resume(r, state[c.id])
	}
	return nil
}

// holdsWhatLives: no segment of the cold log counts fewer bytes than live in it. A
// rebuild takes it for what a crash left if some of these are gone.
func (l *crashLife) holdsWhatLives() error {
	err := l.log.keeper.do(func() error { // which moves both, one after the other
		for _, s := range l.log.coldLog.segments.all() {
			if held, live := s.held.Load(), s.live.Load(); held < live {
				return fmt.Errorf("segment %s holds %d bytes, and %d live", s.name, held, live)
			}
		}
		return nil
	})
	if errors.Is(err, ErrClosed) {
		return nil
	}
	return err
}

func (r *crashRun) countRecovery(l *crashLife, found *Recovery, lost int) {
	r.count.recoveries.Add(1)
	r.count.lost.Add(int64(lost))
	if found.Unclean {
		r.count.unclean.Add(1)
	}
	if found.RebuiltIndex {
		r.count.rebuilds.Add(1)
		if l.holdsCopies(false) {
			r.count.coldRebuilds.Add(1)
		}
		if l.holdsCopies(true) {
			r.count.sideRebuilds.Add(1)
		}
	}
}

// resume has the producer go on where the log says it stands.
func (c *crashClient) resume(r *crashRun, f *crashFound) {
	s, ok := f.producers[c.producer]
	if !ok {
		c.newProducer(r)
		return
	}
	c.epoch, c.sequence, c.txns.open = s.Epoch, 0, s.TxnFirst >= 0
	if s.N > 0 {
		c.sequence = s.Batches[s.N-1].LastSequence + 1
	}
}

// judgeFlip decides whether the damage was dealt with as it must be, and which
// partition may show it.
func (r *crashRun) judgeFlip(found *Recovery) (hit model.PartitionID, err error) {
	f := r.past.flip
	h := &f.entry.Header
	told := false
	for _, c := range found.Corrupt {
		if c.From < f.entry.At || c.To > f.entry.End {
			return 0, fmt.Errorf("damage [%d, %d) reported, only [%d, %d) was hit", c.From, c.To, f.entry.At, f.entry.End)
		}
		told = true
	}
	synced, scanned := f.synced, Position(0)
	if f.checkpoint != nil {
		synced = max(synced, f.checkpoint.Synced)
		if !found.RebuiltIndex {
			scanned = f.checkpoint.Position
		}
	}
	if h.Kind.ownsPartition() {
		hit = h.Partition
	}
	switch {
	case told:
		r.count.flipsTold.Add(1)
		return hit, nil
	case f.entry.At < scanned:
		r.count.flipsUnseen.Add(1)
		return hit, nil
	case f.entry.At >= synced:
		// It looks like a torn tail, and no entry says that it was more.
		r.count.flipsInTail.Add(1)
		r.history.forget(f.entry.At)
		// Behind the end of a clean mark stands only what was refused.
		if found.TornBytes == 0 && (!f.last || !r.past.clean) {
			return 0, errors.New("the flipped entry and what stood behind it are gone, and nothing says so")
		}
		return 0, nil
	default:
		return 0, fmt.Errorf("the flipped bit was not noticed: %+v", *found)
	}
}

// crashCursor is a consumer of an async partition: the batch that it read
// last.
type crashCursor struct {
	id    model.PartitionID
	batch crashBatch
}

// consume has a consumer read some batch of an async partition.
func (l *crashLife) consume(c *crashClient) {
	alive := l.run.history.alive(c.id)
	if c.sync || len(alive) == 0 {
		return
	}
	l.run.cursors = append(l.run.cursors, crashCursor{c.id, alive[len(alive)-1-l.rng.IntN(min(4, len(alive)))]})
}

func (r *crashRun) forgetCursors(id model.PartitionID) {
	r.cursors = slices.DeleteFunc(r.cursors, func(c crashCursor) bool { return c.id == id })
}

// checkCursors: a consumer whose last batch is gone must be able to notice, by
// the answer to "where did my leader epoch end?" (KIP-320). Of a partition that
// was hit, and is settled without a look at it, the history may end behind a
// truncation that the log has lost: what it has itself is there all the same.
func (r *crashRun) checkCursors(l *crashLife, hit *crashFound) error {
	var kept []crashCursor
	for _, c := range r.cursors {
		h := &c.batch.header
		next := h.LastOffset() + 1
		start := r.history.consumed(c.id)
		alive := r.history.alive(c.id)
		if hit != nil && hit.id == c.id {
			alive = append(alive, hit.batches...)
		}
		there := slices.ContainsFunc(alive, func(b crashBatch) bool { return bytes.Equal(b.bytes, c.batch.bytes) })
		if there || next <= start {
			kept = append(kept, c)
			continue
		}
		if epoch, end := l.log.Partition(c.id).EpochEnd(h.LeaderEpoch); epoch >= h.LeaderEpoch && end >= next {
			return fmt.Errorf("partition %d: a consumer has read up to offset %d in epoch %d, that is gone, and the answer is epoch %d up to %d",
				c.id, next, h.LeaderEpoch, epoch, end)
		}
		r.count.told.Add(1)
		if r.rng.IntN(2) == 0 {
			kept = append(kept, c) // it did not ask this time
		}
	}
	r.cursors = kept
	return nil
}
