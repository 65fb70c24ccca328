package harness

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// clockTicks is USER_HZ, the unit of CPU times in /proc, 100 on every Linux
// that Go runs on.
const clockTicks = 100

// CPU is the processor time a process has used.
type CPU struct {
	User, System time.Duration
}

// Total is user and system time.
func (c CPU) Total() time.Duration { return c.User + c.System }

// ReadCPU reads utime and stime of all threads from /proc/PID/stat.
func ReadCPU(pid int) (CPU, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return CPU{}, err
	}
	// The command's name, in parentheses, may hold anything: count behind it.
	end := bytes.LastIndexByte(b, ')')
	fields := strings.Fields(string(b[end+1:]))
	const utime, stime = 11, 12
	if end < 0 || len(fields) <= stime {
		return CPU{}, fmt.Errorf("/proc/%d/stat: too short", pid)
	}
	user, err := strconv.ParseInt(fields[utime], 10, 64)
	if err != nil {
		return CPU{}, err
	}
	system, err := strconv.ParseInt(fields[stime], 10, 64)
	if err != nil {
		return CPU{}, err
	}
	const tick = time.Second / clockTicks
	return CPU{User: time.Duration(user) * tick, System: time.Duration(system) * tick}, nil
}

// Memory is a process's memory in bytes.
type Memory struct {
	// Anon is RssAnon + RssShmem: what the process itself needs.
	Anon int64
	// File is RssFile: mapped page cache, which the kernel can take back.
	File int64
}

// ReadMemory reads /proc/PID/status.
func ReadMemory(pid int) (Memory, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return Memory{}, err
	}
	var m Memory
	for line := range strings.Lines(string(b)) {
		name, value, _ := strings.Cut(line, ":")
		var sum *int64
		switch name {
		case "RssAnon", "RssShmem":
			sum = &m.Anon
		case "RssFile":
			sum = &m.File
		default:
			continue
		}
		kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		if err != nil {
			return Memory{}, fmt.Errorf("/proc/%d/status: %s: %w", pid, name, err)
		}
		*sum += kib << 10
	}
	return m, nil
}

// Descriptors counts a process's open files.
func Descriptors(pid int) (int, error) {
	d, err := os.Open(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return 0, err
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	return len(names), err
}

// Peak is the most that was seen of each.
type Peak struct {
	Memory
	Descriptors int
}

// Sampler watches a process until it is stopped.
type Sampler struct {
	stop chan struct{}
	done chan struct{}
	mu   struct {
		sync.Mutex
		peak Peak
	}
}

// Sample starts to watch a process; descriptors are counted ten times less
// often than memory, since thousands of them take a while.
func Sample(pid int, every time.Duration) *Sampler {
	s := &Sampler{stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for n := 0; ; n++ {
			s.look(pid, n%10 == 0)
			select {
			case <-s.stop:
				s.look(pid, true)
				return
			case <-ticker.C:
			}
		}
	}()
	return s
}

// look ignores errors: a process that has ended has no peak any more.
func (s *Sampler) look(pid int, fds bool) {
	mem, memErr := ReadMemory(pid)
	count := 0
	if fds {
		if n, err := Descriptors(pid); err == nil {
			count = n
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &s.mu.peak
	if memErr == nil {
		p.Anon = max(p.Anon, mem.Anon)
		p.File = max(p.File, mem.File)
	}
	p.Descriptors = max(p.Descriptors, count)
}

// Stop ends the watch and returns the peak.
func (s *Sampler) Stop() Peak {
	close(s.stop)
	<-s.done
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.peak
}
