package rdkafka

import (
	"os"
	"testing"

	"github.com/mainstem-mq/mainstem/compat-tests/clients/everyday"
	"github.com/mainstem-mq/mainstem/compat-tests/clients/program"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

var shared testbroker.Shared

func TestMain(m *testing.M) { os.Exit(shared.Main(m)) }

func TestEveryday(t *testing.T) {
	testbroker.Quick(t)
	everyday.Play(t, &shared, everyday.NewOf(program.Cargo(t, "program", "everyday-rdkafka"), map[everyday.Feature]string{
		everyday.Increment: "it has AlterConfigs alone, which takes all other configs away",
	}))
}
