package spark

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"github.com/mainstem-mq/mainstem/compat-tests/clients/program"
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
	*program.App
}

func newJob(t *testing.T, input, output string) *job {
	t.Helper()
	dir := t.TempDir()
	j := &job{files: filepath.Join(dir, "files"), App: program.NewApp("the job")}
	j.command = command(t, "stream", shared.Addr(), input, output, filepath.Join(dir, "checkpoint"), j.files)
	return j
}

// start runs the job, from its checkpoint if there is one.
func (j *job) start(t *testing.T) {
	t.Helper()
	j.Start(t, j.command)
	j.Says(t, tape.CatchUp, func(said []string) error {
		if !slices.Contains(said, "running") {
			return errors.New("the job does not run yet")
		}
		return nil
	})
}

// stop has the job end in good order.
func (j *job) stop(t *testing.T) {
	t.Helper()
	j.Tell(t, "stop")
	j.Ends(t, tape.CatchUp)
}

// drain has the job take what there is, and end.
func (j *job) drain(t *testing.T) {
	t.Helper()
	j.Tell(t, "drain")
	j.Ends(t, tape.CatchUp)
}
