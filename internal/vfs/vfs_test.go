package vfs

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// onEveryDisk runs a test on the real disk, in memory, and behind a Fault.
func onEveryDisk(t *testing.T, test func(t *testing.T, disk FS, dir string)) {
	t.Helper()
	t.Run("os", func(t *testing.T) { test(t, OS{}, t.TempDir()) })
	t.Run("mem", func(t *testing.T) { test(t, NewMem(), "/") })
	t.Run("fault", func(t *testing.T) { test(t, NewFault(NewMem(), nil), "/") })
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantIs(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want %v", err, want)
	}
}

func create(t *testing.T, disk FS, name string) File {
	t.Helper()
	f, err := disk.Create(name)
	must(t, err)
	return f
}

func writeAt(t *testing.T, f File, data []byte, off int64) {
	t.Helper()
	n, err := f.WriteAt(data, off)
	must(t, err)
	if n != len(data) {
		t.Fatalf("wrote %d of %d bytes without an error", n, len(data))
	}
}

// content reads a whole file by name.
func content(t *testing.T, disk FS, name string) []byte {
	t.Helper()
	f, err := disk.Open(name)
	must(t, err)
	defer func() { must(t, f.Close()) }()
	size, err := f.Size()
	must(t, err)
	data := make([]byte, size)
	if n, err := f.ReadAt(data, 0); n != len(data) {
		t.Fatalf("read %d of %d bytes: %v", n, len(data), err)
	}
	return data
}

func TestNames(t *testing.T) {
	onEveryDisk(t, func(t *testing.T, disk FS, dir string) {
		a, b := path.Join(dir, "a"), path.Join(dir, "b")
		_, err := disk.Open(a)
		wantIs(t, err, fs.ErrNotExist)
		_, err = disk.Create(path.Join(dir, "none", "x"))
		wantIs(t, err, fs.ErrNotExist)
		wantIs(t, disk.Remove(a), fs.ErrNotExist)
		wantIs(t, disk.Rename(a, b), fs.ErrNotExist)
		_, err = disk.Size(a)
		wantIs(t, err, fs.ErrNotExist)
		_, err = disk.List(path.Join(dir, "none"))
		wantIs(t, err, fs.ErrNotExist)
		wantIs(t, disk.SyncDir(path.Join(dir, "none")), fs.ErrNotExist)

		f := create(t, disk, a)
		writeAt(t, f, []byte("from a"), 0)
		must(t, f.Close())
		_, err = disk.Create(a)
		wantIs(t, err, fs.ErrExist)
		must(t, create(t, disk, b).Close())
		must(t, disk.Rename(a, b))
		must(t, disk.SyncDir(dir))
		if got := string(content(t, disk, b)); got != "from a" {
			t.Fatalf("renamed file holds %q", got)
		}
		must(t, disk.MkdirAll(path.Join(dir, "x/y/z")))
		must(t, disk.MkdirAll(path.Join(dir, "x/y/z")))
		must(t, create(t, disk, path.Join(dir, "x/y/z/deep")).Close())
		names, err := disk.List(dir)
		must(t, err)
		if !slices.Equal(names, []string{"b", "x"}) {
			t.Fatalf("listed %q", names)
		}
		must(t, disk.Remove(b))
		_, err = disk.Open(b)
		wantIs(t, err, fs.ErrNotExist)
		if err := disk.MkdirAll(path.Join(dir, "x/y/z/deep/er")); err == nil {
			t.Fatal("a directory was made below a file")
		}
	})
}

func TestFileContents(t *testing.T) {
	onEveryDisk(t, func(t *testing.T, disk FS, dir string) {
		name := path.Join(dir, "f")
		f := create(t, disk, name)
		want := make([]byte, 5000)
		for i := range want {
			want[i] = byte(i * 7)
		}
		writeAt(t, f, want[100:], 100)
		clear(want[:100])
		n, err := f.WritevAt([][]byte{[]byte("one"), nil, {}, []byte("two"), []byte("three")}, 700)
		must(t, err)
		copy(want[700:], "onetwothree")
		if n != 11 {
			t.Fatalf("vectored write returned %d", n)
		}
		if n, err := f.WritevAt(nil, 9); n != 0 || err != nil {
			t.Fatalf("empty vectored write: %d, %v", n, err)
		}
		if got := content(t, disk, name); !bytes.Equal(got, want) {
			t.Fatal("content differs")
		}

		p := make([]byte, 10)
		n, err = f.ReadAt(p, 4995)
		if n != 5 || !errors.Is(err, io.EOF) {
			t.Fatalf("read across the end: %d, %v", n, err)
		}
		n, err = f.ReadAt(p, 9999)
		if n != 0 || !errors.Is(err, io.EOF) {
			t.Fatalf("read behind the end: %d, %v", n, err)
		}

		must(t, f.Truncate(800))
		must(t, f.Truncate(1000))
		clear(want[800:1000])
		if got := content(t, disk, name); !bytes.Equal(got, want[:1000]) {
			t.Fatal("what was cut came back when the file grew")
		}
		must(t, f.Datasync())
		f.ReadAhead(0, 1000)
		f.DropCache(0, 1000)
		must(t, f.Close())
		if err := f.Close(); err == nil {
			t.Fatal("closed twice")
		}
		if _, err := f.ReadAt(p, 0); err == nil {
			t.Fatal("read from a closed file")
		}
	})
}

func TestReadOnlyFileRefusesWrites(t *testing.T) {
	onEveryDisk(t, func(t *testing.T, disk FS, dir string) {
		name := path.Join(dir, "f")
		must(t, create(t, disk, name).Close())
		f, err := disk.Open(name)
		must(t, err)
		_, err = f.WriteAt([]byte("x"), 0)
		wantIs(t, err, unix.EBADF)
		must(t, f.Close())
		f, err = disk.OpenWritable(name)
		must(t, err)
		writeAt(t, f, []byte("x"), 0)
		must(t, f.Close())
	})
}

func TestAllocate(t *testing.T) {
	onEveryDisk(t, func(t *testing.T, disk FS, dir string) {
		f := create(t, disk, path.Join(dir, "f"))
		writeAt(t, f, []byte("kept"), 0)
		err := f.Allocate(0, 1<<20)
		if errors.Is(err, ErrNotSupported) {
			t.Skip("this file system cannot allocate")
		}
		must(t, err)
		size, err := f.Size()
		must(t, err)
		if size != 1<<20 {
			t.Fatalf("size %d after allocation", size)
		}
		p := []byte("xxxxxx")
		_, err = f.ReadAt(p, 0)
		must(t, err)
		if string(p) != "kept\x00\x00" {
			t.Fatalf("allocation changed the content to %q", p)
		}
		must(t, f.Allocate(0, 10))
		if size, err := f.Size(); err != nil || size != 1<<20 {
			t.Fatalf("a smaller allocation left %d bytes, %v", size, err)
		}
		must(t, f.Close())
	})
}

func TestLockIsExclusive(t *testing.T) {
	onEveryDisk(t, func(t *testing.T, disk FS, dir string) {
		name := path.Join(dir, "lock")
		first, err := disk.Lock(name)
		must(t, err)
		_, err = disk.Lock(name)
		wantIs(t, err, ErrLocked)
		must(t, first.Close())
		again, err := disk.Lock(name)
		must(t, err)
		must(t, again.Close())
	})
}

func TestSpace(t *testing.T) {
	onEveryDisk(t, func(t *testing.T, disk FS, dir string) {
		free, total, err := disk.Space(dir)
		must(t, err)
		if free <= 0 || total < free {
			t.Fatalf("%d bytes free of %d", free, total)
		}
	})
}
