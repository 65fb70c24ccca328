package vfs

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"
)

// What NextData passes over is zeros, on every disk: also between a write and
// the sync, and in what was reserved only.
func TestNextDataSkipsNoData(t *testing.T) {
	base := t.TempDir()
	runs := 0
	rapid.Check(t, func(t *rapid.T) {
		runs++
		mem := NewMem()
		for name, disk := range map[string]FS{"real": OS{}, "Mem": mem, "Fault": NewFault(mem, nil)} {
			dir := filepath.Join(base, name)
			if err := disk.MkdirAll(dir); err != nil {
				t.Fatal(err)
			}
			f, err := disk.Create(filepath.Join(dir, fmt.Sprint(runs)))
			if err != nil {
				t.Fatal(err)
			}
			const size = 200_000
			if err := f.Allocate(0, size); err != nil && !errors.Is(err, ErrNotSupported) {
				t.Fatal(err)
			}
			for range rapid.IntRange(0, 4).Draw(t, "writes") {
				if _, err := f.WriteAt([]byte{1, 2, 3}, rapid.Int64Range(0, size).Draw(t, "at")); err != nil {
					t.Fatal(err)
				}
				if rapid.IntRange(0, 15).Draw(t, "sync") == 0 {
					if err := f.Datasync(); err != nil {
						t.Fatal(err)
					}
				}
			}
			checkHoles(t, name, f)
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func checkHoles(t *rapid.T, name string, f File) {
	n, err := f.Size()
	if err != nil {
		t.Fatal(err)
	}
	all := make([]byte, n)
	if _, err := f.ReadAt(all, 0); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	for off := int64(0); off <= n; off += 777 {
		from, to, err := f.NextData(off)
		if errors.Is(err, io.EOF) {
			from, to, err = n, n, nil
		}
		if err != nil || from < off || to < from {
			t.Fatalf("%s: from %d: [%d, %d), %v", name, off, from, to, err)
		}
		for at := off; at < min(from, n); at++ {
			if all[at] != 0 {
				t.Fatalf("%s: from %d the next data is at %d, but there is some at %d", name, off, from, at)
			}
		}
	}
}

// A Mem knows its holes, so that tests see what is skipped.
func TestMemKnowsItsHoles(t *testing.T) {
	m := NewMem()
	f := create(t, m, "/a")
	must(t, f.Allocate(0, 1<<20))
	if _, _, err := f.NextData(0); !errors.Is(err, io.EOF) {
		t.Errorf("nothing was written: %v", err)
	}
	if _, err := f.WriteAt([]byte{1}, 5000); err != nil {
		t.Fatal(err)
	}
	for off, want := range map[int64]int64{0: 4608, 4700: 4700, 5000: 5000} {
		if from, to, err := f.NextData(off); err != nil || from != want || to != 5120 {
			t.Errorf("from %d: [%d, %d), %v; want [%d, 5120)", off, from, to, err, want)
		}
	}
	if _, _, err := f.NextData(5120); !errors.Is(err, io.EOF) {
		t.Errorf("nothing is behind the write: %v", err)
	}
}
