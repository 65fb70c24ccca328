package streams

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mainstem-mq/mainstem/compat-tests/clients/program"
	"github.com/mainstem-mq/mainstem/compat-tests/pipelines/tape"
)

// app is an instance of the application.
type app struct {
	name          string
	input, output string
	state         string // its directory of RocksDB
	command       []string
	*program.App
}

// newApp prepares the application: testdata/app.properties with this test's names.
func newApp(t *testing.T, name, input, output string) *app {
	t.Helper()
	a := &app{name: name, input: input, output: output, state: filepath.Join(t.TempDir(), "state"), App: program.NewApp("the application")}
	a.command = append(program.Java(t, "kafka-streams", filepath.Join("testdata", "App.java")),
		filepath.Join("testdata", "app.properties"), input, output,
		"application.id="+name, "bootstrap.servers="+shared.Addr(), "state.dir="+a.state)
	return a
}

// start runs the application.
func (a *app) start(t *testing.T) {
	t.Helper()
	a.Start(t, a.command)
}

// killAndForget ends the application as the loss of its machine would.
func (a *app) killAndForget(t *testing.T) {
	t.Helper()
	a.Kill()
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
	a.Tell(t, "stop")
	a.Ends(t, tape.CatchUp)
}

// says waits for a line that begins so.
func (a *app) says(t *testing.T, begin string) {
	t.Helper()
	a.Says(t, tape.CatchUp, func(said []string) error {
		if !slices.ContainsFunc(said, func(line string) bool { return strings.HasPrefix(line, begin) }) {
			return fmt.Errorf("the application did not say %q", begin)
		}
		return nil
	})
}

// restored is how many records of changelogs the application read since its start.
func (a *app) restored() (sum int) {
	for _, line := range a.Said() {
		var n int
		if _, err := fmt.Sscanf(line, "restored balances %d", &n); err == nil {
			sum += n
		}
	}
	return sum
}
