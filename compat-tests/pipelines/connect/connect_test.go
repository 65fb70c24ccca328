package connect

import (
	"fmt"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
	"github.com/mainstem-mq/mainstem/compat-tests/pipelines/tape"
)

// TestFiles: what is in a file gets into a topic and from there into another file, while
// the broker is killed, the worker is killed, and both at once.
func TestFiles(t *testing.T) {
	for _, c := range []struct {
		name    string
		worker  []string
		source  string
		repeats bool
	}{
		{"at least once", []string{"worker.properties"}, "source.json", true},
		{"exactly once", []string{"worker.properties", "exactly-once.properties"}, "source-exactly-once.json", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			testbroker.Quick(t)
			dir, topic := t.TempDir(), shared.Topic(t, 1, nil)
			in, out := &lines{name: filepath.Join(dir, "in")}, filepath.Join(dir, "out")
			w := newWorker(t, shared.Name(t), c.worker)
			w.Start()
			end := in.grow(t)
			w.Must(http.MethodPut, "/connectors/source/config", connector(t, c.source, map[string]string{"file": in.name, "topic": topic}))
			w.Must(http.MethodPut, "/connectors/sink/config", connector(t, "sink.json", map[string]string{"file": out, "topics": topic}))
			w.Runs("source", "RUNNING")
			w.Runs("sink", "RUNNING")
			delivered := tape.Record(t, shared.Addr(), topic)
			more := func(n int) { delivered.Until(t, delivered.Len()+n, func() error { return nil }) }

			for _, trouble := range []func(){
				func() { shared.Restart(t) },
				func() { w.Kill(); w.Start() },
				func() { w.Kill(); shared.Restart(t); w.Start() },
				func() { w.Stop(); w.Start() },
			} {
				more(200)
				trouble()
				more(200)
			}
			end()
			arrives(t, in.count, func() ([]string, error) { return inRecords(delivered.Records()), nil })
			arrives(t, in.count, func() ([]string, error) { return inFile(out) })
			w.Runs("source", "RUNNING")
			w.Runs("sink", "RUNNING")
			w.Stop()

			again, err := check(inRecords(tape.Whole(t, shared.Addr(), topic)), in.count, c.repeats)
			if err != nil {
				t.Errorf("the topic: %v", err)
			}
			written, err := inFile(out)
			if err != nil {
				t.Fatal(err)
			}
			// A sink of files can not take back what it wrote and did not commit.
			twice, err := check(written, in.count, true)
			if err != nil {
				t.Errorf("the file: %v", err)
			}
			t.Logf("%d lines; again are %d in the topic, %d in the file", in.count, again, twice)
		})
	}
}

// arrives waits until the last line is the newest that is there.
func arrives(t *testing.T, count int, look func() ([]string, error)) {
	t.Helper()
	testbroker.Eventually(t, tape.CatchUp, func() error {
		got, err := look()
		if err != nil {
			t.Fatal(err)
		}
		if len(got) == 0 || got[len(got)-1] != line(count-1) {
			return fmt.Errorf("%d lines are there, and %.20q is not the newest", len(got), line(count-1))
		}
		return nil
	})
}
