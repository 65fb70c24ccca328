package log

import (
	"bytes"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// script is a run over a disk that may fail at any time. It remembers what was
// acknowledged.
type script struct {
	f       *fixture
	acked   map[model.PartitionID]model.Offset
	starts  map[model.PartitionID]model.Offset
	refused int
}

const scriptBatch = 700

// step appends one batch of three records and reports whether it was durable.
func (s *script) step(id model.PartitionID) {
	p := s.f.log.Partition(id)
	base := p.End()
	if err := appendTo(s.f.t, s.f.log, p, base, 3, scriptBatch).err(); err != nil {
		s.refused++
		return
	}
	s.acked[id] = base + 3
}

// run appends, rolls, trims, reclaims, closes and reopens. It returns
// early where the log could not be opened.
func (s *script) run() {
	for round := range 3 {
		log, _, err := Open(s.f.cfg, s.f.disk.env())
		if err != nil {
			return
		}
		s.f.log = log
		for range 6 {
			s.step(1)
			s.step(2)
		}
		if round == 1 {
			start := s.acked[2]
			if err := s.f.control(2, KindLogStart, start, 1); err == nil {
				s.starts[2] = start
			}
			if _, _, err := log.Reclaim(); err != nil {
				s.refused++
			}
			s.step(2)
		}
		if err := log.Close(); err != nil {
			s.refused++
		}
	}
}

// verify opens the disk without faults and looks for what was acknowledged.
func (s *script) verify(n int64) {
	t := s.f.t
	s.f.open()
	for id, end := range s.acked {
		p := s.f.log.Partition(id)
		if p.End() < end || p.Start() < s.starts[id] {
			t.Fatalf("operation %d: partition %d is [%d, %d), acknowledged were [%d, %d)", n, id, p.Start(), p.End(), s.starts[id], end)
		}
		got := readAll(t, p, p.Start())
		var want []byte
		for base := p.Start(); base < p.End(); base += 3 {
			b, _ := makeBatch(t, base, 3, scriptBatch)
			want = append(want, b...)
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("operation %d: partition %d: other bytes", n, id)
		}
	}
	s.f.append(scriptBatch)
	s.f.close()
}

// Every change of the disk fails once, in every way: nothing acknowledged is
// lost, nobody waits for ever, and the next start is sound.
func TestEveryOperationFails(t *testing.T) {
	hooks := map[string]func(n int64) vfs.Hook{
		"io error":        func(n int64) vfs.Hook { return vfs.FailNth(n, vfs.AnyChange, vfs.ErrIO) },
		"io errors":       func(n int64) vfs.Hook { return vfs.FailFrom(n, vfs.AnyChange, vfs.ErrIO) },
		"disk full":       func(n int64) vfs.Hook { return vfs.FailNth(n, vfs.KindWrite, vfs.ErrNoSpace) },
		"no space at all": func(n int64) vfs.Hook { return vfs.FailNth(n, vfs.KindAllocate, vfs.ErrNoSpace) },
		"short write":     func(n int64) vfs.Hook { return vfs.ShortNth(n, 900, vfs.ErrIO) },
		"read error":      func(n int64) vfs.Hook { return vfs.FailNth(n, vfs.KindRead, vfs.ErrIO) },
	}
	for name, hook := range hooks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for n := int64(1); ; n++ {
				disk := newMemDisk(t)
				mem, ok := disk.fs.(*vfs.Mem)
				if !ok {
					t.Fatal("not a memory disk")
				}
				var hit atomic.Bool
				inner := hook(n)
				disk.fs = vfs.NewFault(mem, func(op vfs.Op) error {
					err := inner(op)
					if err != nil {
						hit.Store(true)
					}
					return err
				})
				s := &script{
					f:      &fixture{t: t, disk: disk, cfg: Config{SegmentBytes: 16 << 10, RingBytes: 1}},
					acked:  make(map[model.PartitionID]model.Offset),
					starts: make(map[model.PartitionID]model.Offset),
				}
				s.run()
				disk.fs = mem.Kill()
				s.verify(n)
				if !hit.Load() {
					if n < 5 {
						t.Errorf("only %d operations to fail", n)
					}
					return
				}
			}
		})
	}
}

func TestFailedSyncStopsTheLog(t *testing.T) {
	f := newFixture(t, Config{})
	f.append(100, 1)
	_, fault := f.openFaulty()
	fault.SetHook(vfs.FailNth(fault.Count(vfs.KindSync)+1, vfs.KindSync, vfs.ErrIO))
	p := f.log.Partition(1)
	for base := model.Offset(3); base < 12; base += 3 {
		if err := appendTo(t, f.log, p, p.End(), 3, 100).err(); !errors.Is(err, ErrLatched) {
			t.Fatalf("append after the failed sync: %v", err)
		}
	}
	done := make(chan error)
	f.log.Sync(func(err error) { done <- err })
	if err := <-done; !errors.Is(err, ErrLatched) {
		t.Errorf("Sync: %v", err)
	}
	if !errors.Is(f.disk.fatal, ErrLatched) || !errors.Is(f.disk.fatal, vfs.ErrIO) {
		t.Errorf("fatal: %v", f.disk.fatal)
	}
	if err := f.disk.fatal; !strings.Contains(err.Error(), "failed fsync of ") {
		t.Errorf("it says why: %v", err)
	}
	if err := f.log.Close(); !errors.Is(err, ErrLatched) {
		t.Errorf("close: %v", err)
	}
}

// A failed write takes what was queued behind it for the same partition along,
// and nothing of other partitions; the log goes on in a new segment.
func TestFailedWrite(t *testing.T) {
	f := newFixture(t, Config{})
	f.append(100, 1, 2)
	mem, fault := f.openFaulty()
	segments := f.log.Stats().Segments
	fault.SetHook(vfs.ShortNth(fault.Count(vfs.KindWrite)+1, 50, vfs.ErrNoSpace))
	p := f.log.Partition(1)
	if err := appendTo(t, f.log, p, 3, 3, 100).err(); !errors.Is(err, ErrDiskFull) {
		t.Fatalf("got %v, want %v", err, ErrDiskFull)
	}
	if p.Generation() != 1 {
		t.Errorf("generation %d, want 1", p.Generation())
	}
	stale := newWaiter()
	b, h := makeBatch(t, 6, 3, 100)
	f.log.Enqueue(newAppend(p, b, h, 0, stale))
	if err := stale.err(); !errors.Is(err, ErrStale) || p.Generation() != 1 {
		t.Errorf("got %v, generation %d; want %v, 1", err, p.Generation(), ErrStale)
	}
	f.append(100, 2, 1, 1)
	if got := f.log.Stats().Segments; got != segments+1 {
		t.Errorf("%d segments, want %d", got, segments+1)
	}
	f.check()
	f.close()
	f.disk.fs = mem.Kill()
	if found := f.open(); found.Unclean {
		t.Error("unclean")
	}
	f.check()
	f.close()
}

// A full disk is refused, and the log goes on when there is room again.
func TestDiskFull(t *testing.T) {
	f := newFixture(t, Config{SegmentBytes: 64 << 10})
	f.mem().SetCapacity(300 << 10)
	p := f.log.Partition(1)
	full := false
	for range 300 {
		err := appendTo(t, f.log, p, p.End(), 3, 5000).err()
		if err == nil {
			continue
		}
		if !errors.Is(err, ErrDiskFull) {
			t.Fatal(err)
		}
		full = true
		break
	}
	if !full {
		t.Fatal("the disk did not get full")
	}
	end := p.End()
	readAll(t, p, 0)
	f.mem().SetCapacity(10 << 20)
	if err := appendTo(t, f.log, p, end, 3, 5000).err(); err != nil {
		t.Fatal(err)
	}
	f.close()
	f.open()
	if got := f.log.Partition(1).End(); got != end+3 {
		t.Errorf("end %d, want %d", got, end+3)
	}
	f.close()
}

// A broker that was killed on a full disk starts, so that it can be helped.
func TestStartOnAFullDisk(t *testing.T) {
	f := newFixture(t, Config{SegmentBytes: 64 << 10})
	p := f.log.Partition(1)
	for range 20 {
		if err := appendTo(t, f.log, p, p.End(), 3, 5000).err(); err != nil {
			t.Fatal(err)
		}
	}
	end := p.End()
	mem := f.mem().Kill()
	f.stop()
	f.disk.fs = mem
	mem.SetCapacity(1 << 40)
	free, total, err := mem.Space(f.disk.env().Dir)
	if err != nil {
		t.Fatal(err)
	}
	mem.SetCapacity(total - free + 24<<10) // less than a segment
	f.open()
	p = f.log.Partition(1)
	if got := p.End(); got != end {
		t.Fatalf("end %d, want %d", got, end)
	}
	readAll(t, p, 0)
	for range 20 {
		if err := appendTo(t, f.log, p, p.End(), 3, 5000).err(); err != nil {
			if !errors.Is(err, ErrDiskFull) {
				t.Fatal(err)
			}
			break
		}
	}
	if got := p.End(); got == end+60 {
		t.Fatal("the disk did not get full")
	}
	f.mem().SetCapacity(10 << 20)
	if err := appendTo(t, f.log, p, p.End(), 3, 5000).err(); err != nil {
		t.Fatal(err)
	}
	f.close()
}
