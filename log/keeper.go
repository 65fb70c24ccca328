package log

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"sync/atomic"

	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// keeper is the one goroutine that does the log's housekeeping: checkpoints,
// counting what died, reclaiming segments. Merging index files, which may take
// long, is another's (merger).
//
// Its fields belong to that goroutine unless they are atomic; Close uses them
// after it has ended.
type keeper struct {
	log        *Log
	generation uint64 // of the newest checkpoint on disk
	damage     []checkpointDamage
	emptied    []*PartitionLog   // dropped, and counted; not durably so yet
	unusable   []asideFile       // checkpoints that recovery could not use
	condemned  map[*segment]bool // no checkpoint names them any more; owned by the writer goroutine
	last       atomic.Uint64     // Position of the newest checkpoint
	lastTime   atomic.Int64      // of it, Unix ns; 0: none in this life
	entries    atomic.Int64      // index entries in memory since the newest snapshot
	// running is closed when the checkpoint under way has ended; nil: there is
	// none that has its snapshot already.
	running atomic.Pointer[chan struct{}]

	wake        chan struct{}
	requests    chan func()
	stop        chan struct{}
	writerEnded bool
	// urgent has the first round write a checkpoint: recovery found, or scanned,
	// what should not have to be found or scanned again. A broker that is
	// killed again and again within the interval would else scan more each time.
	urgent bool
}

func newKeeper(l *Log) *keeper {
	return &keeper{
		log: l, condemned: make(map[*segment]bool),
		wake: make(chan struct{}, 1), requests: make(chan func()), stop: make(chan struct{}),
	}
}

// poke wakes the keeper early; it never blocks.
func (k *keeper) poke() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// due reports whether the log has grown enough for so many checkpoints since
// the last one.
func (k *keeper) due(written Position, checkpoints int) bool {
	return written-Position(k.last.Load()) >= Position(checkpoints)*Position(k.log.cfg.CheckpointBytes)
}

// crowded reports whether the memory that index entries take makes a
// checkpoint due. A snapshot takes those before it away.
func (k *keeper) crowded() bool { return k.entries.Load() >= int64(k.log.cfg.checkpointEntries) }

// pace is called by the writer after each group. It asks for a checkpoint when
// one is due, and when a second one is due before the first has ended it waits
// for that: recovery must not have more and more to scan.
func (k *keeper) pace(written Position) {
	k.entries.Store(int64(k.log.shared.dirty.entries))
	if !k.due(written, 1) && !k.crowded() {
		return
	}
	running := k.running.Load()
	if running == nil {
		k.poke()
		return
	}
	if k.due(written, 2) || k.crowded() {
		<-*running
	}
}

// run is the keeper goroutine.
func (k *keeper) run() {
	l := k.log
	timer := l.env.Clock.NewTimer(l.cfg.CheckpointInterval)
	defer timer.Stop()
	if k.urgent {
		k.round()
	}
	for {
		select {
		case <-k.stop:
			return
		case f := <-k.requests:
			f()
			continue
		case <-k.wake:
			if !k.due(l.syncer.end(), 1) && !k.crowded() {
				continue
			}
		case <-timer.C():
		}
		// Under a steady load the timer never fires, but rounds are as frequent.
		l.cold.trim()
		k.round()
		timer.Reset(l.cfg.CheckpointInterval)
	}
}

// round writes a checkpoint if there is anything new.
func (k *keeper) round() {
	l := k.log
	if l.latch.err() != nil || !k.urgent && Position(k.last.Load()) == l.syncer.end() {
		return
	}
	if err := k.stillThere(); err != nil {
		l.latch.set(err)
		return
	}
	if err := k.checkpoint(); err != nil && !errors.Is(err, ErrClosed) {
		l.env.Events(CheckpointFailed{Err: err})
		return
	}
	k.urgent = false
	l.merger.poke()
	l.relocator.poke()
}

// stillThere finds out whether the directory was removed or moved. The segments
// stay open, and would take what is appended to them until they are full; nobody
// would find it again.
func (k *keeper) stillThere() error {
	l := k.log
	newest := l.segments.all().last().name
	if _, err := l.env.FS.Size(path.Join(l.env.Dir, newest)); !errors.Is(err, fs.ErrNotExist) {
		return nil // what else is wrong with the directory others find
	}
	return fmt.Errorf("segment %s is not in %s any more: the directory was removed or moved while the log was open", newest, l.env.Dir)
}

// finish writes the last checkpoint and the clean mark, once the writer and
// all others have ended.
func (k *keeper) finish() error {
	l := k.log
	k.writerEnded = true
	if w := l.writer; w.newSegment {
		// The next life would go on in front of what a failed write left.
		if err := w.segments.all().last().trim(w.written); err != nil {
			return err
		}
	}
	if err := k.checkpoint(); vfs.IsNoSpace(err) {
		return fmt.Errorf("last checkpoint: %w; nothing is lost by that: the next start reads the end of the log instead", err)
	} else if err != nil {
		return fmt.Errorf("last checkpoint: %w", err)
	}
	mark := startMark{Clean: true, UncleanStarts: l.found.UncleanStarts, End: Position(k.last.Load())}
	return l.writeSmallFile(startMarkName, mark.encode())
}

// do runs f in the keeper goroutine and waits for it; ErrClosed if that has
// ended.
func (k *keeper) do(f func() error) error {
	result := make(chan error, 1)
	select {
	case k.requests <- func() { result <- f() }:
		return <-result
	case <-k.stop:
		return ErrClosed
	}
}

// inWriter runs f in the writer goroutine, between two groups.
func (k *keeper) inWriter(f func()) error {
	if k.writerEnded {
		f()
		return nil
	}
	done := make(chan struct{})
	if !k.log.queue.run(func() { f(); close(done) }) {
		return ErrClosed
	}
	<-done
	return nil
}

// snapshot has the writer take a snapshot.
func (k *keeper) snapshot() (s *snapshot, err error) {
	err = k.inWriter(func() { s = k.takeSnapshot() })
	return s, err
}

// syncTo waits until the log is durable up to a Position.
func (k *keeper) syncTo(at Position) error {
	l := k.log
	if l.syncer.position() >= at {
		return nil
	}
	done := make(chan error, 1)
	l.syncer.sync(func(err error) { done <- err })
	return <-done
}

// merger is the goroutine that merges index files in the background.
type merger struct {
	log  *Log
	wake chan struct{}
	stop chan struct{}
}

func newMerger(l *Log) *merger {
	return &merger{log: l, wake: make(chan struct{}, 1), stop: make(chan struct{})}
}

func (m *merger) poke() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// run is the merger goroutine.
func (m *merger) run() {
	l := m.log
	for {
		select {
		case <-m.stop:
			return
		case <-m.wake:
		}
		for more := true; more && l.latch.err() == nil; {
			var err error
			if more, err = l.indexes.merge(l.partitions.findOrGrave); err != nil {
				l.env.Events(BackgroundFailed{What: "merging index files", Err: err})
			}
			select {
			case <-m.stop:
				return
			default:
			}
		}
	}
}
