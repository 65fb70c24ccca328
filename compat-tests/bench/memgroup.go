package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// memoryGroup bounds a process's memory and the page cache it fills: the
// kernel's memory cgroup, of either version.
type memoryGroup struct{ dir string }

// newMemoryGroup makes a group with a limit. It needs root, and a kernel that
// has the controller where it is usually mounted.
func newMemoryGroup(limit int64) (*memoryGroup, error) {
	name := fmt.Sprintf("mainstem-bench-%d-%d", os.Getpid(), time.Now().UnixNano())
	var failed error
	for _, kind := range []struct{ root, limit string }{
		{"/sys/fs/cgroup/memory", "memory.limit_in_bytes"},
		{"/sys/fs/cgroup", "memory.max"},
	} {
		g := &memoryGroup{dir: filepath.Join(kind.root, name)}
		if err := os.Mkdir(g.dir, 0o755); err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		err := os.WriteFile(filepath.Join(g.dir, kind.limit), []byte(strconv.FormatInt(limit, 10)), 0o644)
		if err == nil {
			return g, nil
		}
		failed = errors.Join(failed, err, os.Remove(g.dir))
	}
	return nil, fmt.Errorf("no memory cgroup: %w", failed)
}

// take moves a process with all its threads into the group. What it has in the
// page cache by then stays outside.
func (g *memoryGroup) take(pid int) error {
	return os.WriteFile(filepath.Join(g.dir, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0o644)
}

// remove ends the group; its processes must be gone.
func (g *memoryGroup) remove() error {
	var err error
	for range 50 {
		if err = os.Remove(g.dir); err == nil {
			return nil
		}
		time.Sleep(20 * time.Millisecond) // a process that ended leaves it a moment later
	}
	return err
}
