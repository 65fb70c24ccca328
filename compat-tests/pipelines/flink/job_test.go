package flink

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/mainstem-mq/mainstem/compat-tests/clients/program"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
	"github.com/mainstem-mq/mainstem/compat-tests/pipelines/tape"
)

// job is Flink with the job.
type job struct {
	command     []string
	checkpoints string // the directory
	process     *program.Program

	mu    sync.Mutex
	said  []string // since the last start
	story strings.Builder
}

// newJob prepares the job: testdata/config.yaml, and the sink's way to name transactions.
func newJob(t *testing.T, addr, input, output, strategy string) *job {
	t.Helper()
	j := &job{checkpoints: t.TempDir()}
	j.command = program.Java(t, "flink", filepath.Join("testdata", "Job.java"))
	// The last of a kind holds.
	j.command = slices.Insert(j.command, slices.Index(j.command, "-cp"), "-Xmx512m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
	j.command = append(j.command, "testdata", addr, shared.Name(t), input, output, strategy,
		"execution.checkpointing.dir=file://"+j.checkpoints)
	return j
}

// start runs the job, from its last checkpoint if there is one.
func (j *job) start(t *testing.T) {
	t.Helper()
	j.mu.Lock()
	j.said = nil
	j.mu.Unlock()
	command := j.command
	if last := j.lastCheckpoint(t); last != "" {
		command = append(slices.Clone(command), "execution.state-recovery.path=file://"+last)
	}
	j.process = program.Start(t, "the job", command, nil, j.take, func() string {
		j.mu.Lock()
		defer j.mu.Unlock()
		return j.story.String()
	})
}

func (j *job) take(line []byte) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.said = append(j.said, string(line))
	fmt.Fprintf(&j.story, "%s\n", line)
	return true
}

// lastCheckpoint is the newest one that is whole, or "". Its name is RUN/chk-NUMBER, and
// numbers go on from run to run.
func (j *job) lastCheckpoint(t *testing.T) (last string) {
	t.Helper()
	whole, err := filepath.Glob(filepath.Join(j.checkpoints, "*", "chk-*", "_metadata"))
	if err != nil {
		t.Fatal(err)
	}
	highest := -1
	for _, file := range whole {
		dir := filepath.Dir(file)
		number, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(dir), "chk-"))
		if err != nil {
			t.Fatal(err)
		}
		if number > highest {
			last, highest = dir, number
		}
	}
	return last
}

// kill ends the job as a crash of its machine would.
func (j *job) kill() { j.process.Kill() }

// fail has the job fail at its next record, and waits until it was started again by Flink.
func (j *job) fail(t *testing.T) {
	t.Helper()
	restored := j.count("restored")
	j.process.Tell(t, "fail")
	j.says(t, "failed on purpose", 1)
	j.says(t, "restored", restored+1)
}

// stop has the job end with a savepoint: what it has done is committed.
func (j *job) stop(t *testing.T) {
	t.Helper()
	j.process.Tell(t, "stop file://"+t.TempDir())
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

// says waits until the job has said a line so often since its start.
func (j *job) says(t *testing.T, line string, times int) {
	t.Helper()
	testbroker.Eventually(t, tape.CatchUp, func() error {
		if err := j.alive(); err != nil {
			t.Fatal(err)
		}
		if n := j.count(line); n < times {
			return fmt.Errorf("the job said %q %d times, not %d", line, n, times)
		}
		return nil
	})
}

func (j *job) count(line string) (n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, said := range j.said {
		if said == line {
			n++
		}
	}
	return n
}
