package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// fullMemory keeps the machine as one that has run for long: its free memory
// is small, and the page cache takes new pages from old files.
//
// Virtual machines give free memory back to their host, and the next touch of
// it has to be served by the host: writing to the page cache then takes four
// times the processor time (5.1 instead of 1.2 CPU s/GB were seen), in whichever
// round happens to meet such memory. So most of the memory is held by the
// bench, what is left is filled with a file's pages, and deleted topics keep
// their files for a while (see stand.drop): freeing their pages would begin it
// all again.
type fullMemory struct {
	held    []byte
	dir     string
	leave   int64
	fillers []filler
}

type filler struct {
	name  string
	bytes int64
}

// freeEnough is how much the kernel may keep free: somewhat above its own marks.
const freeEnough = 640 << 20

// holdMemory takes all memory but leave bytes, if there is much more than that.
func holdMemory(dir string, leave int64) (*fullMemory, error) {
	m := &fullMemory{dir: dir, leave: leave}
	surplus := meminfo("MemAvailable") - leave
	if surplus < 1<<30 {
		return m, nil
	}
	var err error
	m.held, err = syscall.Mmap(-1, 0, int(surplus), syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_PRIVATE|syscall.MAP_ANON|syscall.MAP_POPULATE)
	if err != nil {
		return nil, fmt.Errorf("hold %d MiB of memory: %w", surplus>>20, err)
	}
	return m, nil
}

// text says what is held.
func (m *fullMemory) text() string {
	return fmt.Sprintf("%.1f GiB of memory are held by the bench, %.1f are left to the brokers, the client and the page cache",
		float64(len(m.held))/(1<<30), float64(m.leave)/(1<<30))
}

// fill has the page cache take what memory is free.
func (m *fullMemory) fill() error {
	if m == nil || meminfo("MemFree") <= freeEnough {
		return nil
	}
	f, err := os.CreateTemp(m.dir, "filler-")
	if err != nil {
		return err
	}
	block := make([]byte, 4<<20)
	var n int64
	for err == nil && n < m.leave && meminfo("MemFree") > freeEnough {
		_, err = f.Write(block)
		n += int64(len(block))
	}
	m.fillers = append(m.fillers, filler{f.Name(), n})
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("fill the page cache: %w", err)
	}
	return m.thin()
}

// thin removes the oldest files that fill the page cache: newer ones have
// taken their place.
func (m *fullMemory) thin() error {
	var total int64
	for _, f := range m.fillers {
		total += f.bytes
	}
	for total > m.leave*3/2 {
		if err := os.Remove(m.fillers[0].name); err != nil {
			return err
		}
		total -= m.fillers[0].bytes
		m.fillers = m.fillers[1:]
	}
	return nil
}

// close gives all back.
func (m *fullMemory) close() error {
	if m == nil {
		return nil
	}
	var err error
	for _, f := range m.fillers {
		err = errors.Join(err, os.Remove(filepath.Clean(f.name)))
	}
	if m.held != nil {
		err = errors.Join(err, syscall.Munmap(m.held))
	}
	return err
}

// meminfo reads a line of /proc/meminfo, in bytes; 0 if there is none.
func meminfo(name string) int64 {
	var kb int64
	if _, err := fmt.Sscanf(field("/proc/meminfo", name), "%d kB", &kb); err != nil {
		return 0
	}
	return kb << 10
}
