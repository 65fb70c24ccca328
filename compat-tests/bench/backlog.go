package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
)

const (
	// backlogMemory is what a broker and its page cache get: less than a third
	// of the backlog.
	backlogMemory = 2 << 30
	// backlogCycles is how often the phases of a round follow each other: what
	// drifts meets all of them.
	backlogCycles = 3
	backlogRate   = 1000
	// backlogLeast is the part of what one reader gets alone that readers have to
	// get beside the live load: who starves them has short latencies.
	backlogLeast = 0.1
)

// The metrics of the cold backlog.
const (
	mQuietAckP50  = "quiet ack p50 ms"
	mQuietAckP99  = "quiet ack p99 ms"
	mQuietTailP50 = "quiet tail p50 ms"
	mQuietTailP99 = "quiet tail p99 ms"
	mBacklogAlone = "1 reader without live load, MB/s"
	mBacklogPerGB = "1 reader without live load, CPU s/GB"
)

func withReaders(n int, what string) string {
	if n == 1 {
		return "1 reader, " + what
	}
	return fmt.Sprintf("%d readers, %s", n, what)
}

// backlogMetrics are all metrics of the row, in the report's order.
func backlogMetrics() []string {
	out := []string{mQuietAckP50, mQuietAckP99, mQuietTailP50, mQuietTailP99}
	for _, n := range backlogReaders() {
		for _, what := range []string{"ack p50 ms", "ack p99 ms", "tail p50 ms", "tail p99 ms", "ack p99 to quiet", "tail p99 to quiet", "MB/s"} {
			out = append(out, withReaders(n, what))
		}
	}
	return append(out, mBacklogAlone, mBacklogPerGB)
}

// readersAlone is a phase of one reader and no live load.
const readersAlone = -1

func backlogReaders() []int { return []int{1, 4} }

// backlogRow is live load beside the reading of a backlog that is several
// times larger than the broker's memory.
func backlogRow(name string, batch int, extra bool) row {
	const gib = 7
	return row{
		name: name, title: fmt.Sprintf("%d GiB are read (batches of %d KiB, 4 partitions) beside %d rec/s of 1 KiB; %d GiB of memory", gib, batch/kib, backlogRate, backlogMemory>>30),
		load:       load{Op: "live", Size: kib, BatchMax: batch, Rate: backlogRate, Seconds: 12, Producers: 1},
		partitions: 4, cold: true, most: 1, extra: extra, gib: gib, cost: 300, run: runBacklog,
	}
}

// phase is what one stretch of a round gave.
type phase struct {
	live, read outcome
	cpu        float64 // seconds of the broker
}

// runBacklog fills a backlog, and takes the live load's latencies alone, with
// one reader of the backlog and with several.
func runBacklog(s *stand) (sample, error) {
	g, err := newMemoryGroup(backlogMemory)
	if err != nil {
		return nil, err
	}
	// By then the broker is in no group any more, or is about to end.
	defer func() { _ = g.remove() }()
	if err := g.take(s.broker.PID()); err != nil {
		return nil, err
	}
	if err := s.createRow(); err != nil {
		return nil, err
	}
	fill := s.row.load
	fill.Op, fill.Records = "produce", int(s.row.gib*(1<<30)*s.scale/float64(fill.Size))
	if _, err := s.runChild(s.placed(fill)); err != nil {
		return nil, fmt.Errorf("fill: %w", err)
	}
	backlog := s.placed(load{Op: "backlog"})
	if backlog.From, err = s.ends(); err != nil {
		return nil, err
	}
	s.row.partitions = 1
	if err := s.create(1, 1); err != nil {
		return nil, err
	}
	phases := map[int][]phase{}
	for range backlogCycles {
		for _, n := range append([]int{0, readersAlone}, backlogReaders()...) {
			backlog.Readers = n
			p, err := s.backlogPhase(backlog)
			if err != nil {
				return nil, fmt.Errorf("%d readers: %w", n, err)
			}
			phases[n] = append(phases[n], p)
		}
	}
	if err := enoughRead(phases); err != nil {
		return nil, err
	}
	return backlogSample(phases, s.row.load.Rate), s.broker.Stop()
}

// backlogPhase is the live load beside so many readers.
func (s *stand) backlogPhase(backlog load) (p phase, err error) {
	from, err := s.ends()
	if err != nil {
		return p, err
	}
	if err := evict(filepath.Dir(s.broker.LogFile())); err != nil {
		return p, err
	}
	live := s.scaled(s.row.load)
	live.From = from
	before, err := harness.ReadCPU(s.broker.PID())
	if err != nil {
		return p, err
	}
	var readers *child
	alone := backlog.Readers == readersAlone
	if alone || backlog.Readers > 0 {
		backlog.Seconds, backlog.Readers = live.Seconds+1, max(backlog.Readers, 1)
		if readers, err = s.startChild(backlog); err != nil {
			return p, err
		}
	}
	if !alone {
		p.live, err = s.runChild(live)
	}
	if readers != nil {
		var failed error
		p.read, failed = readers.wait()
		err = errors.Join(err, failed)
	}
	if err != nil {
		return p, err
	}
	after, err := harness.ReadCPU(s.broker.PID())
	p.cpu = (after.Total() - before.Total()).Seconds()
	time.Sleep(500 * time.Millisecond)
	return p, err
}

// evict has the page cache forget the files of a directory.
func evict(dir string) error {
	unix.Sync()
	return filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return nil //nolint:nilerr // Files come and go while a broker runs.
		}
		f, err := os.Open(name)
		if err != nil {
			return nil //nolint:nilerr // The same.
		}
		return errors.Join(unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED), f.Close())
	})
}

// readRate is what a phase's readers got together, in MB a second.
func (p phase) readRate() float64 { return float64(p.read.Bytes) / 1e6 / p.read.Seconds }

// medianOf is that of the phases.
func medianOf(phases []phase, of func(phase) float64) float64 {
	var vs []float64
	for _, p := range phases {
		vs = append(vs, of(p))
	}
	slices.Sort(vs)
	return vs[len(vs)/2]
}

// enoughRead finds a phase whose readers were starved.
func enoughRead(phases map[int][]phase) error {
	least := backlogLeast * medianOf(phases[readersAlone], phase.readRate)
	if least <= 0 {
		return errors.New("a reader alone got nothing")
	}
	for _, n := range backlogReaders() {
		for i, p := range phases[n] {
			if got := p.readRate(); got < least {
				return fmt.Errorf("%d readers got %.1f MB/s of the backlog in cycle %d, less than %.1f, a tenth of one alone", n, got, i+1, least)
			}
		}
	}
	return nil
}

// backlogSample takes the medians of the cycles.
func backlogSample(phases map[int][]phase, pace int) sample {
	median := func(n int, of func(phase) float64) float64 { return medianOf(phases[n], of) }
	ackP50, ackP99 := func(p phase) float64 { return p.live.AckP50 }, func(p phase) float64 { return p.live.AckP99 }
	tailP50, tailP99 := func(p phase) float64 { return p.live.P50 }, func(p phase) float64 { return p.live.P99 }
	out := sample{
		mAmount:      float64(pace),
		mQuietAckP50: median(0, ackP50), mQuietAckP99: median(0, ackP99),
		mQuietTailP50: median(0, tailP50), mQuietTailP99: median(0, tailP99),
	}
	out[mBacklogAlone] = median(readersAlone, phase.readRate)
	out[mBacklogPerGB] = median(readersAlone, func(p phase) float64 { return p.cpu / (float64(p.read.Bytes) / 1e9) })
	for _, n := range backlogReaders() {
		out[withReaders(n, "ack p50 ms")], out[withReaders(n, "ack p99 ms")] = median(n, ackP50), median(n, ackP99)
		out[withReaders(n, "tail p50 ms")], out[withReaders(n, "tail p99 ms")] = median(n, tailP50), median(n, tailP99)
		out[withReaders(n, "ack p99 to quiet")] = median(n, ackP99) / out[mQuietAckP99]
		out[withReaders(n, "tail p99 to quiet")] = median(n, tailP99) / out[mQuietTailP99]
		out[withReaders(n, "MB/s")] = median(n, phase.readRate)
	}
	return out
}
