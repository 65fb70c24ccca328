package log

import (
	"sort"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/log/index"
)

// applyCleanedTo takes a cleaned-to entry. The index follows with installed: at
// the same moment in a log that lives, at the end of a recovery.
func (p *PartitionLog) applyCleanedTo(at Position, c cleanedPart, epoch model.LeaderEpoch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.touchLocked()
	state := &p.mu.state
	state.raiseEpoch(epoch)
	state.applyCleanedTo(c)
	state.at.Cleaned = at
	p.mu.uninstalled = true
}

// cleaned says what of the partition is cleaned.
func (p *PartitionLog) cleaned() cleanedPart {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.state.cleanedPart()
}

// gapEnd is how far a gap at an offset is none of damage: compaction left
// nothing there, up to limit or further. It is the offset itself where a gap is
// damage.
func (p *PartitionLog) gapEnd(from, limit model.Offset) model.Offset {
	p.mu.Lock()
	defer p.mu.Unlock()
	end := max(from, min(limit, p.mu.state.cleanedPart().to))
	for _, r := range p.mu.state.cleanedLost() {
		if r.to > from && r.from < end {
			end = max(from, r.from)
		}
	}
	return end
}

// passable is how far a gap at an offset, up to limit, is none that reads fail
// of: compaction left nothing there, or salvage gave it up. The two lie side by
// side where compaction left gaps around what was lost.
func (p *PartitionLog) passable(from, limit model.Offset) model.Offset {
	for from = p.gapEnd(from, limit); from < limit; from = p.gapEnd(from, limit) {
		to, given := p.log.damage.alike(p.id, from)
		if !given {
			return from
		}
		from = min(to, limit)
	}
	return from
}

// installed has the index find below the end of the cleaned part what a run
// holds, and nothing else: entries are those of the run, with a file on the disk
// that holds them from start on. below is TotalBytes of what was cleaned, or
// stood there before. It is called by the goroutine that applies.
//
// Of transactions that were aborted below nothing is left. That is forgotten
// here, and not by the entry that names the run: until the index follows, reads
// find what they wrote.
func (p *PartitionLog) installed(f *index.File, start uint32, entries []index.Entry, below uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.touchLocked()
	state, x := &p.mu.state, &p.mu.index
	to := state.cleanedPart().to
	blocks := make([]index.Block, 0, len(x.blocks)+2)
	if n := len(entries); n > 0 {
		blocks = append(blocks, index.Block{
			File: f, First: entries[0].BaseOffset, End: min(entries[n-1].LastOffset()+1, to), Start: start, Count: uint32(n),
		})
	}
	for _, b := range x.blocks {
		if b.First = max(b.First, to); b.First < b.End {
			blocks = append(blocks, b)
		}
	}
	x.blocks, x.read = blocks, nil
	if x.frozen != nil {
		x.frozen.shown = above(x.frozen.shown, to)
	}
	x.tail = above(x.tail, to)
	state.aborted.forget(to)
	c := &p.mu.checkpoint
	if c.filed.oldest == nil {
		c.filed.oldest = f
	}
	c.filed.newest = f
	c.start = min(c.start, state.start) // a merge must not take what this file has below it
	if c.truncatedTo >= 0 {
		// The next section must not cut what this file has, which is newer than the
		// truncation.
		c.truncatedTo = max(c.truncatedTo, to)
	}
	if state.start < to {
		state.totals.startBytes = startBytesOf(entries, state.start, below)
	}
	p.mu.uninstalled = false
}

// installedInMemory is installed for a partition whose index is being made
// anew: all of it is in memory. Sums are counted from the beginning again.
func (p *PartitionLog) installedInMemory(entries []index.Entry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.touchLocked()
	state, x := &p.mu.state, &p.mu.index
	rest := above(x.tail, state.cleanedPart().to)
	p.log.shared.dirty.entries += len(entries) + len(rest) - len(x.tail)
	all := make([]index.Entry, 0, len(entries)+len(rest))
	all = append(append(all, entries...), rest...)
	totals := indexTotals{runningMax: noTimestamp}
	for i := range all {
		e := &all[i]
		totals.runningMax = max(totals.runningMax, e.MaxTimestamp)
		totals.bytes += uint64(e.Length)
		e.RunningMax, e.TotalBytes = totals.runningMax, totals.bytes
	}
	x.tail = all
	state.totals = totals
	state.totals.startBytes = startBytesOf(all, state.start, totals.bytes)
	state.aborted.forget(state.cleanedPart().to)
	p.mu.uninstalled = false
}

// beginning is the number of the first entry that begins at an offset or above.
func beginning(entries []index.Entry, offset model.Offset) int {
	return sort.Search(len(entries), func(i int) bool { return entries[i].BaseOffset >= offset })
}

// above are the entries that begin at an offset or above. One that reaches over
// it from below is, in a rebuild, what a truncation cut of which nothing is left
// to tell: all of it is below the log start.
func above(entries []index.Entry, offset model.Offset) []index.Entry {
	n := beginning(entries, offset)
	if n == len(entries) {
		return nil
	}
	return entries[n:len(entries):len(entries)]
}

// startBytesOf is TotalBytes of what lies wholly below the log start; below is
// that of the last entry.
func startBytesOf(entries []index.Entry, start model.Offset, below uint64) uint64 {
	if n := reaching(entries, start); n < len(entries) {
		return entries[n].TotalBytes - uint64(entries[n].Length)
	}
	return below
}
