package flink

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/mainstem-mq/mainstem/compat-tests/clients/program"
	"github.com/mainstem-mq/mainstem/compat-tests/pipelines/tape"
)

// job is Flink with the job.
type job struct {
	command     []string
	checkpoints string // the directory
	*program.App
}

// newJob prepares the job: testdata/config.yaml, and the sink's way to name transactions.
func newJob(t *testing.T, addr, input, output, strategy string) *job {
	t.Helper()
	j := &job{checkpoints: t.TempDir(), App: program.NewApp("the job")}
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
	command := j.command
	if last := j.lastCheckpoint(t); last != "" {
		command = append(slices.Clone(command), "execution.state-recovery.path=file://"+last)
	}
	j.Start(t, command)
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

// fail has the job fail at its next record, and waits until it was started again by Flink.
func (j *job) fail(t *testing.T) {
	t.Helper()
	restored := j.count("restored")
	j.Tell(t, "fail")
	j.says(t, "failed on purpose", 1)
	j.says(t, "restored", restored+1)
}

// stop has the job end with a savepoint: what it has done is committed.
func (j *job) stop(t *testing.T) {
	t.Helper()
	j.Tell(t, "stop file://"+t.TempDir())
	j.Ends(t, tape.CatchUp)
}

// says waits until the job has said a line so often since its start.
func (j *job) says(t *testing.T, line string, wanted int) {
	t.Helper()
	j.Says(t, tape.CatchUp, func(said []string) error {
		if n := times(said, line); n < wanted {
			return fmt.Errorf("the job said %q %d times, not %d", line, n, wanted)
		}
		return nil
	})
}

func (j *job) count(line string) int { return times(j.Said(), line) }

func times(said []string, line string) (n int) {
	for _, one := range said {
		if one == line {
			n++
		}
	}
	return n
}
