package log

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// crashCount is what a test of many seeds has gone through.
type crashCount struct {
	recoveries, unclean, inRecovery, powerCuts, kills, clean, latched atomic.Int64
	flips, flipsTold, flipsInTail, flipsUnseen                        atomic.Int64
	rebuilds, checkpoints, segments, reclaimed, quarantined           atomic.Int64
	truncates, logStarts, appendsFailed, appendsLost                  atomic.Int64
}

func (c *crashCount) String() string {
	return fmt.Sprintf("%d recoveries (%d unclean, %d more died half way), %d power cuts, %d kills, %d clean ends, %d failed syncs\n"+
		"%d bits flipped (%d reported, %d in the unsynced tail, %d below the checkpoint), %d indexes rebuilt, "+
		"%d checkpoints, %d segments made, %d reclaimed, %d files set aside\n"+
		"%d truncations, %d log starts, %d times appends failed, %d appends lost that nobody was promised",
		c.recoveries.Load(), c.unclean.Load(), c.inRecovery.Load(), c.powerCuts.Load(), c.kills.Load(), c.clean.Load(), c.latched.Load(),
		c.flips.Load(), c.flipsTold.Load(), c.flipsInTail.Load(), c.flipsUnseen.Load(), c.rebuilds.Load(),
		c.checkpoints.Load(), c.segments.Load(), c.reclaimed.Load(), c.quarantined.Load(),
		c.truncates.Load(), c.logStarts.Load(), c.appendsFailed.Load(), c.appendsLost.Load())
}

// hear counts events of the log.
func (c *crashCount) hear(e Event) {
	switch e.(type) {
	case SegmentCreated:
		c.segments.Add(1)
	case CheckpointWritten:
		c.checkpoints.Add(1)
	case AppendsFailed:
		c.appendsFailed.Add(1)
	case FileQuarantined:
		c.quarantined.Add(1)
	}
}

// crashRun is one seed: a disk that lives through several lives of a log.
type crashRun struct {
	rng        *rand.Rand
	count      *crashCount
	cfg        Config
	cfgSegment int
	disk       *vfs.Mem
	time       time.Time
	history    *crashHistory
	clients    []*crashClient
	producers  model.ProducerID
	values     int
	trace      []string

	starts     uint32 // unclean ones, as last seen
	ended      string // how the last life ended
	deletedIdx bool
	flip       *crashFlip
	mayLose    bool // pages may be lost though they were never cut from power

	mu       sync.Mutex
	standing map[model.PartitionID]Standing
	nextID   model.PartitionID
}

func newCrashRun(seed uint64, count *crashCount) *crashRun {
	r := rand.New(rand.NewPCG(seed, 0))
	run := &crashRun{
		rng: r, count: count, disk: vfs.NewMem(), history: newCrashHistory(),
		time: time.UnixMilli(1_700_000_000_000), standing: map[model.PartitionID]Standing{}, nextID: 1,
	}
	run.cfgSegment = []int{12, 16, 32, 64}[r.IntN(4)] << 10
	run.cfg = Config{
		SegmentBytes:    int64(run.cfgSegment),
		RingBytes:       []int64{1, 8 << 10, 64 << 10}[r.IntN(3)],
		CheckpointBytes: []int64{2 << 10, 8 << 10, 32 << 10, 1 << 20}[r.IntN(4)],
		PadGroups:       r.IntN(5) == 0,
	}
	for range 2 + r.IntN(4) {
		c := &crashClient{sync: r.IntN(3) > 0}
		run.replace(c)
		run.clients = append(run.clients, c)
	}
	return run
}

// replace gives a client a new partition.
func (r *crashRun) replace(c *crashClient) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c.id, c.next, c.gen = r.nextID, 0, 0
	c.producer, c.epoch, c.sequence = r.newProducer(), 0, 0
	r.standing[c.id] = Live
	r.nextID++
}

func (r *crashRun) deleted(c *crashClient) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.standing[c.id] = Dropped
}

func (r *crashRun) newProducer() model.ProducerID {
	r.producers++
	return r.producers
}

func (r *crashRun) standingOf(id model.PartitionID) Standing {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.standing[id]
}

// open starts a life. A nil life without an error died in recovery.
func (r *crashRun) open(plan *crashPlan) (*crashLife, error) {
	l := &crashLife{run: r, rng: r.rng, clock: clock.NewManual(r.time), gate: newCrashGate(), plan: plan}
	fs := vfs.NewFault(r.disk, vfs.Hooks(l.gate.hook, plan.hook))
	if plan.full > 0 {
		used, err := crashUsed(r.disk)
		if err != nil {
			return nil, err
		}
		r.disk.SetCapacity(used + plan.full)
	}
	fatal := func(error) { r.count.latched.Add(1) }
	log, found, err := Open(r.cfg, Env{
		FS: fs, Dir: crashDir, Clock: l.clock, Standing: r.standingOf, Events: r.count.hear, Fatal: fatal,
	})
	fired, dead, _ := plan.state()
	if err != nil && fired {
		r.count.inRecovery.Add(1)
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	l.log = log
	r.tracef("opened: %+v", *found)
	if dead {
		return l, nil // it does not know yet, and sees nothing of the disk
	}
	if err := r.check(l, found); err != nil {
		fired, _, _ = plan.state()
		if !fired {
			return l, err
		}
		r.tracef("not checked: %v", err) // the disk failed meanwhile
	}
	return l, nil
}

// check compares what was recovered with the history.
func (r *crashRun) check(l *crashLife, found *Recovery) error {
	if found.Unclean && found.UncleanStarts <= r.starts || found.UncleanStarts < r.starts {
		return fmt.Errorf("unclean starts: %d, before it was %d (unclean: %v)", found.UncleanStarts, r.starts, found.Unclean)
	}
	if r.ended == "clean" && r.flip == nil && (found.Unclean || found.TornBytes > 0) {
		return fmt.Errorf("after a clean end: %+v", *found)
	}
	if r.flip == nil && len(found.Corrupt) > 0 {
		return fmt.Errorf("corruption without a flipped bit: %+v", *found)
	}
	r.starts = found.UncleanStarts
	state := map[model.PartitionID]*crashFound{}
	for _, c := range r.clients {
		state[c.id] = gatherCrashFound(l.log.Partition(c.id))
	}
	ignore := map[model.PartitionID]bool{}
	if r.flip != nil {
		if err := r.judgeFlip(l, found, state, ignore); err != nil {
			return err
		}
	}
	lost, err := r.history.settle(state, ignore)
	if err != nil {
		return err
	}
	r.count.recoveries.Add(1)
	r.count.appendsLost.Add(int64(lost))
	if found.Unclean {
		r.count.unclean.Add(1)
	}
	if found.RebuiltIndex {
		r.count.rebuilds.Add(1)
	} else if r.deletedIdx && found.ScannedBytes == 0 {
		return errors.New("the indexes were deleted, and nothing was scanned")
	}
	r.mayLose, r.deletedIdx, r.ended = false, false, ""
	for _, c := range r.clients {
		c.flying, c.broken = nil, false
		l.meet(c)
		r.resume(c, state[c.id])
	}
	return nil
}

// resume has a producer go on where the log says it stands.
func (r *crashRun) resume(c *crashClient, f *crashFound) {
	s, ok := f.producers[c.producer]
	if !ok {
		c.producer, c.epoch, c.sequence = r.newProducer(), 0, 0
		return
	}
	c.epoch, c.sequence = s.Epoch, s.Batches[s.N-1].LastSequence+1
}

// end ends a life in one of several ways, and leaves the disk to the next.
func (r *crashRun) end(l *crashLife, plan *crashPlan) error {
	if l != nil {
		if err := r.close(l, plan); err != nil {
			return err
		}
		r.time = l.clock.Now().Add(time.Second)
	}
	_, _, syncLost := plan.state()
	r.mayLose = r.mayLose || syncLost
	r.disk.SetCapacity(1 << 40)
	if r.rng.IntN(2) == 0 {
		r.disk = r.disk.PowerCut(r.rng)
		r.count.powerCuts.Add(1)
		r.tracef("power cut after %d ops", r.history.length())
	} else {
		r.disk = r.disk.Kill()
		r.count.kills.Add(1)
		if r.mayLose && r.rng.IntN(2) == 0 {
			r.disk.Evict(r.rng)
		} else if l != nil {
			// The page cache outlives the process, and with it all that was written.
			r.history.promise(r.history.length())
		}
		r.tracef("killed after %d ops", r.history.length())
	}
	r.deletedIdx = r.rng.IntN(8) == 0
	if r.deletedIdx {
		return deleteCrashIndexes(r.disk)
	}
	return nil
}

// close ends the log itself: cleanly, or its disk dies first.
func (r *crashRun) close(l *crashLife, plan *crashPlan) error {
	if plan.dies || r.rng.IntN(3) > 0 {
		r.disk.Kill() // what the log does from now on does not matter
	}
	return nil
}

func (r *crashRun) tracef(format string, args ...any) {
	r.trace = append(r.trace, fmt.Sprintf(format, args...))
}

func envInt(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

var _ = testing.Short
