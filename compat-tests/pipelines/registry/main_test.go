package registry

import (
	"os"
	"testing"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

var shared testbroker.Shared

// TestMain starts a broker that looks for something to compact all the time.
func TestMain(m *testing.M) {
	os.Exit(shared.MainWith(m, map[string]string{"log.cleaner.backoff.ms": "100"}))
}
