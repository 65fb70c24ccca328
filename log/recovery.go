package log

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/log/index"
)

// errUnknownPartition refuses a start: the metadata does not know a partition
// that the log holds, so one of the two belongs to something else.
var errUnknownPartition = errors.New("the log holds a partition that the metadata does not know; " +
	"log and metadata do not belong together, nothing was changed. If the metadata is an older copy, put the newer one back; if there is none, " +
	"`mainstem log salvage --adopt` makes a topic for each such partition")

// errMissing refuses a start: a file that must be there is not.
var errMissing = errors.New("a file of the log is missing; nothing was changed")

// recovery is one run of Open's work on the disk, in this order:
//
//	look:   read marks, checkpoint and indexes, open the chain of segments
//	replay: scan from the checkpoint on, apply what is good, find the end
//	settle: raise the start counter, set files aside, write the tail again,
//	        begin a new segment
//
// Nothing on the disk changes before settle, and settle begins by making the
// raised counter durable.
type recovery struct {
	log   *Log
	found *Recovery

	mark        startMark
	markFault   error // why the mark says nothing, or nil
	fresh       bool
	names       []string
	checkpoints []*checkpoint // newest first
	chosen      *checkpoint   // the one recovery starts from, or nil
	aside       []asideFile   // to be set aside in settle
	coldLost    []asideFile   // segments of the cold log whose salt nobody knows
	unusable    []asideFile   // checkpoints, to be set aside once there is a new one
	temps       []string      // to be removed in settle

	replay replay
	runs   []*foundRun     // of compactions that the indexes do not know of
	unsure []PositionRange // of the cold log: met by this start, and perhaps not durable
}

// asideFile is a file that recovery sets aside, and why.
type asideFile struct{ name, why string }

// recover finds what is on the disk and makes the log ready to write.
func (l *Log) recover() error {
	begin := l.env.Clock.Now()
	r := &recovery{log: l, found: &l.found}
	if err := r.look(); err != nil {
		return err
	}
	if err := r.run(); err != nil {
		return err
	}
	if err := r.settle(); err != nil {
		return err
	}
	l.found.Took = l.env.Clock.Now().Sub(begin)
	return nil
}

// look reads everything that is small.
func (r *recovery) look() error {
	l := r.log
	var err error
	if r.names, err = l.env.FS.List(l.env.Dir); err != nil {
		return fmt.Errorf("list files: %w", err)
	}
	if err := r.readMark(); err != nil {
		return err
	}
	if err := r.readSalvaged(); err != nil {
		return err
	}
	if err := r.readCheckpoints(); err != nil {
		return err
	}
	if err := r.openChain(); err != nil {
		return err
	}
	if err := r.openCold(); err != nil {
		return err
	}
	if err := r.countStarts(); err != nil {
		return err
	}
	r.fresh = len(l.segments.all()) == 0
	switch {
	case r.fresh && len(r.checkpoints) > 0:
		return fmt.Errorf("%w: there is a checkpoint, but no segment", errMissing)
	case r.fresh && len(r.coldLost)+len(l.coldLog.segments.all()) > 0:
		return fmt.Errorf("%w: there is a cold log, but no segment of the main one", errMissing)
	}
	r.found.Fresh = r.fresh
	r.found.Unclean = !r.fresh && !r.mark.Clean
	return nil
}

// readMark reads the start mark. Without it, or with a damaged one, the start
// is unclean.
func (r *recovery) readMark() error {
	b, err := r.log.readSmallFile(startMarkName)
	if errors.Is(err, fs.ErrNotExist) {
		r.markFault = err
		return nil
	}
	if vfs.IsBadMedium(err) {
		r.markFault = fmt.Errorf("%w: %w", errStartMark, err)
		return nil
	}
	if err != nil {
		return err
	}
	r.mark, err = decodeStartMark(b)
	if errors.Is(err, errStartMark) {
		r.markFault, err = err, nil
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", startMarkName, err)
	}
	return nil
}

// countStarts makes sure of the count of unclean starts. Leader epochs are made
// of it: too low a one would let consumers take new records for lost ones. Each
// unclean start makes a segment that carries the count before it serves
// anything, so the largest in the log is it; what such a segment took the place
// of, or had set aside, carries a lower one, in its header or in its name.
func (r *recovery) countStarts() error {
	l := r.log
	starts, known := r.mark.UncleanStarts, false
	for _, s := range l.segments.all() {
		starts = max(starts, s.UncleanStarts)
		known = !s.repaired // the counts ascend: the last one is what matters
	}
	for _, name := range r.names {
		starts = max(starts, quarantineStarts(name))
	}
	r.mark.UncleanStarts = starts
	switch {
	case r.markFault == nil || len(l.segments.all()) == 0:
		return nil
	case !known && !errors.Is(r.markFault, fs.ErrNotExist):
		return fmt.Errorf("read %s: %w, and so is the header of the last segment, which would tell the count of unclean starts; "+
			"the other segments tell %d. Put the file back from a copy; or remove it to go on with that count: leader epochs may then "+
			"be given twice, and consumers of asynchronously flushed topics may not notice a lost tail", startMarkName, r.markFault, starts)
	}
	l.env.Events(StartMarkRestored{UncleanStarts: starts, Why: r.markFault})
	return nil
}

// run loads the checkpoint's state and replays the log behind it.
func (r *recovery) run() error {
	l := r.log
	if err := r.loadCheckpoint(); err != nil {
		return err
	}
	if err := r.checkSegments(); err != nil {
		return err
	}
	if err := r.checkCold(); err != nil {
		return err
	}
	r.replay = replay{log: l, rebuild: r.chosen == nil && !r.fresh, events: l.env.Events}
	if r.chosen != nil {
		r.replay.begin(r.chosen.Position, r.chosen.Previous)
	} else if c := l.segments.all(); len(c) > 0 {
		r.replay.begin(c[0].First, lastEntry{})
	}
	r.replay.synced = r.knownSynced()
	if r.replay.rebuild {
		l.env.Events(RebuildBegins{Why: r.rebuildReason(), Young: r.young()})
		if err := r.findCopies(); err != nil {
			return err
		}
	}
	if !r.endKnown() {
		if err := r.scan(); err != nil {
			return err
		}
	}
	if err := r.gatherRuns(); err != nil {
		return err
	}
	r.installRebuilt()
	r.found.ScannedBytes = r.replay.scanned + r.replay.copies.read
	r.found.Corrupt = r.replay.corrupt
	r.found.TornBytes = r.replay.torn()
	r.found.RebuiltIndex = r.replay.rebuild
	r.fenceFound()
	r.findShort()
	r.findShortCold()
	r.keepGiven()
	r.refuseOwners()
	return nil
}

// scan replays the log. Behind the end that a clean mark names there may be
// what a failed write left, which was nobody's: only good entries count there.
func (r *recovery) scan() error {
	if err := r.replay.run(r.log.segments.all()); err != nil {
		return err
	}
	if r.mark.Clean && r.replay.end == r.mark.End {
		r.replay.written = r.replay.lastGood
	}
	return nil
}

// knownSynced is what is known to be durable before anything is scanned: by the
// start mark, and by each checkpoint, whatever became of its indexes.
func (r *recovery) knownSynced() Position {
	synced := r.mark.End
	for _, c := range r.checkpoints {
		synced = max(synced, c.Synced)
	}
	return synced
}

// endKnown reports whether the log ends where its checkpoint says, so that
// nothing has to be scanned: a clean mark names the end, and is taken away
// before anything is appended.
func (r *recovery) endKnown() bool {
	return r.mark.Clean && r.chosen != nil && r.chosen.Position == r.mark.End
}

// loadCheckpoint gives the partitions the state of the newest checkpoint whose
// indexes are whole. If there is none, all is rebuilt by scanning the log.
// Those that are passed over stay until a new one is on disk: if this start
// dies half way, the next one has to know what they know to be durable.
func (r *recovery) loadCheckpoint() error {
	l := r.log
	for _, c := range r.checkpoints {
		err := l.indexes.open(c.Indexes)
		if err == nil {
			err = r.loadPartitions()
		}
		if err == nil {
			r.chosen = c
			return nil
		}
		if !indexUnusable(err) {
			return err
		}
		r.unusable = append(r.unusable, asideFile{checkpointName(c.Generation), err.Error()})
		l.partitions = newPartitionTable()
		l.liveness.take()
		if err := l.indexes.close(); err != nil {
			return err
		}
	}
	return nil
}

// indexUnusable reports whether the indexes of a checkpoint are gone or damaged,
// so that only scanning the log brings them back. What passes by itself, as a
// lack of descriptors, does not cost hours of that; nor does what a newer
// program wrote, or a partition that nobody knows.
func indexUnusable(err error) bool {
	for _, e := range []error{index.ErrCorrupt, errState, fs.ErrNotExist, io.ErrUnexpectedEOF, io.EOF} {
		if errors.Is(err, e) {
			return !newerFormat(err)
		}
	}
	return vfs.IsBadMedium(err)
}

func (r *recovery) loadPartitions() error {
	l := r.log
	unknown := model.PartitionID(0)
	err := l.indexes.load(func(id model.PartitionID) *PartitionLog {
		switch l.env.Standing(id) {
		case Live:
			return l.Partition(id)
		case Dropped:
			// It comes back to count its bytes as dead, and to be forgotten.
			p := l.Partition(id)
			p.refuse(ErrDropped)
			return p
		case Unknown:
		}
		unknown = id
		return nil
	})
	if unknown != 0 {
		return fmt.Errorf("%w: partition %d", errUnknownPartition, unknown)
	}
	if err != nil {
		return err
	}
	for _, p := range l.partitions.all() {
		if errors.Is(p.Refused(), ErrDropped) {
			l.Drop(p.ID())
		}
	}
	return nil
}

// refuseOwners has partitions refuse appends to which damage of unknown owner
// may belong: those that have no entry behind it.
func (r *recovery) refuseOwners() {
	l := r.log
	var damage []checkpointDamage
	if r.chosen != nil {
		damage = r.chosen.Damage
	}
	if len(r.replay.unowned) > 0 {
		most := r.maxPartition()
		for _, d := range r.replay.unowned {
			damage = append(damage, checkpointDamage{PositionRange: d, MaxPartition: most})
		}
	}
	damage = l.damage.open(damage)
	l.keeper.damage = damage
	for _, p := range l.partitions.all() {
		l.refuseIfOwner(p)
	}
}

// refuseIfOwner refuses appends to a partition that may have lost its end.
func (l *Log) refuseIfOwner(p *PartitionLog) {
	for _, d := range l.keeper.damage {
		if p.ID() <= d.MaxPartition && !saysEndBehind(p.positions(), d.From) {
			p.refuse(ErrOwnerUnknown)
			l.refusing.Store(true)
		}
	}
}

// partitionGapMax is how many ids in a row may be unknown to the metadata
// before the search for the highest one ends. Ids are given in order.
const partitionGapMax = 4096

// maxPartition is the highest partition id that the metadata knows.
func (r *recovery) maxPartition() model.PartitionID {
	most := model.PartitionID(0)
	if all := r.log.partitions.all(); len(all) > 0 {
		most = all[len(all)-1].ID()
	}
	for id := most + 1; id-most < partitionGapMax; id++ {
		if r.log.env.Standing(id) != Unknown {
			most = id
		}
	}
	return most
}

// saysEndBehind reports whether an entry at or behind a Position tells where
// the partition ends.
func saysEndBehind(at entryPositions, from Position) bool {
	for _, p := range []Position{at.Batches, at.Truncate, at.State} {
		if p != noPosition && p >= from {
			return true
		}
	}
	return false
}
