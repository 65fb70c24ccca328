package shippers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/clients/program"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
	"github.com/mainstem-mq/mainstem/compat-tests/pipelines/tape"
)

const (
	// arrival is how long a line may take while the broker comes back.
	arrival = 3 * time.Minute
	// installTime is how long a registry, or a build, may need.
	installTime = 15 * time.Minute
)

// shipper is a program that tails a file into a topic.
type shipper struct {
	// conf is a file of testdata. It names what a user would have, and the test has
	// elsewhere: localhost:9092, the topic "logs", the log file and places.
	conf string
	log  string
	// places are folders of conf: "state" is of the test, others are of the package.
	places func(root, state string) map[string]string
	// install has the program installed, and returns its root and environment.
	install func(ctx context.Context) (root string, env []string, err error)
	// argv is its command, in the foreground.
	argv func(root, conf, state string) []string
	// text is line n as it is written to the file, number what a record has of it.
	text   func(n int) string
	number func(value []byte) (int, error)
	// forgets: it does not know after a restart which lines it has sent.
	forgets bool
}

// run is a shipper at work in a test.
type run struct {
	shipper
	arrived *tape.Numbered
	file    string
	lines   int // written so far
	argv    []string
	env     []string
	now     *program.Program
}

// prepare installs a shipper and makes its settings.
func prepare(t *testing.T, s shipper) *run {
	t.Helper()
	root, env, err := s.install(testbroker.Context(t, installTime))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	topic := shared.Topic(t, 1, nil)
	r := &run{shipper: s, arrived: tape.RecordNumbered(t, shared.Addr(), topic, s.number), file: filepath.Join(dir, filepath.Base(s.log)), env: env}
	text, err := os.ReadFile(filepath.Join("testdata", s.conf))
	if err != nil {
		t.Fatal(err)
	}
	settings := string(text)
	replace := func(from, to string) {
		if !strings.Contains(settings, from) {
			t.Fatalf("%s has no %s", s.conf, from)
		}
		settings = strings.ReplaceAll(settings, from, to)
	}
	replace("localhost:9092", shared.Addr())
	replace(`"logs"`, `"`+topic+`"`)
	replace(s.log, r.file)
	for from, to := range s.places(root, dir) {
		replace(from, to)
	}
	conf := filepath.Join(dir, s.conf)
	if err := errors.Join(os.WriteFile(conf, []byte(settings), 0o600), os.WriteFile(r.file, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	r.argv = s.argv(root, conf, dir)
	return r
}

// start starts the shipper. What it prints is for the story of a failed test.
func (r *run) start(t *testing.T) {
	t.Helper()
	r.now = program.Start(t, r.conf, r.argv, r.env, func([]byte) bool { return false }, func() string { return "" })
}

// write appends lines to the file.
func (r *run) write(t *testing.T, lines int) {
	t.Helper()
	f, err := os.OpenFile(r.file, os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	for range lines {
		r.lines++
		if _, writeErr := fmt.Fprintln(f, r.text(r.lines)); writeErr != nil {
			err = writeErr
		}
	}
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// has waits until the lines from first to the last that was written are in the topic.
func (r *run) has(t *testing.T, first int) {
	t.Helper()
	r.arrived.Has(t, first, r.lines, arrival)
}
