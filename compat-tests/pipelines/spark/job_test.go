package spark

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mainstem-mq/mainstem/compat-tests/clients/program"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
	"github.com/mainstem-mq/mainstem/compat-tests/pipelines/tape"
)

// opened is what Spark needs of Java 17, as its own scripts have it.
var opened = []string{
	"java.lang", "java.lang.invoke", "java.lang.reflect", "java.io", "java.net", "java.nio", "java.util", "java.util.concurrent",
	"java.util.concurrent.atomic", "jdk.internal.ref", "sun.nio.ch", "sun.nio.cs", "sun.security.action", "sun.util.calendar",
}

// command is Spark with one of the programs of testdata/Job.java.
func command(t *testing.T, args ...string) []string {
	t.Helper()
	c := program.Java(t, "spark", filepath.Join("testdata", "Job.java"))
	options := []string{"-Xmx768m"}
	for _, p := range opened {
		options = append(options, "--add-opens=java.base/"+p+"=ALL-UNNAMED")
	}
	return append(slices.Insert(c, slices.Index(c, "-cp"), options...), args...)
}

// job is the stream at work.
type job struct {
	command []string
	files   string // the directory
	process *program.Program

	mu    sync.Mutex
	said  []string // since the last start
	story strings.Builder
}

func newJob(t *testing.T, input, output string) *job {
	t.Helper()
	dir := t.TempDir()
	j := &job{files: filepath.Join(dir, "files")}
	j.command = command(t, "stream", shared.Addr(), input, output, filepath.Join(dir, "checkpoint"), j.files)
	return j
}

// start runs the job, from its checkpoint if there is one.
func (j *job) start(t *testing.T) {
	t.Helper()
	j.mu.Lock()
	j.said = nil
	j.mu.Unlock()
	j.process = program.Start(t, "the job", j.command, nil, j.take, func() string {
		j.mu.Lock()
		defer j.mu.Unlock()
		return j.story.String()
	})
	testbroker.Eventually(t, tape.CatchUp, func() error {
		if err := j.alive(); err != nil {
			t.Fatal(err)
		}
		j.mu.Lock()
		defer j.mu.Unlock()
		if !slices.Contains(j.said, "running") {
			return errors.New("the job does not run yet")
		}
		return nil
	})
}

func (j *job) take(line []byte) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.said = append(j.said, string(line))
	fmt.Fprintf(&j.story, "%s\n", line)
	return true
}

// kill ends the job as a crash of its machine would.
func (j *job) kill() { j.process.Kill() }

// stop has the job end in good order.
func (j *job) stop(t *testing.T) {
	t.Helper()
	j.process.Tell(t, "stop")
	j.ends(t)
}

// drain has the job take what there is, and end.
func (j *job) drain(t *testing.T) {
	t.Helper()
	j.process.Tell(t, "drain")
	j.ends(t)
}

func (j *job) ends(t *testing.T) {
	t.Helper()
	select {
	case <-j.process.Ended():
	case <-testbroker.Context(t, tape.CatchUp).Done():
		t.Fatal("the job does not end")
	}
	if code := j.process.State().ExitCode(); code != 0 {
		t.Fatalf("the job ended with %d", code)
	}
}

// alive tells whether the job has given up.
func (j *job) alive() error {
	if j.process.Gone() {
		return errors.New("the job has ended")
	}
	return nil
}
