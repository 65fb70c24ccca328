package log

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/log/index"
)

// foundRun is what recovery found in side segments of the run that a partition's
// state names.
type foundRun struct {
	partition *PartitionLog
	part      cleanedPart
	guess     *guessedRun // the entry that names the run is damaged
	pieces    []runPiece
}

// runPiece is one entry of a run.
type runPiece struct {
	cleanedPrefix

	first, end model.Offset
	entries    []index.Entry
	uncounted  *segment // that does not count it as held yet; nil: it does
}

// gatherRuns finds, when all of the log is replayed, the runs that partitions'
// states name and their indexes do not know of: in a rebuild all, else those of
// compactions that no checkpoint followed. A run counts only when an entry of the
// main log names it, and the newest that is named is the one that counts; so
// nothing else in a side segment is alive.
func (r *recovery) gatherRuns() error {
	l := r.log
	wanted := make(map[model.PartitionID]*foundRun)
	for _, p := range l.partitions.all() {
		if part, ok := p.uninstalledRun(); ok {
			wanted[p.id] = &foundRun{partition: p, part: part}
			if g, guessed := r.replay.guessed[p]; guessed && part.run == noPosition {
				wanted[p.id].guess = &g
			}
			r.runs = append(r.runs, wanted[p.id])
		}
	}
	if len(wanted) == 0 && !r.replay.rebuild {
		return nil
	}
	for _, seg := range l.coldLog.segments.all() {
		if !seg.Log.isSide() || !r.replay.rebuild && !mayHold(seg, r.runs) {
			continue
		}
		if err := r.scanSide(seg, wanted); err != nil {
			return err
		}
	}
	r.runs = slices.DeleteFunc(r.runs, func(f *foundRun) bool {
		f.sort()
		if f.guess != nil && !r.decide(f) {
			return true
		}
		f.count()
		r.noteLost(f)
		return false
	})
	return nil
}

// uninstalledRun is the run that the index does not speak of yet, if there is one.
func (p *PartitionLog) uninstalledRun() (cleanedPart, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.mu.state.cleanedPart()
	return c, p.mu.uninstalled && c.to > 0
}

// mayHold reports whether entries of one of the runs may stand in a segment:
// they begin at the run's name, and are never copied further down.
func mayHold(seg *segment, runs []*foundRun) bool {
	return slices.ContainsFunc(runs, func(f *foundRun) bool {
		return f.part.entries > 0 && seg.Log == sideLog(f.partition.id) && seg.limit() > f.part.run
	})
}

// scanSide takes what is wanted of a side segment.
func (r *recovery) scanSide(seg *segment, wanted map[model.PartitionID]*foundRun) error {
	named := r.chosen != nil && slices.ContainsFunc(r.chosen.Cold, func(c checkpointSegment) bool { return c.First == seg.First })
	durable := int64(0)
	if r.replay.rebuild {
		durable = r.durableIn(seg)
	}
	found, err := scanCold(seg, durable, func(it *scanItem) error {
		if it.Header.Kind != KindCleaned {
			return nil
		}
		if !named {
			seg.held.Add(int64(it.Header.Payload - cleanedPrefixSize))
		}
		if f := wanted[it.Header.Partition]; f != nil {
			f.take(it, seg, named)
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.replay.copies.read += found.read
	r.unsure = append(r.unsure, found.unsure...)
	for _, x := range found.bad {
		r.found.ColdCorrupt = append(r.found.ColdCorrupt, x.PositionRange)
		r.coldFound(x.PositionRange, seg.name, fmt.Sprintf("side segment %s: %v", seg.name, x.why))
	}
	return nil
}

// take takes an entry of the run. uncounted: its segment does not count it.
func (f *foundRun) take(it *scanItem, seg *segment, uncounted bool) {
	h, prefix := &it.Header, decodeCleanedPrefix(it.Payload)
	if f.guess != nil {
		if prefix.to != f.guess.to && prefix.run != f.guess.before.run {
			return
		}
	} else if f.part.entries == 0 || prefix.run != f.part.run {
		return
	}
	piece := runPiece{cleanedPrefix: prefix, first: h.BaseOffset, end: h.BaseOffset + model.Offset(h.LastDelta) + 1}
	for i := range it.Batches {
		b := &it.Batches[i]
		piece.entries = append(piece.entries, index.Entry{
			BaseOffset: b.BaseOffset, LastOffsetDelta: b.LastOffsetDelta, Log: uint8(seg.Log), Length: uint32(b.Size), MaxTimestamp: b.MaxTimestamp,
		})
	}
	if uncounted {
		piece.uncounted = seg
	}
	placeCleaned(piece.entries, it.At, h.AppendTime)
	f.pieces = append(f.pieces, piece)
}

// sort puts the entries in order. One that was found before is a copy: the first
// can be relied on, as with all that was relocated.
func (f *foundRun) sort() {
	slices.SortStableFunc(f.pieces, func(a, b runPiece) int {
		return cmp.Or(cmp.Compare(a.run, b.run), cmp.Compare(a.sequence, b.sequence))
	})
	f.pieces = slices.CompactFunc(f.pieces, func(a, b runPiece) bool { return a.run == b.run && a.sequence == b.sequence })
}

// count has segments that a checkpoint named hold what they have of the run: that
// was counted by none, which comes once a run is installed. It is durable, or no
// entry would name it. Where a compaction failed although it was named a
// checkpoint may have counted it all the same; so never more than there is.
func (f *foundRun) count() {
	for i := range f.pieces {
		s := f.pieces[i].uncounted
		if s == nil {
			continue
		}
		n := s.held.Load()
		for k := range f.pieces[i].entries {
			n += int64(f.pieces[i].entries[k].Length)
		}
		s.held.Store(max(s.held.Load(), min(n, int64(s.limit()-s.First)-entryHeaderSize)))
	}
}

// entries are the batches of the run that no truncation cut.
func (f *foundRun) entries() (all []index.Entry) {
	for i := range f.pieces {
		all = append(all, f.pieces[i].entries...)
	}
	return all[:reaching(all, f.part.to)]
}

// lost are the offsets that missing entries held. One that a reader can not ask
// for may be gone: its segment died. What comes behind it tells where it ended;
// and where a truncation cut the run, its end may have died.
func (f *foundRun) lost(start model.Offset) (lost []offsetRange) {
	note := func(from, to model.Offset) {
		if from, to = max(from, start), min(to, f.part.to); from < to {
			lost = append(lost, offsetRange{from, to})
		}
	}
	sequence, end := uint32(0), model.Offset(0)
	for i := range f.pieces {
		x := &f.pieces[i]
		if x.sequence > sequence {
			note(end, x.previousEnd)
		}
		sequence, end = x.sequence+1, x.end
	}
	wholeTo := f.part.to // when the run was written
	if len(f.pieces) > 0 {
		wholeTo = f.pieces[0].to
	}
	if sequence < f.part.entries && f.part.end <= f.part.to && wholeTo == f.part.to {
		note(end, f.part.end)
	}
	return lost
}

// noteLost has reads of what damage took of a run fail, and says so.
func (r *recovery) noteLost(f *foundRun) {
	p := f.partition
	lost := f.lost(p.Start())
	p.mu.Lock()
	p.mu.state.setCleaned(p.mu.state.cleanedPart(), lost)
	p.mu.Unlock()
	for _, x := range lost {
		r.log.env.Events(CorruptionFound{What: fmt.Sprintf("partition %d: what its compaction left of the offsets %d to %d is missing", p.id, x.from, x.to-1)})
	}
}

// installRebuilt puts the runs into indexes that are made anew, which are all in
// memory.
func (r *recovery) installRebuilt() {
	var left []*foundRun
	for _, f := range r.runs {
		p := f.partition
		if !p.isWhole() {
			left = append(left, f)
			continue
		}
		entries := f.entries()
		x := runInstall{patch: patch{partition: p}}
		x.count(p.tailBelow(f.part.to), -1)
		x.count(entries, 1)
		p.installedInMemory(entries)
		x.counted()
		r.tellInstalled(f, len(entries))
	}
	r.runs = left
}

func (r *recovery) tellInstalled(f *foundRun, batches int) {
	r.log.env.Events(RunInstalled{Partition: f.partition.id, To: f.part.to, Batches: batches})
}

// isWhole reports whether the partition's index is being made anew.
func (p *PartitionLog) isWhole() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.checkpoint.whole && len(p.mu.index.blocks) == 0
}

// tailBelow are the entries in memory that begin below an offset.
func (p *PartitionLog) tailBelow(to model.Offset) []index.Entry {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.index.tail[:beginning(p.mu.index.tail, to)]
}

// installRuns does what was left to do for compactions that the log names.
func (r *recovery) installRuns() error {
	l := r.log
	if len(r.runs) == 0 {
		return nil
	}
	installs := make([]runInstall, len(r.runs))
	patches := make([]patch, len(r.runs))
	for i, f := range r.runs { // ascending by partition
		x, err := f.partition.planInstall(f.part.to, f.entries())
		if err != nil {
			return fmt.Errorf("install the compaction of partition %d: %w", f.partition.id, err)
		}
		installs[i], patches[i] = x, x.patch
	}
	file, err := l.indexes.writePatches(patches)
	if err != nil {
		return err
	}
	start := uint32(0)
	for i := range installs {
		installs[i].install(file, start)
		start += uint32(len(installs[i].entries))
		r.tellInstalled(r.runs[i], len(installs[i].entries))
	}
	l.indexes.add(file)
	return nil
}
