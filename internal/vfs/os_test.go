package vfs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestWritevAtManySlices(t *testing.T) {
	for _, count := range []int{1, slicesStack, slicesStack + 1, slicesMax, slicesMax + 1, 3*slicesMax + 17} {
		t.Run(fmt.Sprint(count), func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "f")
			f := create(t, OS{}, name)
			bufs := make([][]byte, count)
			for i := range bufs {
				bufs[i] = bytes.Repeat([]byte{byte(i)}, i%5) // empty ones too
			}
			want := bytes.Join(bufs, nil)
			n, err := f.WritevAt(bufs, 3)
			must(t, err)
			if n != len(want) {
				t.Fatalf("wrote %d of %d", n, len(want))
			}
			if got := content(t, OS{}, name); !bytes.Equal(got[min(3, len(got)):], want) {
				t.Fatal("content differs")
			}
			must(t, f.Close())
		})
	}
}

func TestAdvance(t *testing.T) {
	bufs := [][]byte{make([]byte, 3), nil, make([]byte, 2)}
	for _, c := range []struct{ done, at, skip int }{{0, 0, 0}, {2, 0, 2}, {3, 2, 0}, {4, 2, 1}, {5, 3, 0}} {
		if at, skip := advance(bufs, c.done); at != c.at || skip != c.skip {
			t.Errorf("after %d bytes: slice %d+%d, want %d+%d", c.done, at, skip, c.at, c.skip)
		}
	}
}

// A full device gives the real errors of the system.
func TestNoSpaceIsRecognised(t *testing.T) {
	f, err := OS{}.OpenWritable("/dev/full")
	if err != nil {
		t.Skip(err)
	}
	_, err = f.WriteAt([]byte("x"), 0)
	if !IsNoSpace(err) {
		t.Errorf("WriteAt on a full device: %v", err)
	}
	if n, err := f.WritevAt([][]byte{[]byte("x"), []byte("y")}, 0); !IsNoSpace(err) || n != 0 {
		t.Errorf("WritevAt on a full device: %d, %v", n, err)
	}
	wantIs(t, f.Allocate(0, 100), unix.ENODEV)
	must(t, f.Close())
	for _, err := range []error{ErrNoSpace, pathError("write", "x", unix.EDQUOT)} {
		if !IsNoSpace(err) {
			t.Errorf("%v is not recognised", err)
		}
	}
	if IsNoSpace(ErrIO) || IsNoSpace(nil) {
		t.Error("other errors count as no space")
	}
}

func TestReadAtCached(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	f := create(t, OS{}, name)
	data := bytes.Repeat([]byte("0123456789abcdef"), 4<<10)
	writeAt(t, f, data, 0)
	p := make([]byte, len(data))
	n, err := f.ReadAtCached(p, 0)
	if errors.Is(err, ErrWouldBlock) {
		t.Skip("this file system cannot read without blocking")
	}
	must(t, err)
	if n != len(data) || !bytes.Equal(p, data) {
		t.Fatalf("read %d bytes", n)
	}
	if n, err := f.ReadAtCached(p, int64(len(data))-3); n != 3 || !errors.Is(err, io.EOF) {
		t.Fatalf("across the end: %d, %v", n, err)
	}

	// A hint may go unheard while the kernel still holds the pages.
	dropped := false
	for try := 0; try < 100 && !dropped; try++ {
		must(t, f.Datasync())
		f.DropCache(0, int64(len(data)))
		n, err = f.ReadAtCached(p, 0)
		if dropped = errors.Is(err, ErrWouldBlock); dropped && n == len(p) {
			t.Fatal("all was read, and yet it would block")
		}
	}
	if !dropped {
		t.Log("the kernel kept the pages; a read of uncached ones was not seen")
	}
	n, err = f.ReadAt(p, 0)
	must(t, err)
	if n != len(data) || !bytes.Equal(p, data) {
		t.Fatal("content differs after the cache was dropped")
	}
	must(t, f.Close())
}

func TestCached(t *testing.T) {
	f := create(t, OS{}, filepath.Join(t.TempDir(), "f"))
	const size = 64 << 10
	writeAt(t, f, bytes.Repeat([]byte("0123456789abcdef"), size/16), 0)
	if _, ok := f.Cached(0, 1); !ok {
		t.Skip("this system does not tell what is in the page cache")
	}
	is := func(off, n, want int64) {
		t.Helper()
		if got, ok := f.Cached(off, n); !ok || got != want {
			t.Errorf("%d bytes at %d: %d are cached, %v; want %d", n, off, got, ok, want)
		}
	}
	is(0, size, size)
	is(100, 5000, 5000)
	is(0, 0, 0)
	is(2*size, 10, 0)
	must(t, f.Datasync())
	f.DropCache(0, 2*4096)
	if n, _ := f.Cached(0, 2*4096); n != 0 {
		t.Skip("the kernel keeps the pages")
	}
	is(4096, 4096+100, 100)
	is(8191, 2, 0) // it can not say which of the two pages is missing
	f.ReadAhead(0, 2*4096)
	p := make([]byte, 2*4096)
	_, err := f.ReadAt(p, 0) // waits for it
	must(t, err)
	is(0, size, size)
	must(t, f.Close())
}

func TestHotPathsDoNotAllocate(t *testing.T) {
	f := create(t, OS{}, filepath.Join(t.TempDir(), "f"))
	data := make([]byte, 4096)
	bufs := make([][]byte, slicesStack)
	for i := range bufs {
		bufs[i] = data[:64]
	}
	for name, do := range map[string]func(){
		"WritevAt":     func() { _, _ = f.WritevAt(bufs, 0) },
		"ReadAt":       func() { _, _ = f.ReadAt(data, 0) },
		"ReadAtCached": func() { _, _ = f.ReadAtCached(data, 0) },
		"Cached":       func() { _, _ = f.Cached(0, 4096) },
	} {
		if n := testing.AllocsPerRun(50, do); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
	must(t, f.Close())
}

func TestMkdirAllMakesUsableDirectories(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	must(t, OS{}.MkdirAll(dir))
	info, err := os.Stat(dir)
	must(t, err)
	if info.Mode().Perm() != dirPerm {
		t.Fatalf("mode %v", info.Mode())
	}
	f := create(t, OS{}, filepath.Join(dir, "f"))
	if _, ok := f.Descriptor(); !ok {
		t.Fatal("a real file has no descriptor")
	}
	must(t, f.Close())
}
