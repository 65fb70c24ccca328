package log

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/span"
	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// fixture is a log on a memory disk, and what was acknowledged.
type fixture struct {
	t    *testing.T
	disk *testDisk
	cfg  Config
	log  *Log
	want map[model.PartitionID][]byte
	ends map[model.PartitionID]model.Offset
}

func newFixture(t *testing.T, cfg Config) *fixture {
	t.Helper()
	return openFixture(t, cfg, newMemDisk(t))
}

// newStillFixture makes one for which no time passes: the log is never idle for
// long enough to write a mark behind what a test appended last.
func newStillFixture(t *testing.T, cfg Config) *fixture {
	t.Helper()
	d := newMemDisk(t)
	d.clock = clock.NewManual(time.UnixMilli(1_700_000_000_000))
	return openFixture(t, cfg, d)
}

// openFixture makes one on a disk. Nothing is relocated unless the test asks
// for it: segments would come and go beside what it looks at.
func openFixture(t *testing.T, cfg Config, d *testDisk) *fixture {
	t.Helper()
	set(&cfg.relocateKeep, 1<<20)
	f := &fixture{
		t: t, disk: d, cfg: cfg,
		want: make(map[model.PartitionID][]byte), ends: make(map[model.PartitionID]model.Offset),
	}
	f.log, _ = mustOpen(t, cfg, f.disk.env())
	return f
}

// holdWriter has what is enqueued until release be written as one group.
func (f *fixture) holdWriter() (release func()) {
	f.t.Helper()
	held, begun := make(chan struct{}), make(chan struct{})
	if !f.log.queue.run(func() { close(begun); <-held }) {
		f.t.Fatal("the log is closed")
	}
	<-begun
	return func() { close(held) }
}

// append appends one batch of three records to each partition, durably.
func (f *fixture) append(size int, ids ...model.PartitionID) {
	f.t.Helper()
	for _, id := range ids {
		b, _ := makeBatch(f.t, f.ends[id], 3, size)
		if err := appendTo(f.t, f.log, f.log.Partition(id), f.ends[id], 3, size).err(); err != nil {
			f.t.Fatal(err)
		}
		f.want[id] = append(f.want[id], b...)
		f.ends[id] += 3
	}
}

// control appends a log-start or truncate entry, durably.
func (f *fixture) control(id model.PartitionID, kind Kind, argument model.Offset, epoch model.LeaderEpoch) error {
	p := f.log.Partition(id)
	w := newWaiter()
	f.log.Enqueue(&Append{
		Partition: p, Kind: kind, Epoch: epoch, BaseOffset: argument, Sync: true, Generation: p.Generation(), Done: w,
	})
	return w.err()
}

// kill ends the process without a word, and opens the log again.
func (f *fixture) kill() *Recovery {
	f.t.Helper()
	mem := f.mem().Kill()
	f.stop()
	f.disk.fs = mem
	return f.open()
}

func (f *fixture) mem() *vfs.Mem {
	f.t.Helper()
	m, ok := f.disk.fs.(*vfs.Mem)
	if !ok {
		f.t.Fatal("not a memory disk")
	}
	return m
}

// openFaulty closes the log and opens it on the same disk, on which hooks of the
// fault fail operations from here on.
func (f *fixture) openFaulty() (*vfs.Mem, *vfs.Fault) {
	f.t.Helper()
	mem := f.mem()
	f.close()
	fault := vfs.NewFault(mem, nil)
	f.disk.fs = fault
	f.open()
	return mem, fault
}

// stop ends a log whose disk is dead.
func (f *fixture) stop() {
	// Its disk is dead: all that Close could say is known.
	_ = f.log.Close()
}

// open waits for the checkpoint that an unclean start writes by itself, so that
// what a test appends next is never below it.
func (f *fixture) open() *Recovery {
	f.t.Helper()
	var found *Recovery
	f.log, found = mustOpen(f.t, f.cfg, f.disk.env())
	if err := f.log.keeper.do(func() error { return nil }); err != nil {
		f.t.Fatal(err)
	}
	return found
}

func (f *fixture) restart() *Recovery {
	f.t.Helper()
	f.close()
	return f.open()
}

func (f *fixture) close() {
	f.t.Helper()
	if err := f.log.Close(); err != nil {
		f.t.Fatal(err)
	}
}

// check reads everything back.
func (f *fixture) check() {
	f.t.Helper()
	for id, want := range f.want {
		p := f.log.Partition(id)
		if p.End() != f.ends[id] || p.DurableEnd() != f.ends[id] {
			f.t.Errorf("partition %d ends at %d (durable %d), want %d", id, p.End(), p.DurableEnd(), f.ends[id])
		}
		if got := readAll(f.t, p, p.Start()); !bytes.Equal(got, want) {
			f.t.Errorf("partition %d: %d bytes that differ from the %d appended", id, len(got), len(want))
		}
	}
}

// entries scans the whole log of a closed disk.
func (f *fixture) entries() []entryHeader {
	f.t.Helper()
	s := newScanner(f.chain(), 0)
	var list []entryHeader
	for {
		item, err := s.next()
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			f.t.Fatal(err)
		}
		if item.Kind == scanEntry {
			list = append(list, item.Header)
		}
	}
}

func (f *fixture) chain() chain {
	f.t.Helper()
	names, err := f.disk.fs.List(f.disk.dir)
	if err != nil {
		f.t.Fatal(err)
	}
	var c chain
	for _, name := range names {
		if _, ok := parseSegmentName(name); ok {
			s, err := openSegment(f.disk.fs, f.disk.dir, name)
			if err != nil {
				f.t.Fatal(err)
			}
			f.t.Cleanup(s.Release)
			c = append(c, s)
		}
	}
	return c
}

// flip damages the byte at a Position.
func (f *fixture) flip(at Position) {
	f.t.Helper()
	s := f.chain().find(at)
	if err := f.mem().FlipBit(path.Join(f.disk.dir, s.name), s.offset(at), 3); err != nil {
		f.t.Fatal(err)
	}
}

// batchEntries are the entries that hold batches.
func (f *fixture) batchEntries() []entryHeader {
	f.t.Helper()
	return slices.DeleteFunc(f.entries(), func(h entryHeader) bool { return h.Kind != KindBatches })
}

func (f *fixture) files(part string) []string {
	f.t.Helper()
	names, err := f.disk.fs.List(f.disk.dir)
	if err != nil {
		f.t.Fatal(err)
	}
	return slices.DeleteFunc(names, func(n string) bool { return !strings.Contains(n, part) })
}

func (f *fixture) remove(part string) {
	f.t.Helper()
	for _, n := range f.files(part) {
		if err := f.disk.fs.Remove(path.Join(f.disk.dir, n)); err != nil {
			f.t.Fatal(err)
		}
	}
}

// killWithoutCheckpoint leaves the disk as after a crash, closed.
func (f *fixture) killWithoutCheckpoint() {
	f.t.Helper()
	mem := f.mem().Kill()
	f.stop()
	f.disk.fs = mem
}

func TestKillLosesNothing(t *testing.T) {
	f := newFixture(t, Config{SegmentBytes: 64 << 10})
	for range 3 {
		for range 20 {
			f.append(2000, 1, 2, 3)
		}
		found := f.kill()
		if !found.Unclean || found.TornBytes != 0 || len(found.Corrupt) > 0 || len(found.Quarantined) > 0 {
			t.Errorf("recovery: %+v", found)
		}
		f.check()
	}
	if n := f.log.UncleanStarts(); n != 3 {
		t.Errorf("%d unclean starts, want 3", n)
	}
	if found := f.restart(); found.Unclean || found.ScannedBytes > 2*scanWindow || found.UncleanStarts != 3 {
		t.Errorf("clean start: %+v", found)
	}
	f.check()
	f.close()
}

func TestIndexesRebuilt(t *testing.T) {
	for _, what := range []string{".index", checkpointPrefix, "both"} {
		t.Run(what, func(t *testing.T) {
			f := newFixture(t, Config{SegmentBytes: 64 << 10})
			for range 30 {
				f.append(2000, 1, 2, 3)
			}
			if err := f.control(2, KindLogStart, 30, 1); err != nil {
				t.Fatal(err)
			}
			if err := f.control(3, KindTruncate, 60, 2); err != nil {
				t.Fatal(err)
			}
			starts, ends := f.bounds()
			f.close()
			if what == "both" {
				f.remove(".index")
				f.remove(checkpointPrefix)
			} else {
				f.remove(what)
			}
			if found := f.open(); !found.RebuiltIndex || len(found.Corrupt) > 0 {
				t.Errorf("recovery: %+v", found)
			}
			gotStarts, gotEnds := f.bounds()
			if !maps.Equal(starts, gotStarts) || !maps.Equal(ends, gotEnds) {
				t.Errorf("starts %v, ends %v; before %v, %v", gotStarts, gotEnds, starts, ends)
			}
			if found := f.restart(); found.RebuiltIndex {
				t.Error("rebuilt twice")
			}
			readAll(t, f.log.Partition(1), 0)
			readAll(t, f.log.Partition(2), 30)
			f.close()
		})
	}
}

func (f *fixture) bounds() (starts, ends map[model.PartitionID]model.Offset) {
	starts, ends = make(map[model.PartitionID]model.Offset), make(map[model.PartitionID]model.Offset)
	for _, p := range f.log.partitions.all() {
		starts[p.ID()], ends[p.ID()] = p.Start(), p.End()
	}
	return starts, ends
}

// A damaged entry with durable entries behind it: its range answers that it is
// damaged, everything else is served, nothing is cut.
func TestDamageIsFenced(t *testing.T) {
	for name, where := range map[string]Position{"header": 40, "payload": entryHeaderSize + 100} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, Config{})
			for range 10 {
				f.append(500, 1, 2)
			}
			f.killWithoutCheckpoint()
			hit := f.batchEntries()[8]
			f.flip(hit.Position + where)
			found := f.open()
			want := []PositionRange{{hit.Position, hit.end()}}
			if !slices.Equal(found.Corrupt, want) || found.TornBytes != 0 {
				t.Errorf("recovery: %+v, want damage %v", found, want)
			}
			p := f.log.Partition(hit.Partition)
			if p.End() != f.ends[hit.Partition] || p.Refused() != nil {
				t.Errorf("end %d, want %d; refused: %v", p.End(), f.ends[hit.Partition], p.Refused())
			}
			var out span.List
			_, _, err := p.Read(ReadRequest{From: hit.BaseOffset, Limit: p.End(), MaxBytes: 1 << 20}, &out)
			if !errors.Is(err, ErrCorrupt) {
				t.Errorf("read of the damaged offset: %v", err)
			}
			readAll(t, p, hit.BaseOffset+3)
			other := 3 - hit.Partition
			if got := readAll(t, f.log.Partition(other), 0); !bytes.Equal(got, f.want[other]) {
				t.Error("the other partition differs")
			}
			f.append(100, 1, 2)
			f.close()
		})
	}
}

// The damaged entry is its partition's last: only its successor's header tells
// that those offsets were given.
func TestDamagedLastOfPartition(t *testing.T) {
	f := newFixture(t, Config{})
	f.append(500, 1, 1, 2, 3, 3, 3)
	f.killWithoutCheckpoint()
	hit := f.batchEntries()[2]
	f.flip(hit.Position + 13)
	f.open()
	p := f.log.Partition(2)
	if p.End() != 3 || p.Refused() != nil {
		t.Errorf("end %d, refused %v; want 3, and not refused: the owner is known", p.End(), p.Refused())
	}
	f.close()
}

// knowNoneFrom has the metadata end below a partition: who looks for the highest
// would else find another one for ever.
func (f *fixture) knowNoneFrom(first model.PartitionID) {
	f.disk.standing = make(map[model.PartitionID]Standing)
	for id := first; id < first+2+2*partitionGapMax; id++ {
		f.disk.standing[id] = Unknown
	}
}

// Two damaged headers in a row: whoever has no entry behind them may have lost
// its end, and refuses appends, also after later starts.
func TestUnknownOwnersRefuse(t *testing.T) {
	f := newFixture(t, Config{})
	f.append(500, 1, 4, 1, 2, 3, 3, 3)
	f.killWithoutCheckpoint()
	entries := f.batchEntries()
	f.flip(entries[2].Position + 13)
	f.flip(entries[3].Position + 13)
	f.knowNoneFrom(9)
	f.open()
	for range 2 {
		for id, want := range map[model.PartitionID]error{1: ErrOwnerUnknown, 2: nil, 3: nil, 4: ErrOwnerUnknown, 5: ErrOwnerUnknown, 9: nil} {
			if got := f.log.Partition(id).Refused(); !errors.Is(got, want) {
				t.Errorf("partition %d refuses with %v, want %v", id, got, want)
			}
		}
		err := appendTo(t, f.log, f.log.Partition(4), 3, 3, 100).err()
		if !errors.Is(err, ErrOwnerUnknown) {
			t.Errorf("append: %v", err)
		}
		readAll(t, f.log.Partition(4), 0)
		f.restart()
	}
	f.close()
}

// Damage reaches up to S, and what stood there was torn by the crash: a good
// entry behind both names the torn one, which nobody was promised. Its offsets
// are not damage.
func TestTornBehindDamage(t *testing.T) {
	f := newFixture(t, Config{})
	f.append(500, 1, 1)
	f.appendGroup(500, 2, 3)
	f.killWithoutCheckpoint()
	entries := f.batchEntries()
	hit, torn, last := entries[1], entries[2], entries[3]
	if last.Synced != hit.end() || torn.Position != hit.end() {
		t.Fatalf("the last entry knows that the log is durable up to %d, want %d", last.Synced, hit.end())
	}
	f.flip(hit.Position + 13)
	f.flip(torn.Position + 13)
	f.knowNoneFrom(4)
	found := f.open()
	if want := []PositionRange{{hit.Position, hit.end()}}; !slices.Equal(found.Corrupt, want) {
		t.Errorf("recovery: %+v, want damage %v", found, want)
	}
	for id, want := range map[model.PartitionID]model.Offset{1: 3, 2: 0, 3: 0} {
		if got := f.log.Partition(id).End(); got != want {
			t.Errorf("partition %d ends at %d, want %d", id, got, want)
		}
	}
	if err := f.log.Partition(1).Refused(); !errors.Is(err, ErrOwnerUnknown) {
		t.Errorf("whose offsets the damaged entry had is not known; partition 1 refuses with %v", err)
	}
	f.close()
}

// appendGroup appends a batch of three records to each partition, in one group.
// It does not become part of what check wants.
func (f *fixture) appendGroup(size int, ids ...model.PartitionID) {
	f.t.Helper()
	release := f.holdWriter()
	var ws []*waiter
	for _, id := range ids {
		ws = append(ws, appendTo(f.t, f.log, f.log.Partition(id), f.ends[id], 3, size))
	}
	release()
	for _, w := range ws {
		if err := w.err(); err != nil {
			f.t.Fatal(err)
		}
	}
}

// damageLastGroup ends a life with a group of one batch each of partitions 1 to
// 3, of which no entry says that it is durable, and damages the first of them,
// at offset 6.
func (f *fixture) damageLastGroup() {
	f.t.Helper()
	f.append(500, 1, 1)
	f.appendGroup(500, 1, 2, 3)
	f.killWithoutCheckpoint()
	entries := f.entries()
	i := slices.IndexFunc(entries, func(h entryHeader) bool { return h.Partition == 1 && h.BaseOffset == 6 })
	if entries[len(entries)-1].Synced > entries[i].Position {
		f.t.Fatal("a later entry knows that the group is durable")
	}
	f.flip(entries[i].Position + 30)
}

// In the last group nothing proves that the bytes were durable: they are cut,
// but kept for an operator.
func TestTornTailIsKeptAside(t *testing.T) {
	f := newStillFixture(t, Config{})
	f.damageLastGroup()
	found := f.open()
	if len(found.Corrupt) > 0 || found.TornBytes == 0 || len(f.files(".cut")) != 1 {
		t.Errorf("recovery: %+v, files %v", found, f.files(quarantinePrefix))
	}
	if end := f.log.Partition(1).End(); end != 6 {
		t.Errorf("end %d, want 6", end)
	}
	f.ends[1] = 6
	f.append(100, 1)
	f.close()
}

func TestUnknownPartitionRefusesStart(t *testing.T) {
	for _, clean := range []bool{true, false} {
		f := newFixture(t, Config{})
		f.append(500, 1, 2)
		if clean {
			f.close()
		} else {
			f.killWithoutCheckpoint()
		}
		before := f.mem().Clone()
		f.disk.standing = map[model.PartitionID]Standing{2: Unknown}
		if _, _, err := Open(f.cfg, f.disk.env()); !errors.Is(err, errUnknownPartition) {
			t.Fatalf("open: %v", err)
		}
		names, err := before.List(f.disk.dir)
		if err != nil {
			t.Fatal(err)
		}
		if now := f.files(""); !slices.Equal(names, now) {
			t.Errorf("files were %v, are %v", names, now)
		}
		f.disk.standing = nil
		f.open()
		f.check()
		f.close()
	}
}

func TestMissingSegmentRefusesStart(t *testing.T) {
	f := newFixture(t, Config{SegmentBytes: 32 << 10})
	for range 30 {
		f.append(3000, 1)
	}
	f.close()
	f.remove(f.files(segmentSuffix)[1])
	if _, _, err := Open(f.cfg, f.disk.env()); !errors.Is(err, errMissing) {
		t.Fatalf("open: %v", err)
	}
}

func TestDamagedSegmentHeaderIsRepaired(t *testing.T) {
	f := newFixture(t, Config{SegmentBytes: 32 << 10})
	for range 30 {
		f.append(3000, 1)
	}
	f.killWithoutCheckpoint()
	for _, name := range f.files(segmentSuffix)[1:3] {
		if err := f.mem().FlipBit(path.Join(f.disk.dir, name), 14, 1); err != nil {
			t.Fatal(err)
		}
	}
	f.open()
	f.check()
	f.restart()
	f.check()
	f.close()
}

func TestOlderCheckpointIsUsed(t *testing.T) {
	f := newFixture(t, Config{SegmentBytes: 64 << 10})
	for range 3 {
		f.append(2000, 1, 2)
		f.restart()
	}
	f.append(2000, 1, 2)
	f.close()
	names := f.files(checkpointPrefix)
	if len(names) != checkpointsKept {
		t.Fatalf("checkpoints: %v", names)
	}
	if err := f.mem().FlipBit(path.Join(f.disk.dir, names[1]), 20, 1); err != nil {
		t.Fatal(err)
	}
	found := f.open()
	if found.RebuiltIndex || len(found.Corrupt) > 0 || len(found.Quarantined) != 1 {
		t.Errorf("recovery: %+v", found)
	}
	f.check()
	f.restart()
	f.check()
	f.close()
}

// knowUpTo has the metadata know no partition above id.
func (f *fixture) knowUpTo(id model.PartitionID) {
	f.disk.standing = make(map[model.PartitionID]Standing)
	for n := id + 1; n <= id+2*partitionGapMax; n++ {
		f.disk.standing[n] = Unknown
	}
}

// The indexes are gone, and the start that was to rebuild them dies somewhere:
// the next one must still know what the checkpoint knew to be durable.
func TestCheckpointOutlivesAFailedRebuild(t *testing.T) {
	f := newFixture(t, Config{SegmentBytes: 64 << 10})
	f.knowUpTo(2)
	f.append(500, 1, 1, 2, 1)
	f.close()
	list := f.batchEntries()
	f.flip(list[len(list)-1].Position + 13) // no entry behind it vouches for it
	f.remove(".index")
	start := f.mem()
	for n := int64(1); n <= 24; n++ {
		f.disk.fs = start.Clone()
		env := f.disk.env()
		env.FS = vfs.NewFault(f.disk.fs, vfs.CrashAt(n, 0))
		if l, _, err := Open(f.cfg, env); err == nil {
			_ = l.Close() // it died in its first checkpoint
		}
		f.disk.fs = f.mem().Kill()
		found := f.open()
		if p := f.log.Partition(1); found.TornBytes > 0 || p.End() != f.ends[1] && p.Refused() == nil {
			t.Errorf("the start before died at change %d: %+v; partition 1 ends at %d, want %d", n, found, p.End(), f.ends[1])
		}
		f.close()
	}
}
