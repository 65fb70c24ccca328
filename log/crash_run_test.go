package log

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// crashRun is one seed: a disk that goes through several lives of a log.
type crashRun struct {
	rng  *rand.Rand
	draw func(*rand.Rand) *crashPlan
	asks bool // partitions are asked by time and size too
	// misread: reads have failed. One of those when a start is raised, or an end
	// lowered, leaves the size of the partition too large, until the next rebuild
	// and in what checkpoints say.
	misread    bool
	count      *crashCount
	cfg        Config
	cfgSegment int
	disk       *vfs.Mem
	now        time.Time
	history    *crashHistory
	metadata   *crashMetadata
	clients    []*crashClient
	cursors    []crashCursor
	producers  model.ProducerID
	values     int
	trace      []string
	past       crashPast
	onEvent    func(Event) // or nil
	asItDied   bool        // the disk stays as it is when it dies: the test cuts it
}

// crashPast is what the coming recovery has to live up to.
type crashPast struct {
	starts    uint32 // unclean ones, as last seen
	clean     bool   // the last life ended well
	unsure    bool   // it failed, or the start after it, and the mark may say either
	flip      *crashFlip
	syncLost  bool // a failed sync lost pages that only the cache has
	cacheKept bool // the process died, not the machine
	cached    int  // H[:cached] is in the page cache, if not on disk
	// remade says that the indexes were made anew since all was looked at: by this
	// start, or by one that died before that was done.
	remade bool
}

// crashMetadata is what is durably known of partitions.
type crashMetadata struct {
	mu       sync.Mutex
	standing map[model.PartitionID]Standing
	next     model.PartitionID
}

func (m *crashMetadata) of(id model.PartitionID) Standing {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.standing[id]
}

func (m *crashMetadata) create() model.PartitionID {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.next++
	m.standing[m.next] = Live
	return m.next
}

func (m *crashMetadata) drop(id model.PartitionID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.standing[id] = Dropped
}

func newCrashRun(seed uint64, count *crashCount) *crashRun {
	r := rand.New(rand.NewPCG(seed, 0))
	run := &crashRun{
		rng: r, draw: drawCrashPlan, count: count, disk: vfs.NewMem(), history: newCrashHistory(), now: time.UnixMilli(1_700_000_000_000),
		metadata: &crashMetadata{standing: map[model.PartitionID]Standing{}},
	}
	run.cfgSegment = []int{12, 16, 32, 64}[r.IntN(4)] << 10
	run.cfg = Config{
		SegmentBytes:    int64(run.cfgSegment),
		RingBytes:       []int64{1, 8 << 10, 64 << 10}[r.IntN(3)],
		CheckpointBytes: []int64{2 << 10, 8 << 10, 32 << 10, 1 << 20}[r.IntN(4)],
		PadGroups:       r.IntN(5) == 0,
		RelocateBelow:   []float64{0.35, 0.7, 0.99}[r.IntN(3)],
		RelocateRate:    -1,
		relocateKeep:    []int{-1, 1, 3}[r.IntN(3)],
	}
	for range 2 + r.IntN(4) {
		c := &crashClient{sync: r.IntN(3) > 0, class: RetentionClass(r.IntN(2))}
		run.replace(c)
		run.clients = append(run.clients, c)
	}
	return run
}

// replace gives a client a new partition.
func (r *crashRun) replace(c *crashClient) {
	c.id = r.metadata.create()
	c.newProducer(r)
	c.txns = crashTxns{}
}

func (r *crashRun) tracef(format string, args ...any) {
	r.trace = append(r.trace, fmt.Sprintf(format, args...))
}

// lives runs the whole seed.
func (r *crashRun) lives() error {
	if err := r.disk.MkdirAll(crashDir); err != nil {
		return err
	}
	n := 2 + r.rng.IntN(5)
	for i := range n {
		plan := r.draw(r.rng)
		r.tracef("life %d: %s", i, plan.name)
		if err := r.life(plan); err != nil {
			return fmt.Errorf("life %d (%s): %w", i, plan.name, err)
		}
	}
	if err := r.looksSound(); err != nil {
		return err
	}
	if r.rng.IntN(3) == 0 {
		if err := r.flipBit(); err != nil {
			return err
		}
	}
	// The last two lives are sound: recovery, work, a clean end, and again.
	for range 2 {
		plan := &crashPlan{name: "sound"}
		if err := r.life(plan); err != nil {
			return fmt.Errorf("sound life: %w", err)
		}
		if r.past.flip != nil {
			return nil // what comes after damage is other tests' subject
		}
	}
	return nil
}

// looksSound has the check look at what a life left: it finds nothing lost and
// nothing damaged, whatever died when.
func (r *crashRun) looksSound() error {
	if there, err := Exists(r.disk, crashDir); err != nil || !there {
		return err
	}
	report, err := Check(r.disk, crashDir, CheckOptions{Standing: r.metadata.of})
	if err != nil {
		return fmt.Errorf("check: %w", err)
	}
	for _, x := range report.Findings {
		// Plans take indexes away.
		taken := x.Kind == KindOfCheckpoint && strings.Contains(x.Text, "is missing") || x.Kind == KindOfIndexes && strings.Contains(x.Text, "does not exist")
		if x.Severity == SeverityDamage && !taken {
			return fmt.Errorf("the check finds %+v%s", x, r.tellDisk())
		}
	}
	if len(report.Lost) > 0 {
		return fmt.Errorf("the check finds these lost: %+v%s", report.Lost, r.tellDisk())
	}
	return nil
}

func (r *crashRun) flipBit() error {
	flip, err := flipCrashBit(r.disk, r.rng)
	if err != nil || flip == nil {
		return err
	}
	r.past.flip = flip
	r.count.flips.Add(1)
	r.tracef("flipped a bit (header: %v) of the %v entry of partition %d, offset %d, at [%d, %d); synced elsewhere %d", flip.header,
		flip.entry.Header.Kind, flip.entry.Header.Partition, flip.entry.Header.BaseOffset, flip.entry.At, flip.entry.End, flip.synced)
	return nil
}

// life opens the log, works with it, and lets it end.
func (r *crashRun) life(plan *crashPlan) error {
	l, err := r.open(plan)
	if err != nil {
		return err
	}
	sound := plan.name == "sound"
	if l != nil && l.checked && r.past.flip == nil {
		steps := 5 + r.rng.IntN(150)
		for i := range steps {
			if l.over() {
				break
			}
			if plan.full > 0 && i == steps/2 {
				if err := l.makeRoom(); err != nil {
					return err
				}
			}
			if err := l.step(); err != nil {
				return err
			}
		}
	}
	if err := r.end(l, sound); err != nil {
		return err
	}
	if what := r.history.complaints(); what != "" {
		return errors.New(what)
	}
	return nil
}

// open starts a life; nil without an error if it died in recovery.
func (r *crashRun) open(plan *crashPlan) (*crashLife, error) {
	l := &crashLife{run: r, rng: r.rng, clock: clock.NewManual(r.now), gate: newCrashGate(), plan: plan}
	if plan.full > 0 {
		used, err := r.used()
		if err != nil {
			return nil, err
		}
		r.disk.SetCapacity(used + plan.full)
	}
	log, found, err := Open(r.cfg, Env{
		FS: vfs.NewFault(r.disk, vfs.Hooks(l.gate.hook, plan.hook)), Dir: crashDir, Clock: l.clock,
		Standing: r.metadata.of, Events: r.hear, Fatal: l.fatal,
	})
	if err != nil {
		if fired, _, _ := plan.state(); !fired && !errors.Is(err, vfs.ErrNoSpace) {
			return nil, fmt.Errorf("open: %w", err)
		}
		r.tracef("open: %v", err)
		r.count.died.Add(1)
		r.past.clean, r.past.unsure = false, r.past.unsure || r.past.clean
		return nil, r.die(plan)
	}
	l.log = log
	r.tracef("opened: %+v", *found)
	if err := r.check(l, found); err != nil {
		if _, dead, _ := plan.state(); !dead {
			return nil, err
		}
		r.count.died.Add(1) // the disk died while we looked
		return l, nil
	}
	l.checked = true
	plan.armed.Store(true)
	r.misread = r.misread || plan.reads
	return l, nil
}

func (r *crashRun) used() (n int64, err error) {
	names, err := r.disk.List(crashDir)
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		size, err := r.disk.Size(path.Join(crashDir, name))
		if err != nil {
			return 0, err
		}
		n += size
	}
	return n, nil
}

// end ends a life in one of several ways, and leaves the disk to the next.
func (r *crashRun) end(l *crashLife, sound bool) error {
	if l == nil {
		return nil // it died in recovery
	}
	defer func() { r.now = l.clock.Now().Add(time.Second) }()
	_, dead, _ := l.plan.state()
	sudden := !sound && !dead && r.rng.IntN(3) > 0
	if sudden {
		// Death in the middle of whatever the log's goroutines are doing.
		if err := r.die(l.plan); err != nil {
			return err
		}
	}
	l.gate.set(false)
	err := l.log.Close()
	if err := r.allTold(); err != nil {
		return err
	}
	fired, dead, _ := l.plan.state()
	if l.plan.latches && fired && !l.latched.Load() || l.latched.Load() && l.plan.harmless && !sudden { // dead, its syncs fail
		return fmt.Errorf("%s: the log has latched: %v", l.plan.name, l.latched.Load())
	}
	if !sudden {
		r.past.clean = err == nil && !dead
		r.past.unsure = !r.past.clean // it may have got as far as the mark
		if !r.past.clean && !fired && !errors.Is(err, vfs.ErrNoSpace) {
			return fmt.Errorf("close: %w", err)
		}
		if r.past.clean {
			r.history.promise(r.history.length())
			r.count.clean.Add(1)
		}
		if err := r.die(l.plan); err != nil {
			return err
		}
	}
	if r.past.cacheKept && l.checked {
		// Of a life whose disk died before it was held against the history nobody
		// knows how much of that it had found: what the page cache holds is what
		// it held before (die knows whether that is still so).
		r.past.cached = r.history.length()
	}
	return nil
}

// allTold checks that every append has ended.
func (r *crashRun) allTold() error {
	for _, c := range r.clients {
		for _, a := range c.flying {
			select {
			case <-a.done:
			default:
				return fmt.Errorf("%v: the log is closed and told nothing", a.op)
			}
		}
		c.flying = nil
	}
	return nil
}

// die is the death of the process or of the machine.
func (r *crashRun) die(plan *crashPlan) error {
	_, _, syncLost := plan.state()
	r.past.syncLost = r.past.syncLost || syncLost
	r.disk.SetCapacity(1 << 40)
	if r.asItDied {
		return nil
	}
	r.tellUnsynced()
	if r.rng.IntN(2) == 0 {
		r.tracef("power cut")
		r.count.powerCuts.Add(1)
		r.disk = r.disk.PowerCut(r.rng)
		r.past.cacheKept, r.past.cached, r.past.syncLost = false, 0, false
	} else {
		r.tracef("killed")
		r.count.kills.Add(1)
		r.disk = r.disk.Kill()
		r.past.cacheKept = true
		if r.past.syncLost && r.rng.IntN(2) == 0 {
			r.tracef("evicted")
			r.disk.Evict(r.rng)
			r.past.cacheKept, r.past.cached = false, 0
		}
	}
	if r.rng.IntN(8) == 0 {
		r.tracef("indexes deleted")
		return deleteCrashIndexes(r.disk)
	}
	return nil
}
