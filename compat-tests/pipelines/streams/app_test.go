package streams

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/mainstem-mq/mainstem/compat-tests/clients/program"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
	"github.com/mainstem-mq/mainstem/compat-tests/pipelines/tape"
)

// app is an instance of the application.
type app struct {
	name          string
	input, output string
	state         string // its directory of RocksDB
	command       []string
	process       *program.Program

	mu    sync.Mutex
	said  []string // since the last start
	story strings.Builder
}

// newApp prepares the application: testdata/app.properties with this test's names.
func newApp(t *testing.T, name, input, output string) *app {
	t.Helper()
	a := &app{name: name, input: input, output: output, state: filepath.Join(t.TempDir(), "state")}
	a.command = append(program.Java(t, "kafka-streams", filepath.Join("testdata", "App.java")),
		filepath.Join("testdata", "app.properties"), input, output,
		"application.id="+name, "bootstrap.servers="+shared.Addr(), "state.dir="+a.state)
	return a
}

// start runs the application.
func (a *app) start(t *testing.T) {
	t.Helper()
	a.mu.Lock()
	a.said = nil
	a.mu.Unlock()
	a.process = program.Start(t, "the application", a.command, nil, a.take, func() string {
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.story.String()
	})
}

func (a *app) take(line []byte) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.said = append(a.said, string(line))
	fmt.Fprintf(&a.story, "%s\n", line)
	return true
}

// killAndForget ends the application as the loss of its machine would.
func (a *app) killAndForget(t *testing.T) {
	t.Helper()
	a.process.Kill()
	if _, err := os.Stat(filepath.Join(a.state, a.name)); err != nil {
		t.Fatalf("there is no state to delete: %v", err)
	}
	if err := os.RemoveAll(a.state); err != nil {
		t.Fatal(err)
	}
}

// stop has the application close itself.
func (a *app) stop(t *testing.T) {
	t.Helper()
	a.process.Tell(t, "stop")
	select {
	case <-a.process.Ended():
	case <-testbroker.Context(t, tape.CatchUp).Done():
		t.Fatal("the application does not end")
	}
	if code := a.process.State().ExitCode(); code != 0 {
		t.Fatalf("the application ended with %d", code)
	}
}

// alive tells whether the application has given up.
func (a *app) alive() error {
	if a.process.Gone() {
		return errors.New("the application has ended")
	}
	return nil
}

// says waits for a line that begins so.
func (a *app) says(t *testing.T, begin string) {
	t.Helper()
	testbroker.Eventually(t, tape.CatchUp, func() error {
		if err := a.alive(); err != nil {
			t.Fatal(err)
		}
		if n := a.count(begin); n == 0 {
			return fmt.Errorf("the application did not say %q", begin)
		}
		return nil
	})
}

// count is how many lines since the start begin so.
func (a *app) count(begin string) (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, line := range a.said {
		if strings.HasPrefix(line, begin) {
			n++
		}
	}
	return n
}

// restored is how many records of changelogs the application read since its start.
func (a *app) restored() (sum int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, line := range a.said {
		var n int
		if _, err := fmt.Sscanf(line, "restored balances %d", &n); err == nil {
			sum += n
		}
	}
	return sum
}
