package log

import (
	"fmt"
	"slices"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// guessedRun is a damaged entry of the main log that named a run, as a rebuild
// meets it: that there was one, and up to which offset, is known by the entry
// behind it. Which run it was is not; but of those that were written up to
// there the newest that is whole says what the partition held then, be it that
// another was named.
type guessedRun struct {
	to     model.Offset
	before cleanedPart // what counted until then
}

// guessRun takes note of a damaged cleaned-to entry.
func (r *replay) guessRun(p *PartitionLog, at Position, to model.Offset) {
	if r.guessed == nil {
		r.guessed = make(map[*PartitionLog]guessedRun)
	}
	before := p.cleaned()
	if before.run == noPosition {
		left := before.to // by truncations
		before = r.guessed[p].before
		before.to = min(before.to, left)
	}
	r.guessed[p] = guessedRun{to: to, before: before}
	p.applyCleanedTo(at, cleanedPart{run: noPosition, to: to}, p.lastEpoch())
}

// decide finds the run that a damaged entry most likely named. If there is none
// the partition stays as it was before; false: it was not compacted then.
func (r *recovery) decide(f *foundRun) bool {
	p := f.partition
	all := f.pieces
	for end := len(all); end > 0; {
		from := end - 1
		for from > 0 && all[from-1].run == all[from].run {
			from--
		}
		last := &all[end-1]
		if last.to != f.guess.to {
			break // the one before, or older
		}
		f.pieces = all[from:end]
		f.part = cleanedPart{run: last.run, to: f.part.to, end: last.end, entries: last.sequence + 1}
		if last.last && len(f.lost(p.Start())) == 0 {
			p.settleRun(f.part, true)
			return true
		}
		end = from
	}
	f.part = p.settleRun(f.guess.before, f.guess.before.to > 0)
	f.pieces = slices.DeleteFunc(all, func(x runPiece) bool { return x.run != f.part.run })
	r.log.env.Events(CorruptionFound{What: fmt.Sprintf("partition %d: it was compacted below offset %d, and what was left there is not found", p.id, f.guess.to)})
	return f.part.to > 0
}

// settleRun takes over what was found out about a run, as far as truncations
// have left it, and returns that.
func (p *PartitionLog) settleRun(c cleanedPart, uninstalled bool) cleanedPart {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.to = min(c.to, p.mu.state.cleanedPart().to)
	p.mu.state.setCleaned(c, p.mu.state.cleanedLost())
	p.mu.uninstalled = uninstalled
	return c
}
