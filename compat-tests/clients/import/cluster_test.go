package importing

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// patience bounds a test: brokers are killed, and a JVM takes its time.
const patience = 6 * time.Minute

// world is a source, a target, and a client of each.
type world struct {
	t              *testing.T
	ctx            context.Context
	source, target harness.Broker
	from, to       *kgo.Client
}

// newWorld starts Apache Kafka as the source, and Mainstem as the target.
func newWorld(t *testing.T) *world {
	t.Helper()
	testbroker.MainstemOnly(t, targetUnderTest(t))
	return startWorld(t, harness.Kafka, harness.Mainstem)
}

func targetUnderTest(t *testing.T) harness.Target {
	t.Helper()
	target, err := harness.ParseTarget(os.Getenv("TARGET"))
	if err != nil {
		t.Fatal(err)
	}
	return target
}

// startWorld starts a source and a target.
func startWorld(t *testing.T, source, target harness.Target) *world {
	t.Helper()
	w := &world{t: t, ctx: testbroker.Context(t, patience)}
	props := harness.TestProps()
	if source == harness.Kafka {
		// So that the test need not wait for Kafka's compaction, and for it to fence.
		props["log.cleaner.backoff.ms"], props["log.initial.task.delay.ms"] = "100", "100"
		props["broker.session.timeout.ms"] = "3000"
		// It is killed, and would forget what was deleted in the last minute.
		props["log.flush.start.offset.checkpoint.interval.ms"] = "100"
	}
	w.source = w.start(source, props)
	w.target = w.start(target, nil)
	w.from, w.to = w.client(w.source), w.client(w.target)
	return w
}

func (w *world) start(kind harness.Target, props map[string]string) harness.Broker {
	w.t.Helper()
	b, err := harness.Start(w.ctx, kind, harness.Options{Props: props})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := errors.Join(b.Kill(), b.Remove()); err != nil {
			w.t.Error(err)
		}
	})
	return b
}

func (w *world) client(b harness.Broker, opts ...kgo.Opt) *kgo.Client {
	w.t.Helper()
	c, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(b.Addr()), kgo.MetadataMinAge(50 * time.Millisecond), kgo.RetryTimeout(30 * time.Second),
	}, opts...)...)
	w.must(err)
	w.t.Cleanup(c.Close)
	return c
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) sourceAdmin() *kadm.Client { return kadm.NewClient(w.from) }
func (w *world) targetAdmin() *kadm.Client { return kadm.NewClient(w.to) }

// said is what the command prints with -o json.
type said struct {
	Finished bool
	Topics   []struct {
		Topic      string
		Partitions []struct {
			Partition                       int32
			Start, End, SourceStart         int64
			Records, RemovedAtSource        int64
			SHA256                          string
			OpenTransactionFrom, ComparedTo int64
		}
	}
	Groups []struct {
		Group, State string
		Positions    int
	}
}

// importing is a command that runs.
type importing struct {
	cmd            *exec.Cmd
	stdout, stderr bytes.Buffer
	ended          chan error
}

// begin starts an import of the topics.
func (w *world) begin(args ...string) *importing {
	w.t.Helper()
	path, err := harness.MainstemBinary()
	w.must(err)
	args = append([]string{"import", "--from", w.source.Addr(), "-b", w.target.Addr(), "-o", "json"}, args...)
	im := &importing{cmd: exec.CommandContext(w.ctx, path, args...), ended: make(chan error, 1)}
	im.cmd.Stdout, im.cmd.Stderr = &im.stdout, &im.stderr
	w.must(im.cmd.Start())
	go func() { im.ended <- im.cmd.Wait() }()
	return im
}

// kill is kill -9; the command must have been running.
func (w *world) kill(im *importing) {
	w.t.Helper()
	w.must(im.cmd.Process.Kill())
	if err := <-im.ended; err == nil {
		w.t.Fatal("the import had ended before it was killed")
	}
}

// end waits for an import that must end well.
func (w *world) end(im *importing) (s said) {
	w.t.Helper()
	if err := <-im.ended; err != nil {
		w.t.Fatalf("import: %v\n%s%s", err, im.stdout.String(), im.stderr.String())
	}
	w.must(json.Unmarshal(im.stdout.Bytes(), &s))
	return s
}

// refused is an import that must fail and say so.
func (w *world) refused(words string, args ...string) {
	w.t.Helper()
	im := w.begin(args...)
	if err := <-im.ended; err == nil || !strings.Contains(im.stderr.String(), words) {
		w.t.Errorf("import %s: %v, want an error and %q in\n%s", strings.Join(args, " "), err, words, im.stderr.String())
	}
}

// group is how many positions of a group were copied.
func (s *said) group(name string) (positions int) {
	for _, g := range s.Groups {
		if g.Group == name {
			positions += g.Positions
		}
	}
	return positions
}
