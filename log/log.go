package log

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// Standing is what the metadata says of a partition id.
type Standing uint8

// The standings.
const (
	Unknown Standing = iota // never heard of: the log refuses to start
	Live
	Dropped // its topic was deleted
)

// Env is what the log needs from its surroundings.
type Env struct {
	FS    vfs.FS
	Dir   string // exists, locked by the caller
	Clock clock.Clock
	// Standing tells of each partition id found on disk.
	Standing func(model.PartitionID) Standing
	// Events hears of state changes worth a log line or a metric. May be nil.
	Events func(Event)
	// Fatal is called once when the log can not go on, with ErrLatched and why: an
	// fsync failed, or the directory is gone. The log has latched: every append
	// fails. The process should exit.
	Fatal func(error)
}

// Event is a typed log event; see events.go.
type Event interface{ String() string }

// Errors of the log, compared by errors.Is.
var (
	ErrOutOfRange   = errors.New("offset out of range")
	ErrCorrupt      = errors.New("the stored bytes are damaged")
	ErrOwnerUnknown = errors.New("damage in the log may belong to this partition; run `mainstem log salvage`")
	ErrDiskFull     = errors.New("no space left on the device")
	ErrLatched      = errors.New("the log has stopped, and takes nothing more until the broker starts again")
	ErrClosed       = errors.New("the log is closed")
	ErrStale        = errors.New("built on an append that failed")
	ErrTooLarge     = errors.New("larger than a segment")
	ErrEpoch        = errors.New("leader epoch is lower than the log's")
	ErrDropped      = errors.New("the partition was deleted")
	ErrStopped      = errors.New("stopped by its caller")
)

// Log is one broker's CommitLog.
type Log struct {
	cfg   Config
	env   Env
	found Recovery

	partitions *partitionTable
	shared     partitionShared
	segments   *segments
	indexes    *indexFiles
	liveness   *liveness
	queue      *queue
	writer     *writer
	syncer     *syncer
	ring       *ring
	cold       *coldLane
	coldLog    *coldLog
	latch      *latch
	keeper     *keeper
	merger     *merger
	damage     *damage
	scrub      *scrub
	refusing   atomic.Bool // some partition refuses appends: the owners of damage are unknown
	relocator  *relocator
	compactor  *compactor

	writing sync.WaitGroup // the writer
	syncing sync.WaitGroup // the syncer
	keeping sync.WaitGroup // keeper, merger, relocator, compactor and scrub
}

// Open recovers the log in env.Dir (or makes a new one) and starts its
// goroutines. The returned Recovery says what was found.
func Open(cfg Config, env Env) (*Log, *Recovery, error) {
	l := assemble(cfg, env)
	env = l.env
	if err := l.recover(); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("open log in %s: %w", env.Dir, err),
			l.indexes.close(), l.segments.close(), l.coldLog.segments.close())
	}
	l.syncer.idle = func() { l.queue.run(l.writer.writeMark) }
	l.writing.Go(l.writer.run)
	l.syncing.Go(l.syncer.run)
	l.keeping.Go(l.keeper.run)
	l.keeping.Go(l.merger.run)
	if l.indexes.mergeable() != nil {
		l.merger.poke() // short lives leave more files than they merge
	}
	l.keeping.Go(l.relocator.run)
	l.keeping.Go(l.compactor.run)
	if l.scrub.rate > 0 {
		l.keeping.Go(l.scrub.run)
	}
	env.Events(Recovered{l.found})
	found := l.found
	return l, &found, nil
}

// assemble puts the parts of a log together. Nothing runs, and the disk was
// not looked at.
func assemble(cfg Config, env Env) *Log {
	cfg = cfg.withDefaults()
	if env.Events == nil {
		env.Events = func(Event) {}
	}
	l := &Log{cfg: cfg, env: env, partitions: newPartitionTable(), queue: newQueue()}
	l.latch = &latch{fatal: l.fatal}
	env.FS = &guardedFS{env.FS, l.latch}
	l.env = env
	l.segments = newSegments(env.FS, env.Dir, cfg.SegmentBytes)
	l.coldLog = newColdLog(env.FS, env.Dir, &cfg)
	l.liveness = &liveness{segmentsOf: l.segmentsOf}
	l.ring = newRing(cfg.RingBytes)
	l.indexes = newIndexFiles(env.FS, env.Dir, indexCacheBytes)
	l.syncer = newSyncer(l.segments, l.latch, env.Clock, cfg.AsyncFlushInterval)
	l.cold = newColdLane(l.syncer.gate, l.segmentsOf, l.syncer.end)
	l.shared = partitionShared{batches: l, producersMax: cfg.ProducerStatesMax}
	l.writer = &writer{
		queue: l.queue, segments: l.segments, ring: l.ring, syncer: l.syncer,
		liveness: l.liveness, latch: l.latch, clock: env.Clock, events: env.Events, padding: cfg.PadGroups,
		scratch: writeScratch{zeros: make([]byte, padBlock+entryHeaderSize)},
	}
	l.keeper, l.merger, l.relocator, l.scrub, l.damage = newKeeper(l), newMerger(l), newRelocator(l), newScrub(l), &damage{}
	l.compactor = newCompactor(l)
	l.writer.keeper = l.keeper
	return l
}

// fatal hears once that an fsync failed.
func (l *Log) fatal(err error) {
	l.env.Events(Latched{Err: err})
	l.syncer.kick()
	if l.env.Fatal != nil {
		l.env.Fatal(err)
	}
}

// UncleanStarts counts the unclean starts in the directory's life. The leader
// epoch of a partition rises with it (design section 4, What is visible).
func (l *Log) UncleanStarts() uint32 { return l.found.UncleanStarts }

// Partition returns the handle of a partition, new and empty if the log has
// none yet. The caller has the partition durably in the metadata.
func (l *Log) Partition(id model.PartitionID) *PartitionLog {
	return l.partitions.findOrAdd(id, func() *PartitionLog {
		p := newPartitionLog(id, l)
		l.refuseIfOwner(p)
		return p
	})
}

// Holds reports whether the log has the partition: from the disk, or because
// it was asked for since.
func (l *Log) Holds(id model.PartitionID) bool { return l.partitions.find(id) != nil }

// HighestProducer is the highest id below this one of the idempotent producers
// that the log knows of; -1 if there is none.
func (l *Log) HighestProducer(below model.ProducerID) model.ProducerID {
	highest := model.ProducerID(-1)
	for _, p := range l.partitions.all() {
		p.mu.Lock()
		if i, _ := p.mu.state.producers.find(below); i > 0 {
			highest = max(highest, p.mu.state.producers[i-1].ID)
		}
		p.mu.Unlock()
	}
	return highest
}

// dropMax bounds how many partitions the writer drops between two groups.
const dropMax = 256

// Drop forgets partitions whose deletion is durable in the metadata: reads and
// appends fail from now on, their bytes no longer count as live.
func (l *Log) Drop(ids ...model.PartitionID) {
	for some := range slices.Chunk(ids, dropMax) {
		buried := make([]*PartitionLog, 0, len(some))
		for _, id := range some {
			if p := l.partitions.bury(id); p != nil {
				p.refuse(ErrDropped)
				buried = append(buried, p)
			}
		}
		if len(buried) == 0 {
			continue
		}
		l.queue.run(func() {
			for _, p := range buried {
				if l.liveness.entomb(p) {
					l.layToRest(p)
				}
			}
		})
	}
}

// layToRest forgets a dropped partition whose bytes are counted as dead, but
// for what a merge of index files has to know.
func (l *Log) layToRest(p *PartitionLog) {
	l.indexes.tombs.add(p)
	l.partitions.forget(p.id)
}

// Enqueue hands an append to the writer. It never blocks; what is queued is
// bounded by the buffers that callers hold. Appends of one partition must be
// enqueued in offset order (under the partition's lock).
func (l *Log) Enqueue(a *Append) {
	if a.Buffer != nil {
		a.Buffer.Retain()
	}
	if l.queue.put(a) {
		return
	}
	// Closed. The caller may hold a lock that Failed takes, so it is told from
	// another goroutine; nobody waits for that one, and it ends at once.
	release(a)
	go a.Done.Failed(a, ErrClosed)
}

// EnqueueAll is Enqueue for several, which the writer then takes in one turn,
// and writes with one group as far as that has room. It promises no more: a
// crash may leave some of them.
func (l *Log) EnqueueAll(list []*Append) {
	for _, a := range list {
		if a.Buffer != nil {
			a.Buffer.Retain()
		}
	}
	if l.queue.put(list...) {
		return
	}
	for _, a := range list {
		release(a)
		go a.Done.Failed(a, ErrClosed)
	}
}

// Sync makes everything enqueued before the call durable, then calls done
// (from a goroutine of the log; nil error means durable).
func (l *Log) Sync(done func(error)) {
	if !l.queue.run(func() { l.syncer.sync(done) }) {
		go done(ErrClosed)
	}
}

// ShedMemory has the tail ring let go of n bytes of request buffers. It is
// what a span.Pool calls under pressure.
func (l *Log) ShedMemory(n int64) { l.ring.shed(n) }

// Close flushes, writes a checkpoint and the clean mark, and stops all
// goroutines. Appends that were enqueued before are written; reads must have
// ended.
func (l *Log) Close() error {
	close(l.keeper.stop)
	close(l.merger.stop)
	close(l.scrub.stop)
	close(l.relocator.stop)
	close(l.compactor.stop)
	l.keeping.Wait()
	l.queue.close()
	// The syncer's last round must cover the writer's.
	l.writing.Wait()
	l.syncer.close()
	l.syncing.Wait()
	l.ring.clear()
	l.cold.trim()
	err := l.latch.err()
	if err == nil {
		err = l.keeper.finish()
	}
	return errors.Join(err, l.indexes.close(), l.segments.close(), l.coldLog.segments.close())
}
