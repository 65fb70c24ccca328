package log

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/span"
	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// salvageAll plans and does it.
func (f *fixture) salvage(o SalvageOptions) *SalvagePlan {
	f.t.Helper()
	p := PlanSalvage(f.lookAt(), o)
	if err := p.Apply(f.disk.fs, f.disk.dir, func(string) {}); err != nil {
		f.t.Fatal(err)
	}
	return p
}

// offsetsFrom reads a partition as a consumer does, and gives the base offsets
// of the batches it sees.
func offsetsFrom(t *testing.T, p *PartitionLog, from model.Offset) (bases []model.Offset, err error) {
	t.Helper()
	for from < p.End() {
		var out span.List
		n, _, err := p.Read(ReadRequest{From: from, Limit: p.End(), MaxBytes: 4000, MinOne: true}, &out)
		if err != nil || n == 0 {
			return bases, err
		}
		var part strings.Builder
		if _, err := out.WriteTo(&part); err != nil {
			t.Fatal(err)
		}
		out.Release()
		for b, err := range batch.Split([]byte(part.String())) {
			if err != nil {
				t.Fatal(err)
			}
			bases = append(bases, b.BaseOffset)
			from = b.LastOffset() + 1
		}
	}
	return bases, nil
}

// without are the base offsets of all batches of three records but one.
func without(end, lost model.Offset) (bases []model.Offset) {
	for o := model.Offset(0); o < end; o += 3 {
		if o != lost {
			bases = append(bases, o)
		}
	}
	return bases
}

// Damage that a start or nobody finds: after the salvage consumers go on
// behind it, also once the indexes are made anew.
func TestSalvageLetsConsumersPass(t *testing.T) {
	for name, c := range map[string]struct {
		close func(f *fixture)
		hit   int
	}{
		"below the checkpoint": {(*fixture).close, 7},
		"behind it":            {(*fixture).killWithoutCheckpoint, 58},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, Config{SegmentBytes: 32 << 10})
			f.knowUpTo(3)
			for range 20 {
				f.append(1500, 1, 2, 3)
			}
			f.append(100, 1, 1, 2, 2, 3, 3)
			c.close(f)
			hit := f.batchEntries()[c.hit]
			f.flip(hit.Position + 40)
			plan := f.salvage(SalvageOptions{})
			if len(plan.Lost) != 1 || plan.Lost[0].From != hit.BaseOffset || plan.Lost[0].To != hit.BaseOffset+3 {
				t.Fatalf("lost %+v", plan.Lost)
			}
			if r := f.lookAt(); r.Damaged() || !PlanSalvage(r, SalvageOptions{}).Empty() {
				t.Errorf("after the salvage: %s", texts(r, SeverityDamage))
			}
			starts := f.log.UncleanStarts()
			for _, again := range []func(){func() {}, func() { f.remove(indexSuffix) }} {
				again()
				found := f.open()
				if found.UncleanStarts <= starts {
					t.Errorf("%d unclean starts, there were %d: no consumer would notice", found.UncleanStarts, starts)
				}
				p := f.log.Partition(hit.Partition)
				got, err := offsetsFrom(t, p, 0)
				if want := without(f.ends[hit.Partition], hit.BaseOffset); err != nil || !slices.Equal(got, want) {
					t.Errorf("read %v, %v; want %v", got, err, want)
				}
				// Who asks for the lost offsets gets what is behind them.
				if got, err := offsetsFrom(t, p, hit.BaseOffset+1); err != nil || len(got) == 0 || got[0] != hit.BaseOffset+3 {
					t.Errorf("from within: %v, %v", got, err)
				}
				if d := f.log.Damage(); d.Ranges != 0 || d.Refused != 0 || d.Given == 0 {
					t.Errorf("%+v", d)
				}
				f.append(100, 1, 2, 3)
				f.close()
			}
		})
	}
}

// The lost offsets are the last ones: a reader waits there, and goes on with
// what comes.
func TestSalvageOfTheEnd(t *testing.T) {
	f := newFixture(t, Config{})
	f.knowUpTo(3)
	f.append(500, 1, 1, 2, 3, 3, 3)
	f.killWithoutCheckpoint()
	hit := f.batchEntries()[2]
	f.flip(hit.Position + 13)
	f.salvage(SalvageOptions{})
	f.open()
	p := f.log.Partition(2)
	if got, err := offsetsFrom(t, p, 0); err != nil || len(got) > 0 || p.End() != 3 {
		t.Errorf("read %v, %v; end %d", got, err, p.End())
	}
	if n := p.BytesBetween(0, p.End(), 1); n != 0 {
		t.Errorf("%d bytes to wait for", n)
	}
	f.append(100, 2)
	if got, err := offsetsFrom(t, p, 0); err != nil || !slices.Equal(got, []model.Offset{3}) {
		t.Errorf("read %v, %v", got, err)
	}
	f.close()
}

// damagedOwners leaves a log with damage whose owners nobody knows.
func damagedOwners(t *testing.T) *fixture {
	t.Helper()
	f := newFixture(t, Config{SegmentBytes: 64 << 10})
	f.knowUpTo(4)
	f.append(500, 1, 4, 1, 2, 3, 3, 3)
	f.killWithoutCheckpoint()
	entries := f.batchEntries()
	f.flip(entries[2].Position + 13)
	f.flip(entries[3].Position + 13)
	return f
}

func TestSalvageLiftsRefusals(t *testing.T) {
	f := damagedOwners(t)
	f.open() // it writes the damage into its checkpoint
	if err := appendTo(t, f.log, f.log.Partition(4), 3, 3, 100).err(); !errors.Is(err, ErrOwnerUnknown) {
		t.Fatalf("append: %v", err)
	}
	f.close()
	f.salvage(SalvageOptions{})
	for range 2 {
		f.open()
		for id := model.PartitionID(1); id <= 4; id++ {
			p := f.log.Partition(id)
			if err := appendTo(t, f.log, p, p.End(), 3, 100).err(); err != nil {
				t.Errorf("partition %d: %v", id, err)
			}
		}
		f.close()
		f.remove(indexSuffix)
	}
}

// The process or the machine dies in each change that a salvage makes, or the
// disk fails it: the log starts as before or as after, nothing is gone, and
// salvage can be asked again.
func TestSalvageSurvivesACrash(t *testing.T) {
	hooks := map[string]func(n int64) vfs.Hook{
		"crash":    func(n int64) vfs.Hook { return vfs.CrashAt(n, int(n)*7) },
		"io error": func(n int64) vfs.Hook { return vfs.FailNth(n, vfs.AnyChange, vfs.ErrIO) },
		"no room":  func(n int64) vfs.Hook { return vfs.FailFrom(n, vfs.AnyChange, vfs.ErrNoSpace) },
	}
	for name, c := range salvageCrashes() {
		for how, hook := range hooks {
			t.Run(name+", "+how, func(t *testing.T) {
				f := c.make(t)
				f.syncAll()
				plan := PlanSalvage(f.lookAt(), c.do)
				if plan.Empty() {
					t.Fatal("nothing to do")
				}
				base := f.mem()
				rng := rand.New(rand.NewPCG(1, 2))
				for n := int64(1); n < 200; n++ {
					disk := base.Clone()
					err := plan.Apply(vfs.NewFault(disk, hook(n)), f.disk.dir, func(string) {})
					if n%2 == 0 {
						f.disk.fs = disk.PowerCut(rng)
					} else {
						f.disk.fs = disk.Kill()
					}
					f.keeps(base)
					if err != nil {
						f.salvage(c.do) // else what was done must have stayed
					}
					f.serves(n)
					if err == nil && n%2 == 0 {
						return
					}
					if t.Failed() {
						t.FailNow()
					}
				}
				t.Fatal("it never ends")
			})
		}
	}
}

// serves starts what a salvage left after a crash in its n-th change, and uses it.
func (f *fixture) serves(n int64) {
	f.t.Helper()
	aside := slices.DeleteFunc(f.files(quarantinePrefix), func(n string) bool { return strings.HasSuffix(n, tempSuffix) })
	f.open()
	for id := model.PartitionID(1); id <= 3; id++ {
		p := f.log.Partition(id)
		if _, err := offsetsFrom(f.t, p, 0); err != nil {
			f.t.Errorf("change %d: partition %d: %v", n, id, err)
		}
		if err := appendTo(f.t, f.log, p, p.End(), 3, 100).err(); err != nil {
			f.t.Errorf("change %d: partition %d: %v", n, id, err)
		}
	}
	f.close()
	if now := f.files(quarantinePrefix); !containsAll(now, aside) {
		f.t.Errorf("change %d: %v was set aside, now there is %v", n, aside, now)
	}
}

// salvageCrash is a damaged log, and what is done about it.
type salvageCrash struct {
	make func(t *testing.T) *fixture
	do   SalvageOptions
}

func salvageCrashes() map[string]salvageCrash {
	return map[string]salvageCrash{
		"owners": {damagedOwners, SalvageOptions{DropIndexes: true}},
		"segment": {func(t *testing.T) *fixture {
			t.Helper()
			f := fill(t)
			f.close()
			f.remove(f.files(segmentSuffix)[1])
			return f
		}, SalvageOptions{}},
		"short": {func(t *testing.T) *fixture {
			t.Helper()
			f := fill(t)
			f.close()
			names := f.files(segmentSuffix)
			file := mustOpenFile(t, f.mem(), path.Join(f.disk.dir, names[len(names)-1]))
			if err := file.Truncate(segmentHeaderSize + 200); err != nil {
				t.Fatal(err)
			}
			return f
		}, SalvageOptions{}},
		"mark": {func(t *testing.T) *fixture {
			t.Helper()
			f := fill(t)
			f.close()
			f.replaceFile(startMarkName, []byte("nonsense"))
			if err := f.mem().FlipBit(path.Join(f.disk.dir, f.files(segmentSuffix)[0]), 14, 1); err != nil {
				t.Fatal(err)
			}
			return f
		}, SalvageOptions{DropIndexes: true}},
	}
}

// syncAll makes the disk durable as it is, so that a power cut takes only what
// comes later.
func (f *fixture) syncAll() {
	f.t.Helper()
	for _, name := range f.files("") {
		file := mustOpenFile(f.t, f.mem(), path.Join(f.disk.dir, name))
		if err := errors.Join(file.Datasync(), file.Close()); err != nil {
			f.t.Fatal(err)
		}
	}
	if err := f.disk.fs.SyncDir(f.disk.dir); err != nil {
		f.t.Fatal(err)
	}
}

// keeps checks what a crash left of a salvage: every file of the disk before is
// there as it was, or set aside as it was; and what was written is whole.
func (f *fixture) keeps(before *vfs.Mem) {
	f.t.Helper()
	names, err := before.List(f.disk.dir)
	if err != nil {
		f.t.Fatal(err)
	}
	now := f.files("")
	for _, name := range names {
		was := f.content(before, name)
		if _, err := decodeStartMark(was); err == nil {
			continue // a good mark is replaced by another
		}
		head := slices.ContainsFunc(now, func(n string) bool {
			return strings.HasSuffix(n, name+headerSuffix) && bytes.HasPrefix(was, f.content(f.mem(), n))
		})
		if !slices.ContainsFunc(now, func(n string) bool {
			is, was := f.content(f.mem(), n), was
			if head && n == name { // it got a new header
				is, was = is[segmentHeaderSize:], was[segmentHeaderSize:]
			}
			if strings.HasSuffix(n, segmentSuffix) && len(is) > len(was) && bytes.Count(is[len(was):], []byte{0}) == len(is)-len(was) {
				is = is[:len(was)] // it got its length back
			}
			return (n == name || strings.HasPrefix(n, quarantinePrefix) && strings.HasSuffix(n, "-"+name)) && bytes.Equal(is, was)
		}) {
			f.t.Fatalf("%s, of %d bytes, is gone: %v", name, len(was), now)
		}
	}
	if slices.Contains(now, salvagedName) {
		if _, err := decodeSalvaged(f.content(f.mem(), salvagedName)); err != nil {
			f.t.Fatal(err)
		}
	}
	if _, err := decodeStartMark(f.content(f.mem(), startMarkName)); err != nil && !bytes.Equal(f.content(before, startMarkName), f.content(f.mem(), startMarkName)) {
		f.t.Fatal(err)
	}
}

func (f *fixture) content(disk *vfs.Mem, name string) []byte {
	f.t.Helper()
	b, err := readSmallFile(disk, f.disk.dir, name)
	if err != nil {
		f.t.Fatal(err)
	}
	return b
}

func containsAll(all, some []string) bool {
	return !slices.ContainsFunc(some, func(x string) bool { return !slices.Contains(all, x) })
}

func TestSalvagedRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) *salvaged {
			s := &salvaged{}
			for range rapid.IntRange(0, 4).Draw(t, name+" ranges") {
				from := Position(rapid.IntRange(0, 50).Draw(t, "from"))
				s.Ranges = append(s.Ranges, PositionRange{from, from + Position(rapid.IntRange(1, 9).Draw(t, "n"))})
			}
			for range rapid.IntRange(0, 4).Draw(t, name+" offsets") {
				from := model.Offset(rapid.IntRange(0, 50).Draw(t, "from"))
				s.Offsets = append(s.Offsets, lostOffsets{model.PartitionID(rapid.IntRange(1, 3).Draw(t, "id")), from, from + model.Offset(rapid.IntRange(1, 9).Draw(t, "n"))})
			}
			return s
		}
		a, b := draw("a"), draw("b")
		u := a.with(b)
		got, err := decodeSalvaged(u.encode())
		if err != nil || !slices.Equal(got.Ranges, u.Ranges) || !slices.Equal(got.Offsets, u.Offsets) {
			t.Fatalf("%+v, %v; want %+v", got, err, u)
		}
		var d damage
		d.give(got)
		for _, s := range []*salvaged{a, b} {
			for _, r := range s.Ranges {
				if !holds(got.Ranges, r) {
					t.Fatalf("%v is not in %v", r, got.Ranges)
				}
			}
			for _, o := range s.Offsets {
				if !d.isLost(o.Partition, o.From, o.To) || d.isLost(9, o.From, o.To) {
					t.Fatalf("%v in %v", o, got.Offsets)
				}
			}
		}
	})
}

func FuzzDecodeSalvaged(f *testing.F) {
	s := &salvaged{Ranges: []PositionRange{{1, 2}}, Offsets: []lostOffsets{{1, 2, 3}}}
	f.Add(s.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := decodeSalvaged(b); err == nil && len(s.Ranges)*salvagedRangeSize+len(s.Offsets)*salvagedOffsetSize > len(b) {
			t.Fatal("more than there is")
		}
	})
}
