package platformatic

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/mainstem-mq/mainstem/compat-tests/clients/everyday"
	"github.com/mainstem-mq/mainstem/compat-tests/clients/program"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

var shared testbroker.Shared

func TestMain(m *testing.M) { os.Exit(shared.Main(m)) }

func TestEveryday(t *testing.T) {
	testbroker.Quick(t)
	command, env := program.NodeOf(t, ".", filepath.Join("testdata", "everyday.js"), "24.21.0")
	everyday.Play(t, &shared, everyday.New(command, env, map[everyday.Feature]string{
		everyday.AppendTime: "it reads the time of the producer in spite of LogAppendTime",
	}))
}
