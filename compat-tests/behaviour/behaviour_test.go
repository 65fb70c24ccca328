package behaviour

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

var (
	shared    testbroker.Shared
	recording = flag.Bool("record", false, "write the answers to testdata; only with TARGET=kafka")
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(shared.Main(m))
}

func TestConversations(t *testing.T) {
	if *recording {
		if shared.Broker().Target() != harness.Kafka {
			t.Fatal("-record writes what Apache Kafka answers: run it with TARGET=kafka")
		}
		if err := flag.Set("rewrite", "true"); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no conversations: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			w := newTalk(shared.Addr())
			t.Cleanup(w.close)
			if err := w.warm(); err != nil {
				t.Fatal(err)
			}
			datadriven.RunTest(t, file, func(t *testing.T, d *datadriven.TestData) string {
				t.Helper()
				return w.do(d)
			})
		})
	}
}
