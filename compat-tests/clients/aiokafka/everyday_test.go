package aiokafka

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
	command, env := program.Python(t, ".", filepath.Join("testdata", "everyday_client.py"), filepath.Join("..", "everyday", "python"), "cramjam==2.14.0")
	everyday.Play(t, &shared, everyday.New(command, env, map[everyday.Feature]string{
		everyday.Consumer:  "its members are of the classic protocol",
		everyday.Increment: "it has AlterConfigs alone, which takes all other configs away",
	}))
}
