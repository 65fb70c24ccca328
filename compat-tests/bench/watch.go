package main

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
)

// watchEvery is how often the peaks of a broker are looked for.
const watchEvery = 50 * time.Millisecond

// watch takes the peaks of a broker through all its processes, each from its
// start on, until it is stopped.
type watch struct {
	stopped chan struct{}
	peak    chan harness.Peak
}

func (s *stand) watch() *watch {
	w := &watch{stopped: make(chan struct{}), peak: make(chan harness.Peak, 1)}
	dir := s.dataDir()
	go func() { w.peak <- w.follow(func() int { return processWith(dir) }) }()
	return w
}

// stop returns the most that was seen of each.
func (w *watch) stop() harness.Peak {
	close(w.stopped)
	return <-w.peak
}

// follow samples the process that there is; find returns 0 for none.
func (w *watch) follow(find func() int) (most harness.Peak) {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	var sampler *harness.Sampler
	end := func() {
		if sampler != nil {
			most = morePeak(most, sampler.Stop())
		}
		sampler = nil
	}
	for now := 0; ; {
		if now != 0 && !exists(now) {
			end()
			now = 0
		}
		if now == 0 {
			if now = find(); now != 0 {
				sampler = harness.Sample(now, watchEvery)
			}
		}
		select {
		case <-w.stopped:
			end()
			return most
		case <-ticker.C:
		}
	}
}

func exists(pid int) bool {
	_, err := os.Stat(filepath.Join("/proc", strconv.Itoa(pid)))
	return err == nil
}

// processWith finds the process that has an argument; 0 if there is none. The
// harness knows a broker's process only once that is ready, and only in the
// goroutine that starts it.
func processWith(arg string) int {
	found, _ := filepath.Glob("/proc/[0-9]*/cmdline") // The pattern is a good one.
	for _, name := range found {
		line, err := os.ReadFile(name)
		if err != nil || !slices.Contains(strings.Split(string(line), "\x00"), arg) {
			continue // It may have ended meanwhile.
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name))); err == nil {
			return pid
		}
	}
	return 0
}

// morePeak is the more of each.
func morePeak(a, b harness.Peak) harness.Peak {
	return harness.Peak{
		Memory:      harness.Memory{Anon: max(a.Anon, b.Anon), File: max(a.File, b.File)},
		Descriptors: max(a.Descriptors, b.Descriptors),
	}
}
