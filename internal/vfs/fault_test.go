package vfs

import (
	"bytes"
	"errors"
	"testing"
)

func TestFailNth(t *testing.T) {
	disk := NewFault(NewMem(), FailNth(2, KindWrite, ErrIO))
	f := create(t, disk, "/f")
	writeAt(t, f, []byte("one"), 0)
	n, err := f.WriteAt([]byte("two"), 3)
	wantIs(t, err, ErrIO)
	if n != 0 {
		t.Fatalf("the failed write wrote %d bytes", n)
	}
	writeAt(t, f, []byte("two"), 3)
	if got := string(content(t, disk, "/f")); got != "onetwo" {
		t.Fatalf("content %q", got)
	}
	if disk.Count(KindWrite) != 3 || disk.Count(AnyChange) != 4 || disk.Count(AnyKind) != 7 {
		t.Fatalf("counted %d writes, %d changes, %d in all",
			disk.Count(KindWrite), disk.Count(AnyChange), disk.Count(AnyKind))
	}
}

func TestShortWrites(t *testing.T) {
	for _, c := range []struct {
		bytes int
		want  string
	}{{0, ""}, {2, "ab"}, {4, "abcd"}, {99, "abcdef"}} {
		disk := NewFault(NewMem(), ShortNth(1, c.bytes, ErrNoSpace))
		f := create(t, disk, "/f")
		n, err := f.WritevAt([][]byte{[]byte("abc"), []byte("def")}, 0)
		if n != len(c.want) || !IsNoSpace(err) {
			t.Errorf("short by %d: wrote %d, %v", c.bytes, n, err)
		}
		if got := string(content(t, disk, "/f")); got != c.want {
			t.Errorf("short by %d: content %q", c.bytes, got)
		}
		disk.SetHook(ShortNth(2, c.bytes, ErrIO))
		n, err = f.WriteAt([]byte("abcdef"), 0)
		if n != len(c.want) || !errors.Is(err, ErrIO) {
			t.Errorf("short by %d: wrote %d, %v", c.bytes, n, err)
		}
	}
}

// Every operation reaches the hook under its own kind, and an error from there
// is what the caller gets.
func TestEveryOperationCanFail(t *testing.T) {
	disk := NewFault(NewMem(), nil)
	f := create(t, disk, "/f")
	p := make([]byte, 1)
	ops := map[Kind]func() error{
		KindCreate:     func() error { _, err := disk.Create("/new"); return err },
		KindRemove:     func() error { return disk.Remove("/f") },
		KindRename:     func() error { return disk.Rename("/f", "/g") },
		KindMkdir:      func() error { return disk.MkdirAll("/d") },
		KindSyncDir:    func() error { return disk.SyncDir("/") },
		KindWrite:      func() error { _, err := f.WriteAt(p, 0); return err },
		KindSync:       func() error { return f.Datasync() },
		KindAllocate:   func() error { return f.Allocate(0, 10) },
		KindTruncate:   func() error { return f.Truncate(1) },
		KindOpen:       func() error { _, err := disk.Open("/f"); return err },
		KindList:       func() error { _, err := disk.List("/"); return err },
		KindSize:       func() error { _, err := disk.Size("/f"); return err },
		KindSpace:      func() error { _, _, err := disk.Space("/"); return err },
		KindLock:       func() error { _, err := disk.Lock("/l"); return err },
		KindRead:       func() error { _, err := f.ReadAt(p, 0); return err },
		KindReadCached: func() error { _, err := f.ReadAtCached(p, 0); return err },
		KindClose:      func() error { return f.Close() },
	}
	for k := KindCreate; k < kindCount; k++ {
		if k == kindLastChange {
			continue
		}
		do, ok := ops[k]
		if !ok {
			t.Fatalf("no operation of kind %v", k)
		}
		before := disk.Count(k)
		disk.SetHook(FailFrom(1, k, ErrIO))
		wantIs(t, do(), ErrIO)
		if disk.Count(k) != before+1 {
			t.Errorf("%v is not counted", k)
		}
		disk.SetHook(nil)
		if k == KindMkdir && disk.Count(AnyChange) == 0 {
			t.Error("no change was counted")
		}
	}
}

func TestCallNthSeesTheDisk(t *testing.T) {
	mem := NewMem()
	disk := NewFault(mem, nil)
	var seen []byte
	disk.SetHook(Hooks(
		CallNth(2, KindWrite, func(op Op) {
			if op.Name != "/f" || op.Off != 3 || op.Bytes != 4 {
				t.Errorf("hook was told %+v", op)
			}
			seen = content(t, mem.Clone(), "/f")
		}),
		FailNth(3, KindWrite, ErrIO),
	))
	f := create(t, disk, "/f")
	writeAt(t, f, []byte("old"), 0)
	writeAt(t, f, []byte("more"), 3)
	_, err := f.WriteAt([]byte("x"), 0)
	wantIs(t, err, ErrIO)
	if !bytes.Equal(seen, []byte("old")) {
		t.Fatalf("the hook saw %q", seen)
	}
}

func TestCrashAtLeavesAPrefix(t *testing.T) {
	mem := NewMem()
	disk := NewFault(mem, CrashAt(3, 2)) // create, write, write
	f := create(t, disk, "/f")
	writeAt(t, f, []byte("old"), 0)
	_, err := f.WriteAt([]byte("new!"), 3)
	wantIs(t, err, ErrDead)
	wantIs(t, f.Datasync(), ErrDead)
	wantIs(t, disk.Remove("/f"), ErrDead)
	after := mem.Kill()
	if got := string(content(t, after, "/f")); got != "oldne" {
		t.Fatalf("after the crash: %q", got)
	}
	// The sync that the dead process did not make can still be made.
	g, err := after.OpenWritable("/f")
	must(t, err)
	must(t, g.Datasync())
	must(t, after.SyncDir("/"))
	if got := string(content(t, after.PowerCut(seeded(1)), "/f")); got != "oldne" {
		t.Fatalf("after the power cut: %q", got)
	}
}
