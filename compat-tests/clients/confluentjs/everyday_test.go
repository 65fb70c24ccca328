package confluentjs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/clients/everyday"
	"github.com/mainstem-mq/mainstem/compat-tests/clients/program"
	"github.com/mainstem-mq/mainstem/compat-tests/harness"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

var shared testbroker.Shared

func TestMain(m *testing.M) { os.Exit(shared.Main(m)) }

func TestEveryday(t *testing.T) {
	testbroker.Quick(t)
	// Where its ready binary cannot be had it builds its librdkafka, with the libraries
	// that the machine has: by itself it would fetch their sources.
	t.Setenv("CKJS_LINKING", "dynamic")
	withZstd(t)
	command, env := program.Node(t, ".", filepath.Join("testdata", "everyday.js"))
	const none = "its admin client has no configs"
	everyday.Play(t, &shared, everyday.New(command, env, map[everyday.Feature]string{
		everyday.Empty:   "it writes null for a value or key that is empty",
		everyday.Configs: none,
		everyday.Alter:   none,
	}))
}

// withZstd has compilers find zstd, without which librdkafka is built without that
// codec and does not say so.
func withZstd(t *testing.T) {
	t.Helper()
	_, env, err := harness.Debian(testbroker.Context(t, 5*time.Minute), "libzstd-dev", "libzstd1")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range env {
		name, value, _ := strings.Cut(v, "=")
		t.Setenv(name, value)
	}
}
