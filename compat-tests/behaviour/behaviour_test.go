package behaviour

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/pmezard/go-difflib/difflib"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

var (
	shared    testbroker.Shared
	accepting = flag.Bool("accept", false, "write how the target differs to testdata/accepted, for review")
	recording = flag.Bool("record", false, "write the answers to testdata; only with TARGET=kafka")
)

func TestMain(m *testing.M) {
	flag.Parse()
	// Mainstem has a request wait for the markers of the transaction before it, but not
	// for long, and then answers as Kafka does at once. A slow disk is not to choose.
	more := map[string]string{"add.partitions.to.txn.retry.backoff.max.ms": "10000"}
	if os.Getenv("TARGET") == string(harness.Kafka) {
		clear(more)
		// Kafka looks every ten seconds for transactions that are over time, longer than any
		// conversation waits.
		more["transaction.abort.timed.out.transaction.cleanup.interval.ms"] = "200"
		// It offers clients to push metrics only where something takes them.
		shared.Plugin, more["metric.reporters"] = "testdata/receiver/Receiver.java", "Receiver"
	}
	more["telemetry.max.bytes"] = "1000"
	os.Exit(shared.MainWith(m, more))
}

// TestConversations: exchanges on the wire that were recorded from Apache Kafka, played again.
func TestConversations(t *testing.T) {
	if *recording && shared.Broker().Target() != harness.Kafka {
		t.Fatal("-record writes what Apache Kafka answers: run it with TARGET=kafka")
	}
	// A conversation is always written anew, into a copy unless recording:
	// so every difference shows and not the first one alone.
	if err := flag.Set("rewrite", "true"); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no conversations: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			replay(t, file)
		})
	}
}

func replay(t *testing.T, file string) {
	t.Helper()
	recorded, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	target := file
	if !*recording {
		target = filepath.Join(t.TempDir(), filepath.Base(file))
		if err := os.WriteFile(target, recorded, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w := newTalk(shared.Addr())
	t.Cleanup(func() { w.close(t) })
	if err := w.warm(); err != nil {
		t.Fatal(err)
	}
	datadriven.RunTest(t, target, func(t *testing.T, d *datadriven.TestData) string {
		t.Helper()
		return w.do(d)
	})
	if *recording {
		return
	}
	answered, err := os.ReadFile(target)
	if err != nil {
		t.Fatal(err)
	}
	diff, err := difflib.GetUnifiedDiffString(difflib.UnifiedDiff{
		A: difflib.SplitLines(string(recorded)), B: difflib.SplitLines(string(answered)),
		FromFile: "Apache Kafka", ToFile: string(shared.Broker().Target()), Context: 5,
	})
	if err != nil {
		t.Fatal(err)
	}
	accepted := filepath.Join("testdata", "accepted", strings.TrimSuffix(filepath.Base(file), ".txt")+".diff")
	if *accepting {
		if err := accept(accepted, diff); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(accepted)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if shared.Broker().Target() == harness.Kafka {
		want = nil
	}
	if diff != string(want) {
		t.Errorf("%s differs, and not as accepted:\n%s", file, diff)
	}
}

// accept keeps a difference that is meant, or drops one that is gone.
func accept(file, diff string) error {
	if diff == "" {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(diff), 0o644)
}
