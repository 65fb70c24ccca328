package log

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// TestCrashScript goes through all that changes the disk: appends, rolls,
// checkpoints, truncation, relocation out of main, cold and side segments,
// compaction, deletion of a partition, unlinking. The machine dies at every
// change of the disk, and of what was not synced different parts survive. Each
// time a start with the indexes and one without have to give what the history
// demands, and the same.
func TestCrashScript(t *testing.T) {
	seeds, stride, subsets := []uint64{1, 2}, int64(1), 20
	if testing.Short() {
		seeds, stride, subsets = seeds[:1], 9, 3
	}
	for _, seed := range seeds {
		var count crashCount
		whole := newScriptRun(seed, &count)
		if _, err := whole.play(&crashPlan{name: "sound"}); err != nil {
			t.Fatal(err)
		}
		for what, n := range map[string]int64{
			"relocations": count.relocated.Load(), "relocations out of the cold log": count.coldRelocated.Load(), "compactions": count.compacted.Load(),
			"removed segments of the cold log": count.coldReclaimed.Load(), "checkpoints": count.checkpoints.Load(), "segments made": count.segments.Load() - 1,
			"relocations out of side segments": int64(whole.sideRelocated), "removed side segments": int64(whole.sideRemoved),
		} {
			if n <= 0 {
				t.Errorf("seed %d: no %s in the script", seed, what)
			}
		}
		changes, cuts, missed := int64(0), 0, 0
		for n := int64(1); ; n += stride {
			run := newScriptRun(seed, &count)
			fired, err := run.play(&crashPlan{
				name: fmt.Sprintf("crash at change %d", n), dies: true, hooks: []vfs.Hook{vfs.CrashAt(n, int(n*37%1500))},
			})
			if err != nil {
				t.Fatalf("seed %d, change %d: %v", seed, n, err)
			}
			if !fired {
				if missed++; missed == crashMisses {
					break
				}
				continue
			}
			missed = 0
			for i := range subsets {
				if err := run.cut(rand.New(rand.NewPCG(uint64(n), uint64(i)))); err != nil {
					t.Fatalf("seed %d, change %d, subset %d: %v", seed, n, i, err)
				}
				cuts++
			}
			changes = n
		}
		t.Logf("seed %d: %d changes of the disk, %d power cuts; %d runs installed by recovery", seed, changes, cuts, count.runsInstalled.Load())
		if changes < 100 || count.runsInstalled.Load() == 0 {
			t.Errorf("seed %d: %d changes, %d runs installed: the script no longer does what it is for", seed, changes, count.runsInstalled.Load())
		}
	}
}

// scriptRun is a crashRun with a life that is always the same, but for the
// schedule of the log's goroutines.
type scriptRun struct {
	*crashRun

	sideRelocated, sideRemoved int
}

func newScriptRun(seed uint64, count *crashCount) *scriptRun {
	r := &scriptRun{crashRun: newCrashRun(seed, count)}
	r.asItDied = true
	r.cfgSegment = 12 << 10
	r.cfg = Config{
		SegmentBytes: 12 << 10, RingBytes: 8 << 10, CheckpointBytes: 1 << 20, PadGroups: seed%2 == 0,
		RelocateBelow: 0.95, RelocateRate: -1, relocateKeep: -1,
	}
	r.clients = nil
	for i := range 4 {
		c := &crashClient{sync: i != 3}
		r.replace(c)
		r.clients = append(r.clients, c)
	}
	return r
}

// play goes through the script until the disk dies. It reports whether it did.
func (r *scriptRun) play(plan *crashPlan) (died bool, err error) {
	if err := r.disk.MkdirAll(crashDir); err != nil {
		return false, err
	}
	r.onEvent = func(e Event) {
		switch e := e.(type) {
		case SegmentRelocated:
			if h, ok := parseColdName(e.Name); ok && h.Log.isSide() {
				r.sideRelocated++
			}
		case SegmentRemoved:
			if h, ok := parseColdName(e.Name); ok && h.Log.isSide() {
				r.sideRemoved++
			}
		}
	}
	l, err := r.open(plan)
	for i, step := range crashScript {
		if err != nil || l == nil || l.over() {
			break
		}
		if step != nil {
			err = step(l, r.clients)
		} else if err = r.shut(l); err != nil || l.over() {
			l = nil
		} else {
			l, err = r.open(plan)
		}
		if err != nil {
			err = fmt.Errorf("step %d: %w", i, err)
		}
	}
	if l != nil {
		err = errors.Join(err, r.shut(l))
	}
	if what := r.history.complaints(); what != "" {
		err = errors.Join(err, errors.New(what))
	}
	died, _, _ = plan.state()
	return died, err
}

// shut ends a life cleanly, unless its disk dies.
func (r *scriptRun) shut(l *crashLife) error {
	err := l.log.Close()
	if fired, _, _ := l.plan.state(); fired {
		return r.allTold()
	}
	r.past.clean = err == nil
	r.history.promise(r.history.length())
	return errors.Join(err, r.allTold())
}

// crashScript is what happens. nil is a clean end, and a start: after that no
// segment of the cold log grows any more, so that each can be relocated.
//
//nolint:gochecknoglobals // A table.
var crashScript = []func(l *crashLife, c []*crashClient) error{
	func(l *crashLife, c []*crashClient) error { return l.appendAll(8, c...) },
	func(l *crashLife, _ []*crashClient) error { return l.checkpoint() },
	func(l *crashLife, c []*crashClient) error { return l.appendAll(6, c...) },
	func(l *crashLife, c []*crashClient) error { return l.compactWhole(c[0]) },
	func(l *crashLife, c []*crashClient) error { return l.deleteAll(c[3]) },
	func(l *crashLife, _ []*crashClient) error { return l.relocateAll() },
	func(l *crashLife, c []*crashClient) error { return l.compactWhole(c[2]) },
	nil,
	func(l *crashLife, _ []*crashClient) error { return l.relocateAll() },
	func(l *crashLife, c []*crashClient) error { return l.appendAll(6, c...) },
	func(l *crashLife, c []*crashClient) error { l.truncate(c[0]); l.awaitAll(); return nil },
	func(l *crashLife, c []*crashClient) error { return l.appendAll(4, c[0], c[1]) },
	func(l *crashLife, c []*crashClient) error { return l.compactWhole(c[0]) },
	func(l *crashLife, c []*crashClient) error { return l.deleteHalf(c[0]) },
	nil,
	func(l *crashLife, _ []*crashClient) error { return l.relocateAll() },
	func(l *crashLife, c []*crashClient) error { l.drop(c[2]); return l.relocateAll() },
	func(l *crashLife, c []*crashClient) error { return l.compactWhole(c[1]) },
	func(l *crashLife, c []*crashClient) error { return l.deleteAll(c[0], c[3]) },
	func(l *crashLife, _ []*crashClient) error { return l.relocateAll() },
	func(l *crashLife, c []*crashClient) error { return l.appendAll(2, c...) },
}

// appendAll has each client append so often, and waits.
func (l *crashLife) appendAll(n int, clients ...*crashClient) error {
	for range n {
		for _, c := range clients {
			if l.over() {
				return nil
			}
			if err := l.append(c); err != nil {
				return err
			}
		}
	}
	l.awaitAll()
	return nil
}

func (l *crashLife) checkpoint() error {
	err := l.log.keeper.do(l.log.keeper.checkpoint)
	if l.over() {
		return nil
	}
	return err
}

func (l *crashLife) compactWhole(c *crashClient) error {
	_, err := l.log.Partition(c.id).Compact(c.next, &crashCleaner{room: 1000}, Pace{})
	if l.over() {
		return nil
	}
	return err
}

func (l *crashLife) deleteAll(clients ...*crashClient) error {
	for _, c := range clients {
		l.renew(c)
		l.enqueue(c, l.newAppend(c, KindLogStart, c.next))
	}
	l.awaitAll()
	return nil
}

func (l *crashLife) deleteHalf(c *crashClient) error {
	l.renew(c)
	start, end := l.run.history.window(c.id)
	l.enqueue(c, l.newAppend(c, KindLogStart, start+(end-start)/2))
	l.awaitAll()
	return nil
}

// relocateAll empties what is worth it, and gives back the space.
func (l *crashLife) relocateAll() error {
	_, _, err := l.log.Relocate()
	if err == nil {
		_, _, err = l.log.Reclaim()
	}
	if l.over() {
		return nil
	}
	return err
}

// cut is a power cut, and a start with the indexes and one without.
func (r *scriptRun) cut(rng *rand.Rand) error {
	disk := r.disk.Clone().PowerCut(rng)
	with, err := r.start(disk.Clone())
	if err != nil {
		return fmt.Errorf("with the indexes: %w", err)
	}
	if err := deleteCrashIndexes(disk); err != nil {
		return err
	}
	without, err := r.start(disk)
	if err != nil {
		return fmt.Errorf("without the indexes: %w", err)
	}
	for id, a := range with {
		if what := a.otherThan(without[id]); what != "" {
			return fmt.Errorf("partition %d, with the indexes and without: %s", id, what)
		}
	}
	return nil
}

// otherThan says what readers of two recovered partitions see that is not the
// same; "" if all is.
func (f *crashFound) otherThan(g *crashFound) string {
	if f.start != g.start || f.end != g.end || f.size != g.size {
		return fmt.Sprintf("offsets [%d, %d), %d bytes; [%d, %d), %d bytes", f.start, f.end, f.size, g.start, g.end, g.size)
	}
	if !slices.Equal(f.aborted, g.aborted) || !maps.Equal(f.open(), g.open()) {
		return fmt.Sprintf("aborted %v, open %v; aborted %v, open %v", f.aborted, f.open(), g.aborted, g.open())
	}
	same := func(a, b crashBatch) bool { return bytes.Equal(a.bytes, b.bytes) }
	if !slices.EqualFunc(f.batches, g.batches, same) {
		return fmt.Sprintf("%d batches and %d, and not the same", len(f.batches), len(g.batches))
	}
	return ""
}

// start opens what is on a disk, holds it against the history, and returns it.
// Of the run nothing is changed.
func (r *scriptRun) start(disk *vfs.Mem) (map[model.PartitionID]*crashFound, error) {
	again := *r.crashRun
	again.disk, again.history, again.onEvent = disk, r.history.clone(), nil
	again.past = crashPast{unsure: true}
	again.clients = nil
	for _, c := range r.clients {
		again.clients = append(again.clients, &crashClient{id: c.id, sync: c.sync, class: c.class, producer: c.producer})
	}
	l, err := again.open(&crashPlan{name: "sound"})
	if err != nil {
		return nil, err
	}
	found := make(map[model.PartitionID]*crashFound)
	for _, c := range again.clients {
		found[c.id] = gatherCrashFound(l.log.Partition(c.id))
	}
	return found, l.log.Close()
}

// clone copies a history: a start settles how much of it survived.
func (h *crashHistory) clone() *crashHistory {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := newCrashHistory()
	n.mu.ops, n.mu.must = slices.Clone(h.mu.ops), h.mu.must
	n.mu.live = maps.Clone(h.mu.live) // settle makes it anew
	return n
}
