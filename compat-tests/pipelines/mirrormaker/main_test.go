package mirrormaker

import (
	"errors"
	"os"
	"testing"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
	"github.com/mainstem-mq/mainstem/compat-tests/pipelines/tape"
)

var shared testbroker.Shared

func TestMain(m *testing.M) { os.Exit(shared.Main(m)) }

// startKafka starts the other side, which ends with the test.
func startKafka(t *testing.T) (addr string) {
	t.Helper()
	b, err := harness.Start(testbroker.Context(t, tape.CatchUp), harness.Kafka, harness.Options{
		Props: harness.TestProps(), ReadyTimeout: tape.CatchUp,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(b.Stop(), b.Remove()); err != nil {
			t.Error(err)
		}
	})
	return b.Addr()
}
