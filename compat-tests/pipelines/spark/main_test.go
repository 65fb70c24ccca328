package spark

import (
	"errors"
	"os"
	"testing"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

var shared testbroker.Shared

func TestMain(m *testing.M) { os.Exit(shared.Main(m)) }

func killBroker(t *testing.T) {
	t.Helper()
	if err := shared.Broker().Kill(); err != nil {
		t.Fatal(err)
	}
}

func restartBroker(t *testing.T) {
	t.Helper()
	b := shared.Broker()
	if err := errors.Join(b.Kill(), b.Restart()); err != nil {
		t.Fatal(err)
	}
}
