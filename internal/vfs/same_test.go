package vfs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// kindOf reduces an error to what callers may tell apart.
func kindOf(err error) string {
	for _, want := range []error{io.EOF, fs.ErrNotExist, fs.ErrExist, fs.ErrClosed} {
		if errors.Is(err, want) {
			return want.Error()
		}
	}
	if err != nil {
		return "another error"
	}
	return "fine"
}

// step does one random operation on a disk and says what came of it; the same
// draws give the same operation.
type step struct {
	kind      int
	name, to  string
	off, size int
	fill      byte
}

func drawStep(t *rapid.T) step {
	names := rapid.SampledFrom([]string{"a", "b", "d/c", "none/x"})
	return step{
		kind: rapid.IntRange(0, 9).Draw(t, "kind"), name: names.Draw(t, "name"), to: names.Draw(t, "to"),
		off: rapid.IntRange(0, 2000).Draw(t, "off"), size: rapid.IntRange(1, 1500).Draw(t, "size"),
		fill: byte(rapid.IntRange(1, 255).Draw(t, "fill")),
	}
}

func (s step) run(disk FS, dir string) string {
	name := filepath.Join(dir, s.name)
	switch s.kind {
	case 0:
		f, err := disk.Create(name)
		if err == nil {
			err = f.Close()
		}
		return kindOf(err)
	case 1:
		return kindOf(disk.Remove(name))
	case 2:
		return kindOf(disk.Rename(name, filepath.Join(dir, s.to)))
	case 3:
		names, err := disk.List(filepath.Dir(name))
		return fmt.Sprint(names, kindOf(err))
	case 4:
		size, err := disk.Size(name)
		return fmt.Sprint(size, kindOf(err))
	}
	f, err := disk.OpenWritable(name)
	if err != nil {
		return kindOf(err)
	}
	defer func() { _ = f.Close() }()
	n, data := 0, bytes.Repeat([]byte{s.fill}, s.size)
	switch s.kind {
	case 5, 6:
		n, err = f.WriteAt(data, int64(s.off))
	case 7:
		n, err = f.WritevAt([][]byte{data[:s.size/3], data[s.size/3:]}, int64(s.off))
	case 8:
		err = f.Truncate(int64(s.off))
	case 9:
		n, err = f.ReadAt(data, int64(s.off))
	}
	return fmt.Sprintf("%d %x %s", n, data[:n], kindOf(err))
}

func TestMemBehavesLikeTheRealDisk(t *testing.T) {
	base := t.TempDir()
	runs := 0
	rapid.Check(t, func(t *rapid.T) {
		runs++
		dir := filepath.Join(base, fmt.Sprint(runs))
		mem := NewMem()
		if err := errors.Join(OS{}.MkdirAll(dir+"/d"), mem.MkdirAll(dir+"/d")); err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			s := drawStep(t)
			if real, ours := s.run(OS{}, dir), s.run(mem, dir); real != ours {
				t.Fatalf("%+v: the real disk says %.300s, Mem %.300s", s, real, ours)
			}
		}
	})
}

// A killed process's goroutines may still be at work: none of their operations
// half happens, and none reaches the next process's disk.
func TestKillWhileOthersWrite(t *testing.T) {
	m := NewMem()
	must(t, m.SyncDir("/"))
	var wg sync.WaitGroup
	started := make(chan struct{}, 4)
	for g := range 4 {
		f := create(t, m, fmt.Sprintf("/%d", g))
		wg.Go(func() {
			block := bytes.Repeat([]byte{byte(g + 1)}, 700)
			for i := int64(0); ; i++ {
				if _, err := f.WriteAt(block, i*700); err != nil {
					if !errors.Is(err, ErrDead) {
						t.Errorf("write on a killed disk: %v", err)
					}
					return
				}
				if i == 10 {
					started <- struct{}{}
				}
				if i%8 == 0 {
					_ = f.Datasync() // the next write notices
				}
			}
		})
	}
	for range 4 {
		<-started
	}
	next := m.Kill()
	before := map[string][]byte{}
	for g := range 4 {
		name := fmt.Sprintf("/%d", g)
		before[name] = content(t, next, name)
		if n := len(before[name]); n%700 != 0 || n < 7000 {
			t.Errorf("%s has %d bytes, half a write", name, n)
		}
	}
	wg.Wait()
	for name, data := range before {
		if !slices.Equal(content(t, next, name), data) {
			t.Errorf("%s changed after the process was dead", name)
		}
	}
}
