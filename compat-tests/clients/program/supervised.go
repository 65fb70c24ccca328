package program

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/clients/child"
)

// startAgainAfter is how long a supervisor waits before it starts a program again.
const startAgainAfter = 300 * time.Millisecond

// Supervised is a program that is started again whenever it ends, as a service is.
type Supervised struct {
	argv, env []string
	stop      chan struct{}

	mu     sync.Mutex
	now    *child.Process
	starts int
	story  strings.Builder // what was printed by those that ended
}

// Supervise runs a program until the test ends.
func Supervise(t *testing.T, argv, env []string) *Supervised {
	t.Helper()
	s := &Supervised{argv: argv, env: env, stop: make(chan struct{})}
	if err := s.start(); err != nil {
		t.Fatalf("start %s: %v", argv[0], err)
	}
	var wg sync.WaitGroup
	wg.Go(s.run)
	t.Cleanup(func() {
		close(s.stop)
		wg.Wait()
		if t.Failed() {
			t.Logf("%s, started %d times:\n%s", strings.Join(argv, " "), s.starts, child.Tail(s.story.String()))
		}
	})
	return s
}

// start starts the program. What it prints is its story.
func (s *Supervised) start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := child.Start(s.argv, s.env, func([]byte) bool { return false })
	if err == nil {
		s.now = p
		s.starts++
	}
	return err
}

// run starts the program again and again.
func (s *Supervised) run() {
	for {
		ended := false
		select {
		case <-s.process().Ended():
			ended = true
		case <-s.stop:
			s.process().Kill()
		}
		s.mu.Lock()
		fmt.Fprintf(&s.story, "%s--- %v\n", s.now.Errs(), s.now.State())
		s.mu.Unlock()
		if !ended {
			return
		}
		select {
		case <-time.After(startAgainAfter):
		case <-s.stop:
			return
		}
		if err := s.start(); err != nil {
			s.mu.Lock()
			fmt.Fprintf(&s.story, "start: %v\n", err)
			s.mu.Unlock()
		}
	}
}

func (s *Supervised) process() *child.Process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// Kill has the program end as by a crash, and be started again.
func (s *Supervised) Kill() { s.process().Kill() }

// Starts is how often the program was started so far.
func (s *Supervised) Starts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.starts
}
