package log

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/mainstem-mq/mainstem/internal/vfs"
)

const crashDir = "/data"

// crashGate holds back the syncs of segments, so that appends pile up behind
// one and a crash finds a tail that is written and not durable.
type crashGate struct {
	mu     sync.Mutex
	opened *sync.Cond
	closed bool
}

func newCrashGate() *crashGate {
	g := &crashGate{}
	g.opened = sync.NewCond(&g.mu)
	return g
}

func (g *crashGate) set(closed bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = closed
	g.opened.Broadcast()
}

func (g *crashGate) pass() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.closed {
		g.opened.Wait()
	}
}

// hook makes syncs of segments wait.
func (g *crashGate) hook(op vfs.Op) error {
	// A file goes by the name that it was opened or made under.
	segment := strings.HasSuffix(op.Name, segmentSuffix) || strings.HasPrefix(path.Base(op.Name), "next-")
	if op.Kind == vfs.KindSync && segment {
		g.pass()
	}
	return nil
}

// crashPlan is the fate of one life of the log: where its disk fails.
type crashPlan struct {
	name  string
	hooks []vfs.Hook
	// dies: from some operation on the disk takes nothing any more.
	dies bool
	// full: the disk has this much room left, for some of the life; 0: enough.
	full int64
	// latches: the fault has to stop the log; harmless: nobody may notice it.
	latches, harmless bool
	// worn: operations fail for once, other than syncs (crash_faults_test.go).
	worn, reads bool
	// armed: the log is open, and was held against the history.
	armed atomic.Bool
	// asked and unanswered hear of questions (crash_faults_test.go); may be nil.
	asked, unanswered func()

	mu struct {
		sync.Mutex
		fired    bool // a fault has happened
		dead     bool
		syncLost bool // a sync failed: what it was to save is lost
	}
}

// drawCrashPlan decides what goes wrong in the coming life.
func drawCrashPlan(r *rand.Rand) *crashPlan {
	p := &crashPlan{name: "none"}
	n := 1 + r.Int64N([]int64{60, 150, 150, 500}[r.IntN(4)])
	switch x := r.IntN(20); {
	case x < 3:
		n = 1 + r.Int64N(14) // in recovery
		fallthrough
	case x < 11:
		p.name, p.dies = fmt.Sprintf("crash at change %d", n), true
		p.hooks = append(p.hooks, vfs.CrashAt(n, r.IntN(4000)))
	case x < 14:
		p.name = fmt.Sprintf("sync %d fails", n/4+1)
		p.hooks = append(p.hooks, vfs.FailNth(n/4+1, vfs.KindSync, vfs.ErrIO))
	case x < 15:
		p.name = fmt.Sprintf("sync of the directory %d fails", n/16+1)
		p.hooks = append(p.hooks, vfs.FailNth(n/16+1, vfs.KindSyncDir, vfs.ErrIO))
	case x < 17:
		p.name = fmt.Sprintf("write %d is short", n/3+1)
		p.hooks = append(p.hooks, vfs.ShortNth(n/3+1, r.IntN(3000), vfs.ErrIO))
	case x < 18:
		p.full = 1 + r.Int64N(60_000)
		p.name = fmt.Sprintf("%d bytes free", p.full)
	}
	return p
}

// hook asks the plan's hooks and takes note of what they do.
func (p *crashPlan) hook(op vfs.Op) error {
	err := vfs.Hooks(p.hooks...)(op)
	if err == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.fired = true
	if errors.Is(err, vfs.ErrDead) {
		p.mu.dead = true
	} else if op.Kind == vfs.KindSync {
		p.mu.syncLost = true
	}
	return err
}

// state says what has happened so far.
func (p *crashPlan) state() (fired, dead, syncLost bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.fired || p.full > 0, p.mu.dead, p.mu.syncLost
}

// deleteCrashIndexes removes every index file, durably.
func deleteCrashIndexes(disk *vfs.Mem) error {
	names, err := disk.List(crashDir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if strings.HasSuffix(name, ".index") {
			if err := disk.Remove(path.Join(crashDir, name)); err != nil {
				return err
			}
		}
	}
	return disk.SyncDir(crashDir)
}

// crashEntries lists the entries of the log on a disk that nobody uses, and
// the highest Position that an entry or a checkpoint says was durable.
func crashEntries(disk *vfs.Mem) (list []scanItem, err error) {
	names, err := disk.List(crashDir)
	if err != nil {
		return nil, err
	}
	var c chain
	for _, name := range names {
		if _, ok := parseSegmentName(name); !ok {
			continue
		}
		s, err := openSegment(disk, crashDir, name)
		if errors.Is(err, errSegmentShort) || errors.Is(err, errSegmentMagic) || errors.Is(err, errSegmentCRC) {
			return nil, nil // a torn header: not a disk to flip bits on
		}
		if err != nil {
			return nil, err
		}
		if n := len(c); n > 0 && (c[n-1].Generation > s.Generation || s.PreviousSalt != c[n-1].Salt) {
			return nil, nil
		}
		c = append(c, s)
	}
	if len(c) == 0 {
		return nil, nil
	}
	s := newScanner(c, c[0].First)
	for {
		item, err := s.next()
		if err == nil && item.Kind == scanEntry {
			item.keep()
			list = append(list, item)
			continue
		}
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return list, err
	}
}

// crashFlip is a bit that the medium turned.
type crashFlip struct {
	entry      scanItem
	synced     Position    // highest syncedPos of the other entries
	checkpoint *checkpoint // the newest
	header     bool        // the bit is in the entry's header
	last       bool        // no entry stands behind it
}

// newestCrashCheckpoint reads the newest checkpoint; nil if there is none.
func newestCrashCheckpoint(disk *vfs.Mem) (newest *checkpoint, err error) {
	names, err := disk.List(crashDir)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if _, ok := parseCheckpointName(name); !ok {
			continue
		}
		b, err := readSmallFile(disk, crashDir, name)
		if err != nil {
			return nil, err
		}
		if c, err := decodeCheckpoint(b); err == nil {
			newest = c // names sort by generation
		}
	}
	return newest, nil
}

// flipCrashBit flips a bit of one entry; nil if there is none to flip.
func flipCrashBit(disk *vfs.Mem, r *rand.Rand) (*crashFlip, error) {
	list, err := crashEntries(disk)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	k := len(list) - 1 - r.IntN(min(len(list), 12))
	f := &crashFlip{entry: list[k], header: r.IntN(2) == 0, last: k == len(list)-1}
	if f.checkpoint, err = newestCrashCheckpoint(disk); err != nil {
		return nil, err
	}
	for i := range list {
		if i != k {
			f.synced = max(f.synced, list[i].Header.Synced)
		}
	}
	n := int64(entryHeaderSize)
	if !f.header {
		n += int64(f.entry.Header.Payload) // nobody reads the padding behind it
	}
	name, first := "", Position(0)
	names, err := disk.List(crashDir)
	if err != nil {
		return nil, err
	}
	for _, x := range names {
		if p, ok := parseSegmentName(x); ok && p <= f.entry.At {
			name, first = x, p
		}
	}
	off := segmentHeaderSize + int64(f.entry.At-first) + r.Int64N(n)
	return f, disk.FlipBit(path.Join(crashDir, name), off, uint(r.IntN(8)))
}
