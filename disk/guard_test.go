package disk

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/vfs"
)

const dir = "/data"

// world is a guard over a disk of 64 MiB, and what it told.
type world struct {
	t     *testing.T
	mem   *vfs.Mem
	clock *clock.Manual
	guard *Guard
	// settings must not change while the guard looks.
	settings Settings

	mu     sync.Mutex
	events []string
	trims  int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		t: t, mem: vfs.NewMem(), clock: clock.NewManual(time.UnixMilli(1_700_000_000_000)),
		settings: Settings{Warn: 8 * mebi, Min: 2 * mebi, Ballast: 2 * mebi, Segment: mebi},
	}
	w.mem.SetCapacity(64 * mebi)
	if err := w.mem.MkdirAll(dir); err != nil {
		t.Fatal(err)
	}
	return w
}

// open begins the watch over a disk, which is w.mem or stands in front of it.
func (w *world) open(disk vfs.FS) error {
	g, err := Open(Env{
		FS: disk, Dir: dir, Clock: w.clock, Settings: func() Settings { return w.settings },
		Trim: func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.trims++
		},
		Events: func(e Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.events = append(w.events, e.String())
		},
	})
	if err != nil {
		return err
	}
	w.guard = g
	w.clock.AwaitPending(1)
	return nil
}

func (w *world) mustOpen(disk vfs.FS) {
	w.t.Helper()
	w.must(w.open(disk))
	w.t.Cleanup(func() { w.must(w.guard.Close()) })
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// look lets time pass until the guard has looked.
func (w *world) look(d time.Duration) {
	for ; d > 0; d -= lookPeriod {
		w.clock.Advance(lookPeriod)
		w.clock.AwaitPending(1)
	}
}

// others take so many bytes of the disk, in all, and the guard looks.
func (w *world) others(n int64) {
	w.t.Helper()
	f, err := w.mem.OpenWritable("/others")
	if err != nil {
		f, err = w.mem.Create("/others")
	}
	w.must(err)
	w.must(f.Truncate(n))
	w.must(f.Close())
	w.look(lookPeriod)
}

// write makes a file of the data directory as the rooms do.
func (w *world) write(name string, n int) error {
	f, err := w.guard.FS().Create(dir + "/" + name)
	if err != nil {
		return err
	}
	defer func() { w.must(f.Close()) }()
	if n, err = f.WriteAt(bytes.Repeat([]byte("x"), n), 0); err != nil {
		return fmt.Errorf("after %d bytes: %w", n, err)
	}
	return f.Datasync()
}

// want fails unless the guard has told just this since it was asked last, each
// by a part of its words.
func (w *world) want(when string, level Level, parts ...string) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if got := w.guard.State().Level; got != level {
		w.t.Errorf("%s: the level is %v, want %v", when, got, level)
	}
	ok := len(w.events) == len(parts)
	for i := 0; ok && i < len(parts); i++ {
		ok = strings.Contains(w.events[i], parts[i])
	}
	if !ok {
		w.t.Errorf("%s: told %q, want %q", when, w.events, parts)
	}
	w.events = nil
}

// trimmed is how often retention was asked for since it was asked last.
func (w *world) trimmed() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := w.trims
	w.trims = 0
	return n
}

// TestDiskFills goes all the way down and back up.
func TestDiskFills(t *testing.T) {
	w := newWorld(t)
	w.mustOpen(w.mem)
	w.want("empty", Roomy, "the ballast holds 2.0 MiB")
	w.others(50 * mebi)
	w.want("12 MiB free", Roomy)
	if n := w.trimmed(); n != 0 {
		t.Errorf("retention was asked for %d times", n)
	}
	w.others(56 * mebi)
	w.want("6 MiB free", Low, "the disk is low, 6.0 MiB of 64.0 MiB free, below the warning of 8.0 MiB")
	w.look(trimPeriod)
	if n := w.trimmed(); n != 2 {
		t.Errorf("retention was asked for %d times when low, want 2", n)
	}
	w.others(61 * mebi)
	w.want("1 MiB free", Full, "produce is refused: 1.0 MiB of 64.0 MiB free, below the limit of 2.0 MiB")
	if !w.guard.Refusing() {
		t.Error("produce is taken")
	}
	w.look(2 * trimPeriodFull)
	if n := w.trimmed(); n != 3 {
		t.Errorf("retention was asked for %d times when full, want 3", n)
	}

	// What has to be written is: with what is free, then with the ballast.
	w.must(w.write("metadata-1", mebi))
	w.want("nothing free", Full)
	w.must(w.write("metadata-2", mebi))
	w.want("of the ballast", Full, "the ballast gives 2.0 MiB back")
	if s := w.guard.State(); s.Ballast != 0 || s.Free != 0 {
		t.Errorf("%+v: what the ballast misses is not free", s)
	}
	if err := w.write("metadata-3", 2*mebi); !vfs.IsNoSpace(err) {
		t.Errorf("there is no more to give: %v", err)
	}
	w.must(w.mem.Remove(dir + "/metadata-3"))

	// With 2 MiB of metadata, 6 are left, of which the ballast misses 2.
	w.others(56 * mebi)
	w.want("4 MiB free", Low, "produce is taken again: the disk is low, 4.0 MiB of 64.0 MiB free")
	w.look(ballastRest)
	w.want("after a while", Low, "the ballast holds 2.0 MiB")
	if s := w.guard.State(); s.Ballast != 2*mebi || s.Free != 4*mebi {
		t.Errorf("%+v: the ballast makes a difference", s)
	}
	w.others(0)
	w.want("empty again", Roomy, "the disk has enough room, 60.0 MiB of 64.0 MiB free")
}

// A disk that takes no more although it says that it has room, as with a quota
// or a segment larger than what is left.
func TestDiskRefuses(t *testing.T) {
	w := newWorld(t)
	w.mustOpen(w.mem)
	w.want("empty", Roomy, "ballast holds")
	w.guard.Refused()
	w.want("refused", Full, "gives 2.0 MiB back", "produce is refused: 62.0 MiB of 64.0 MiB free, and the disk took no more")
	if !w.guard.State().Held {
		t.Error("not held")
	}
	w.look(holdMax - lookPeriod)
	w.want("soon", Full)
	w.look(lookPeriod)
	w.want("later", Roomy, "produce is taken again: the disk has enough room", "ballast holds")
}

// A broker starts on a full disk, and has the room of the ballast to do so.
func TestStartOnFullDisk(t *testing.T) {
	w := newWorld(t)
	w.must(w.open(w.mem))
	w.others(62 * mebi)
	w.want("full", Full, "ballast holds", "produce is refused")
	w.must(w.guard.Close())
	w.mem = w.mem.Kill()
	w.mustOpen(w.mem)
	w.want("again", Full, "produce is refused")
	w.must(w.write("start", 100))
	w.want("written", Full, "gives 2.0 MiB back")
}

// The ballast is what the settings say, whatever they said before.
func TestBallastFollowsSettings(t *testing.T) {
	w := newWorld(t)
	w.mustOpen(w.mem)
	size := func() int64 {
		n, err := w.mem.Size(dir + "/" + ballastName)
		if err != nil {
			return -1
		}
		return n
	}
	for _, c := range []struct{ want, size int64 }{
		{2 * mebi, 2 * mebi},
		{2*mebi + 100, 2 * mebi}, // not worth it
		{5 * mebi, 5 * mebi},
		{mebi, mebi},
		{0, -1},
		{mebi, mebi},
	} {
		w.settings.Ballast = c.want
		w.look(2 * lookPeriod)
		if got := size(); got != c.size {
			t.Errorf("asked for %d: %d", c.want, got)
		}
		if free := w.guard.State().Free; free != 64*mebi-max(c.want, c.size, 0) {
			t.Errorf("asked for %d: %d free", c.want, free)
		}
	}
	w.must(w.mem.Remove(dir + "/" + ballastName)) // by hand
	w.look(lookPeriod)
	if got := size(); got != mebi {
		t.Errorf("removed by hand, and now %d", got)
	}
	var out strings.Builder
	w.must(Dump(&out, w.mem, dir))
	if got := out.String(); got != "ballast: 1048576 bytes, kept for the time when the disk is full\n" {
		t.Errorf("dump: %q", got)
	}
}

// A file system that cannot reserve room has no ballast, and is told so once.
func TestNoBallast(t *testing.T) {
	w := newWorld(t)
	w.mustOpen(vfs.NewFault(w.mem, func(op vfs.Op) error {
		if op.Kind == vfs.KindAllocate {
			return vfs.ErrNotSupported
		}
		return nil
	}))
	w.want("opened", Roomy, "no ballast could be made")
	w.look(2 * ballastPeriod)
	w.want("later", Roomy)
	if s := w.guard.State(); s.Ballast != 0 || s.Free != 64*mebi {
		t.Errorf("%+v", s)
	}
	names, err := w.mem.List(dir)
	if err != nil || len(names) != 0 {
		t.Errorf("%q, %v", names, err)
	}
}

// A ballast that fails takes nothing, and is tried again.
func TestBallastFails(t *testing.T) {
	w := newWorld(t)
	fault := vfs.NewFault(w.mem, vfs.FailFrom(1, vfs.KindAllocate, vfs.ErrIO))
	w.mustOpen(fault)
	w.want("opened", Roomy, "no ballast could be made")
	fault.SetHook(nil)
	w.look(ballastPeriod - lookPeriod)
	w.want("soon", Roomy)
	w.look(lookPeriod)
	w.want("later", Roomy, "the ballast holds 2.0 MiB")
}

// While the file system does not tell, the level stays.
func TestSpaceUnknown(t *testing.T) {
	w := newWorld(t)
	fault := vfs.NewFault(w.mem, nil)
	w.mustOpen(fault)
	w.others(61 * mebi)
	w.want("full", Full, "ballast holds", "produce is refused")
	fault.SetHook(vfs.FailFrom(1, vfs.KindSpace, vfs.ErrIO))
	w.look(3 * lookPeriod)
	w.want("unknown", Full, "the free space of the disk is not known")
	fault.SetHook(nil)
	w.others(0)
	w.want("known", Roomy, "produce is taken again: the disk has enough room")
}

// Whatever moment a crash chooses, the next start makes the ballast what it
// should be.
func TestBallastCrash(t *testing.T) {
	for n := int64(1); ; n++ {
		for seed := range uint64(20) {
			w := newWorld(t)
			fault := vfs.NewFault(w.mem, vfs.CrashAt(n, 0))
			if err := w.open(fault); err == nil {
				w.settings.Ballast = mebi
				w.look(lookPeriod)
				w.guard.Refused()
				w.must(w.guard.Close())
			}
			changes := fault.Count(vfs.AnyChange)
			w.settings.Ballast = 3 * mebi
			w.mem = w.mem.PowerCut(rand.New(rand.NewPCG(seed, 0)))
			w.must(w.open(w.mem))
			if s := w.guard.State(); s.Level != Roomy || s.Ballast < 2*mebi || s.Free+3*mebi != 64*mebi {
				t.Fatalf("crash at change %d, seed %d: %+v", n, seed, s)
			}
			w.must(w.guard.Close())
			if changes < n && seed == 0 {
				return // the crash came too late to be one
			}
		}
	}
}

// What is tried again goes on where the first try ended.
func TestRetriedWrites(t *testing.T) {
	for _, vectored := range []bool{false, true} {
		w := newWorld(t)
		w.mustOpen(w.mem)
		w.others(62*mebi - 1000)
		f, err := w.guard.FS().Create(dir + "/x")
		w.must(err)
		want := make([]byte, 5000)
		for i := range want {
			want[i] = byte(i * 7 % 251)
		}
		var n int
		if vectored {
			n, err = f.WritevAt([][]byte{want[:700], nil, want[700:900], want[900:]}, 0)
		} else {
			n, err = f.WriteAt(want, 0)
		}
		got := make([]byte, len(want))
		if n != len(want) || err != nil {
			t.Errorf("vectored %v: wrote %d, %v", vectored, n, err)
		} else if _, err := f.ReadAt(got, 0); err != nil || !bytes.Equal(got, want) {
			t.Errorf("vectored %v: other bytes, %v", vectored, err)
		}
		w.must(f.Close())
		if _, err := w.mem.Size(dir + "/" + ballastName); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the ballast is still there: %v", err)
		}
	}
}

// A ballast that was copied as a hole reserves nothing until it is made anew.
func TestSparseBallast(t *testing.T) {
	w := newWorld(t)
	f, err := w.mem.Create(dir + "/" + ballastName)
	w.must(err)
	w.must(f.Truncate(w.settings.Ballast))
	w.must(f.Close())
	fault := vfs.NewFault(w.mem, nil)
	w.mustOpen(fault)
	w.look(5 * lookPeriod)
	if n := fault.Count(vfs.KindAllocate); n != 1 {
		t.Errorf("it was reserved %d times, want once", n)
	}
	w.want("later", Roomy) // there is nothing to tell
}

// A level with much to spare is left as soon as that is possible at all.
func TestLimitNearTheWholeDisk(t *testing.T) {
	w := newWorld(t)
	w.settings.Min, w.settings.Warn, w.settings.Ballast = 54*mebi, 54*mebi, 0
	w.mustOpen(w.mem)
	w.others(12 * mebi)
	if l := w.guard.State().Level; l != Full {
		t.Fatal(l)
	}
	w.others(0)
	if l := w.guard.State().Level; l != Roomy {
		t.Errorf("%v for ever, on an empty disk", l)
	}
}

// The file system stops telling while the disk is held: it is tried again.
func TestHeldWhileSpaceIsUnknown(t *testing.T) {
	w := newWorld(t)
	fault := vfs.NewFault(w.mem, nil)
	w.mustOpen(fault)
	w.guard.Refused()
	fault.SetHook(vfs.FailFrom(1, vfs.KindSpace, vfs.ErrIO))
	w.look(2 * holdMax)
	if l := w.guard.State().Level; l == Full {
		t.Errorf("%v as long as the file system does not tell", l)
	}
}

// A file system that tells nothing, and takes nothing, refuses produce too.
func TestRefusedWhileSpaceIsUnknown(t *testing.T) {
	w := newWorld(t)
	fault := vfs.NewFault(w.mem, vfs.FailFrom(1, vfs.KindSpace, vfs.ErrIO))
	w.mustOpen(fault)
	w.guard.Refused()
	if !w.guard.Refusing() {
		t.Error("produce is taken")
	}
}
