package program

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// App is a program that one test starts again and again, and that says in lines how far
// it is.
type App struct {
	*Program // the one that runs, or ran last
	name     string

	mu    sync.Mutex
	said  []string // since the last start
	story strings.Builder
}

// NewApp makes one that does not run yet.
func NewApp(name string) *App { return &App{name: name} }

// Start runs the program.
func (a *App) Start(t *testing.T, command []string) {
	t.Helper()
	a.mu.Lock()
	a.said = nil
	a.mu.Unlock()
	a.Program = Start(t, a.name, command, nil, a.take, func() string {
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.story.String()
	})
}

func (a *App) take(line []byte) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.said = append(a.said, string(line))
	fmt.Fprintf(&a.story, "%s\n", line)
	return true
}

// Said is what it said since the last start.
func (a *App) Said() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.said)
}

// Says waits until what it said is as wanted; the test ends if the program does before.
func (a *App) Says(t *testing.T, most time.Duration, wanted func(said []string) error) {
	t.Helper()
	testbroker.Eventually(t, most, func() error {
		if err := a.Alive(); err != nil {
			t.Fatal(err)
		}
		return wanted(a.Said())
	})
}

// Ends waits until it has ended in good order.
func (a *App) Ends(t *testing.T, most time.Duration) {
	t.Helper()
	select {
	case <-a.Ended():
	case <-testbroker.Context(t, most).Done():
		t.Fatalf("%s does not end", a.name)
	}
	if code := a.State().ExitCode(); code != 0 {
		t.Fatalf("%s ended with %d", a.name, code)
	}
}

// Alive tells whether it has given up.
func (a *App) Alive() error {
	if a.Gone() {
		return fmt.Errorf("%s has ended", a.name)
	}
	return nil
}
