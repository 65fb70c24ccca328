package log

import (
	"errors"
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/span"
	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// scrubNow runs one pass as fast as it goes.
func (f *fixture) scrubNow() {
	f.t.Helper()
	f.log.scrub.rate = 1 << 50
	if !f.log.scrub.pass() || !f.log.scrub.cold() {
		f.t.Fatal("the pass was stopped")
	}
}

func TestScrubFindsNothing(t *testing.T) {
	f := fill(t)
	for range 3 {
		f.append(1500, 1, 2, 3)
		f.scrubNow()
		if d := f.log.Damage(); d.Ranges != 0 {
			t.Fatalf("%+v", d)
		}
		f.kill()
	}
	if s := f.log.Scrubbed(); s.BytesPerSec != 0 {
		t.Errorf("%+v", s)
	}
	f.close()
}

// Damage below the synced Position is told once, its range is fenced, and all
// else is served; nothing on the disk changes.
func TestScrubFencesDamage(t *testing.T) {
	for name, where := range map[string]Position{"header": 40, "payload": entryHeaderSize + 100} {
		t.Run(name, func(t *testing.T) {
			f := fill(t)
			f.close()
			hit := f.batchEntries()[7]
			var fenced []DamageFenced
			env := f.disk.env()
			env.Events = func(e Event) {
				if x, ok := e.(DamageFenced); ok {
					fenced = append(fenced, x)
				}
			}
			l, _, err := Open(f.cfg, env)
			if err != nil {
				t.Fatal(err)
			}
			f.log = l
			f.flip(hit.Position + where)
			f.scrubNow()
			f.scrubNow()
			want := PositionRange{hit.Position, hit.end()}
			if len(fenced) != 1 || fenced[0].Range != want {
				t.Errorf("told of %+v, want %v once", fenced, want)
			}
			if d := l.Damage(); d.Ranges != 1 || d.First != want || d.Bytes != int64(hit.Size) {
				t.Errorf("%+v", d)
			}
			p := l.Partition(hit.Partition)
			var out span.List
			if _, _, err := p.Read(ReadRequest{From: hit.BaseOffset, Limit: p.End(), MaxBytes: 1 << 20, MinOne: true}, &out); !errors.Is(err, ErrCorrupt) {
				t.Errorf("read of the damaged offsets: %v", err)
			}
			got, err := offsetsFrom(t, p, 0)
			if want := without(hit.BaseOffset, -1); !errors.Is(err, ErrCorrupt) || !slices.Equal(got, want) {
				t.Errorf("before the damage: %v, %v; want %v", got, err, want)
			}
			if got, err := offsetsFrom(t, p, hit.BaseOffset+3); err != nil || len(got) == 0 {
				t.Errorf("behind the damage: %v, %v", got, err)
			}
			f.append(100, hit.Partition)
			f.close()
		})
	}
}

// A segment whose file has lost its end answers that it is damaged, not that
// the offset is out of range: a consumer would start over.
func TestShortSegmentIsDamage(t *testing.T) {
	f := fill(t)
	f.close()
	name := f.files(segmentSuffix)[1]
	file := mustOpenFile(t, f.mem(), path.Join(f.disk.dir, name))
	if err := file.Truncate(segmentHeaderSize + 100); err != nil {
		t.Fatal(err)
	}
	if found := f.open(); len(found.Corrupt) != 1 || !strings.Contains(Recovered{*found}.String(), "1 damaged ranges found") {
		t.Errorf("the start found %v", found.Corrupt)
	}
	first, _ := parseSegmentName(name)
	base := model.Offset(0)
	for ; base < f.ends[1]; base += 3 {
		it, err := f.log.Partition(1).iterate(base)
		if err != nil {
			t.Fatal(err)
		}
		if e, _, _, err := it.next(); err != nil {
			t.Fatal(err)
		} else if Position(e.Position) > first+100 {
			break
		}
	}
	var out span.List
	_, _, err := f.log.Partition(1).Read(ReadRequest{From: base, Limit: f.ends[1], MaxBytes: 1 << 20, MinOne: true}, &out)
	if !errors.Is(err, ErrCorrupt) {
		t.Errorf("read: %v", err)
	}
	if d := f.log.Damage(); d.Ranges != 1 {
		t.Errorf("%+v", d)
	}
	f.close()
}

// The scrub begins by itself, keeps its rate, and ends with the log.
func TestScrubRunsSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // in which time passes while all wait for it
		f := fill(t)
		f.close()
		passed := make(chan ScrubPassed, 1)
		env := f.disk.env()
		env.Events = func(e Event) {
			if x, ok := e.(ScrubPassed); ok {
				passed <- x
			}
		}
		const rate, segment = 8 << 10, 32 << 10
		l, _, err := Open(Config{SegmentBytes: segment, ScrubBytesPerSec: rate}, env)
		if err != nil {
			t.Fatal(err)
		}
		x := <-passed
		// What is read at once is at most a segment, and is paid for by the next.
		most := time.Duration(x.Bytes) * time.Second / rate
		if least := most - segment*time.Second/rate; x.Bytes < 80<<10 || x.Took < least || x.Took > most+time.Second {
			t.Errorf("%d bytes in %v, want %v to %v", x.Bytes, x.Took, least, most)
		}
		if s := l.Scrubbed(); s.Passes != 1 || s.LastPass != x.Took || s.At == 0 {
			t.Errorf("%+v", s)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// wrongCache is a disk whose page cache holds a wrong bit of one file, until it
// has to drop it.
type wrongCache struct {
	vfs.FS
	name  string
	off   int64
	wrong atomic.Bool
}

type wrongFile struct {
	vfs.File
	disk *wrongCache
}

func (d *wrongCache) OpenWritable(name string) (vfs.File, error) {
	f, err := d.FS.OpenWritable(name)
	if err != nil || name != d.name {
		return f, err
	}
	return &wrongFile{f, d}, nil
}

func (f *wrongFile) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.File.ReadAt(p, off)
	return f.read(p, off, n, err)
}

func (f *wrongFile) ReadAtCached(p []byte, off int64) (int, error) {
	n, err := f.File.ReadAtCached(p, off)
	return f.read(p, off, n, err)
}

func (f *wrongFile) read(p []byte, off int64, n int, err error) (int, error) {
	if at := f.disk.off - off; 0 <= at && at < int64(n) && f.disk.wrong.Load() {
		p[at] ^= 8
	}
	return n, err
}

func (f *wrongFile) DropCache(off, n int64) {
	if off <= f.disk.off && f.disk.off < off+n {
		f.disk.wrong.Store(false)
	}
	f.File.DropCache(off, n)
}

// A disk that gives other bytes the second time is told of, and fences nothing.
func TestScrubLooksTwice(t *testing.T) {
	f := fill(t)
	f.close()
	hit := f.batchEntries()[7]
	seg := f.chain().find(hit.Position)
	disk := &wrongCache{FS: f.mem(), name: path.Join(f.disk.dir, seg.name), off: seg.offset(hit.Position) + 40}
	env := f.disk.env()
	env.FS = disk
	told := 0
	env.Events = func(e Event) {
		if _, ok := e.(BackgroundFailed); ok {
			told++
		}
	}
	l, _, err := Open(f.cfg, env)
	if err != nil {
		t.Fatal(err)
	}
	f.log = l
	disk.wrong.Store(true)
	l.scrub.rate = 1 << 50
	if !l.scrub.pass() {
		t.Fatal("stopped")
	}
	if d := l.Damage(); d.Ranges != 0 || told != 1 || disk.wrong.Load() {
		t.Errorf("%+v, told %d times", d, told)
	}
	f.check()
	f.close()
}

// A sound log is never told to be damaged, whatever is appended, deleted and
// given back while the scrub reads.
func TestScrubBesideAllElse(t *testing.T) {
	f := newFixture(t, Config{SegmentBytes: 16 << 10})
	f.log.scrub.rate = 1 << 50
	stop, passed := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		for {
			select {
			case <-stop:
				passed <- n
				return
			default:
				f.log.scrub.pass()
				n++
			}
		}
	}()
	for i := range 120 {
		f.append(900, 1, 2, 3)
		if i%10 == 9 {
			for id := model.PartitionID(1); id <= 3; id++ {
				if err := f.control(id, KindLogStart, f.ends[id]-6, 1); err != nil {
					t.Error(err)
				}
			}
			if _, _, err := f.log.Reclaim(); err != nil {
				t.Error(err)
			}
		}
	}
	close(stop)
	if n := <-passed; n == 0 {
		t.Error("the scrub never ran")
	}
	f.scrubNow()
	if d := f.log.Damage(); d.Ranges != 0 {
		t.Errorf("%+v", d)
	}
	if n := len(f.log.segments.all()); n > 20 {
		t.Errorf("%d segments: nothing was given back", n)
	}
	f.close()
	if r := f.lookAt(); r.Damaged() {
		t.Error(texts(r, SeverityDamage))
	}
}

// Damage is forgotten with its segment, also with one from the middle.
func TestDamageGoesWithItsSegment(t *testing.T) {
	f := newFixture(t, Config{SegmentBytes: 16 << 10})
	f.append(500, 1) // keeps the first segment alive
	for range 30 {
		f.append(1500, 2)
	}
	c := f.log.segments.all()
	f.flip(c[1].First + entryHeaderSize + 100)
	f.scrubNow()
	if d := f.log.Damage(); d.Ranges != 1 {
		t.Fatalf("%+v", d)
	}
	if err := f.control(2, KindLogStart, f.ends[2]-3, 1); err != nil {
		t.Fatal(err)
	}
	if _, _, err := f.log.Reclaim(); err != nil {
		t.Fatal(err)
	}
	if s := f.log.segments.all().find(c[1].First); s.First != 0 {
		t.Fatalf("segment %d was not reclaimed", s.First)
	}
	if d := f.log.Damage(); d.Ranges != 0 {
		t.Errorf("%+v, of a segment that is no more", d)
	}
	f.close()
}

// A disk that could not be read for a while, and can be again, does not leave
// its records fenced until the next start.
func TestScrubLiftsWhatReadsWell(t *testing.T) {
	f := fill(t)
	f.close()
	mem := f.mem()
	fault := vfs.NewFault(mem, nil)
	f.disk.fs = fault
	f.open()
	hit := f.log.segments.all()[1]
	fault.SetHook(func(op vfs.Op) error {
		if (op.Is(vfs.KindRead) || op.Is(vfs.KindReadCached)) && path.Base(op.Name) == hit.name {
			return vfs.ErrIO
		}
		return nil
	})
	f.scrubNow()
	if d := f.log.Damage(); d.Ranges != 1 {
		t.Fatalf("%+v", d)
	}
	fault.SetHook(nil)
	f.scrubNow()
	if d := f.log.Damage(); d.Ranges != 0 {
		t.Errorf("%+v", d)
	}
	f.check()
	f.close()
}
