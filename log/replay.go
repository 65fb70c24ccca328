package log

import (
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// replay scans the log from a Position, applies what is good, and finds where
// the log ends.
//
// The rules, for bytes at X that are no entry, S the highest Position known
// durable, and Y the first good entry behind X:
//
//	X >= S          a torn tail: the log ends at X
//	X < S, Y <= S   damage: [X, Y) is fenced, the log goes on
//	X < S, S < Y    damage up to S, and a torn tail there: the log ends at S
//
// S is known only when all is read, so from the first bad bytes on items wait
// in undecided until a syncedPos settles them. That is two groups as a rule.
type replay struct {
	log     *Log
	events  func(Event)
	rebuild bool     // from the log's beginning: pieces may have been reclaimed
	synced  Position // S so far

	end       Position // X: where the log ends
	lastGood  Position // end of the last good entry, also behind X
	written   Position // end of what looks written: entries, and bytes that are none
	previous  entryIdentity
	prevSize  uint32
	scanned   int64
	corrupt   []PositionRange
	unowned   []PositionRange // damage whose owners are not known
	undecided []scanItem
	dropped   map[model.PartitionID]bool
	told      Position // of the last progress event
	copies    copies   // in a rebuild: what the cold log holds
	guessed   map[*PartitionLog]guessedRun
}

// progressStep is how many bytes of a rebuild go by between two events.
const progressStep = 256 << 20

// begin sets from where the log is replayed, and the entry before that.
func (r *replay) begin(from Position, previous lastEntry) {
	r.end, r.lastGood, r.written = from, from, from
	r.previous, r.prevSize = previous.Identity, previous.Size
}

// run scans the chain.
func (r *replay) run(c chain) error {
	r.dropped = make(map[model.PartitionID]bool)
	s := newScanner(c, r.end)
	s.synced = r.synced
	for {
		item, err := s.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		r.synced = max(r.synced, s.synced)
		if item.Kind == scanEntry {
			r.lastGood = item.End
		}
		r.progress(c, s.at)
		if len(r.undecided) == 0 && item.Kind == scanEntry {
			if err := r.apply(&item); err != nil {
				return err
			}
			continue
		}
		item.keep()
		r.undecided = append(r.undecided, item)
		if err := r.settle(); err != nil {
			return err
		}
	}
	r.scanned, r.written = s.read, max(r.lastGood, s.written)
	if err := r.finish(); err != nil {
		return err
	}
	return r.applyCopies(positionMax)
}

// settle applies the undecided items whose fate the S known so far decides.
func (r *replay) settle() error {
	for len(r.undecided) > 0 {
		first := &r.undecided[0]
		if first.Kind == scanEntry {
			if err := r.apply(first); err != nil {
				return err
			}
			r.undecided = r.undecided[1:]
			continue
		}
		good := r.firstGood()
		if good == nil || good.At > r.synced {
			return nil
		}
		if err := r.fence(first, first.End); err != nil {
			return err
		}
		r.undecided = r.undecided[1:]
	}
	return nil
}

// firstGood is the first good entry among the undecided items, or nil.
func (r *replay) firstGood() *scanItem {
	for i := range r.undecided {
		if r.undecided[i].Kind == scanEntry {
			return &r.undecided[i]
		}
	}
	return nil
}

// finish decides about what is left when all is read.
func (r *replay) finish() error {
	for len(r.undecided) > 0 && r.undecided[0].At < r.synced {
		// Damage that reaches to S at least: entries above S that no good entry
		// below it leads to are cut.
		first := &r.undecided[0]
		if first.Kind == scanEntry {
			break
		}
		if err := r.fence(first, min(first.End, r.synced)); err != nil {
			return err
		}
		r.end = min(first.End, r.synced)
		r.undecided = r.undecided[1:]
	}
	if r.end < r.synced && len(r.undecided) == 0 {
		r.note(PositionRange{r.end, r.synced}, "the file ends before the last Position known durable")
		r.unowned = append(r.unowned, PositionRange{r.end, r.synced})
		r.end = r.synced
		r.previous, r.prevSize = entryIdentity{}, 0
	}
	return nil
}

// torn is the number of bytes behind the end that look written, whether good
// entries stand among them or not: the damaged last entry of a log looks like
// one that was never whole.
func (r *replay) torn() int64 { return max(int64(r.written)-int64(r.end), 0) }

// goodBehind reports whether good entries stand behind the end.
func (r *replay) goodBehind() bool { return r.lastGood > r.end }

// apply applies a good entry.
func (r *replay) apply(it *scanItem) error {
	if err := r.applyCopies(it.At); err != nil {
		return err
	}
	h := &it.Header
	r.end, r.previous, r.prevSize = it.End, h.entryIdentity, h.Size
	_, _ = r.copies.before(it.At + 1) // a copy of this very entry
	if !h.Kind.ownsPartition() {
		return nil
	}
	p, err := r.partition(h.Partition)
	if p == nil || err != nil {
		if seg := r.log.segments.all().find(it.At); seg != nil && h.Kind == KindBatches {
			seg.held.Add(int64(h.Payload))
		}
		return err
	}
	if h.Kind != KindBatches {
		if err := r.log.liveness.applyControl(p, h, it.Payload); err != nil {
			return fmt.Errorf("replay %v entry at %d: %w", h.Kind, h.Position, err)
		}
		return nil
	}
	if end := p.End(); h.BaseOffset != end && !r.rebuild && len(r.corrupt) == 0 {
		r.note(PositionRange{it.At, it.End},
			fmt.Sprintf("partition %d goes on at offset %d, it ended at %d", h.Partition, h.BaseOffset, end))
	}
	return r.applyBatches(p, h, r.log.segments.all().find(it.At), batchesApplied{
		Entry: it.At, Distance: entryHeaderSize, Headers: it.Batches, Controls: it.Controls,
	})
}

// partition returns the partition of an entry; nil if it was dropped.
func (r *replay) partition(id model.PartitionID) (*PartitionLog, error) {
	if p := r.log.partitions.find(id); p != nil {
		return p, nil
	}
	if r.dropped[id] {
		return nil, nil
	}
	switch r.log.env.Standing(id) {
	case Live:
		p := r.log.Partition(id)
		if r.rebuild {
			p.rebuild()
		}
		return p, nil
	case Dropped:
		r.dropped[id] = true
		return nil, nil
	case Unknown:
	}
	return nil, fmt.Errorf("%w: partition %d", errUnknownPartition, id)
}

// fence takes note of damaged bytes [it.At, to), and of whose they were. What
// the cold log has of them is not lost.
func (r *replay) fence(it *scanItem, to Position) error {
	if err := r.applyCopies(to); err != nil {
		return err
	}
	r.note(PositionRange{it.At, to}, it.Why.Error())
	r.end = to
	if it.Kind == scanDamaged {
		r.previous, r.prevSize = it.Header.entryIdentity, it.Header.Size
		r.applyDamaged(it.At, it.Header.entryIdentity)
		return nil
	}
	r.previous, r.prevSize = entryIdentity{}, 0
	// The item behind a gap has a good header: it names the entry before it.
	if len(r.undecided) < 2 || r.undecided[1].At != it.End {
		r.unowned = append(r.unowned, PositionRange{it.At, to})
		return nil
	}
	next := &r.undecided[1].Header
	if it.End < to+Position(next.PreviousSize) {
		// Else it stood above S: it is cut, not damaged, and was promised to nobody.
		r.applyDamaged(it.At, next.Previous)
	}
	if next.Previous.Kind == 0 || it.At+Position(next.PreviousSize) != it.End {
		r.unowned = append(r.unowned, PositionRange{it.At, to})
	}
	return nil
}

// applyDamaged does what is known of an entry that can not be read.
func (r *replay) applyDamaged(at Position, id entryIdentity) {
	if !id.Kind.ownsPartition() {
		return
	}
	p, err := r.partition(id.Partition)
	if p == nil || err != nil {
		return // a partition that nobody knows loses nothing
	}
	switch id.Kind {
	case KindBatches:
		if end := id.BaseOffset + model.Offset(id.LastDelta) + 1; end > p.End() {
			p.applyHole(at, end)
		}
	case KindTruncate, KindLogStart:
		h := entryHeader{entryIdentity: id, Position: at, Epoch: p.lastEpoch()}
		if err := r.log.liveness.applyControl(p, &h, nil); err != nil {
			r.events(BackgroundFailed{What: "counting dead bytes", Err: err})
		}
	case KindPartitionState:
		// Restates what replay knows already, but in a rebuild. What it said of
		// producers is lost.
		if r.rebuild {
			p.applyHole(at, id.BaseOffset)
			if start := id.BaseOffset - model.Offset(id.LastDelta); id.LastDelta < math.MaxInt32 && start > p.Start() {
				from := p.Start()
				p.applyLogStart(at, start, p.lastEpoch())
				r.log.liveness.note(&deadRange{partition: p, from: from, to: start})
			}
		}
	case KindCleanedTo:
		// Without a rebuild what it takes the place of is there still.
		if r.rebuild {
			r.guessRun(p, at, id.BaseOffset)
		}
	case KindSyncMark, KindPad, KindRelocated, KindCleaned:
	}
}

func (r *replay) note(at PositionRange, what string) {
	if at.From < at.To {
		r.corrupt = append(r.corrupt, at)
		r.events(CorruptionFound{Range: at, What: what, Given: holds(r.log.damage.main.accepted, at)})
	}
}

func (r *replay) progress(c chain, at Position) {
	if r.rebuild && at >= r.told+progressStep {
		r.told = at
		r.events(RebuildProgress{At: at, End: c.last().limit()})
	}
}
