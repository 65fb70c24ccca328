package kafkajs

import (
	"path/filepath"
	"testing"

	"github.com/mainstem-mq/mainstem/compat-tests/clients/everyday"
	"github.com/mainstem-mq/mainstem/compat-tests/clients/program"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

func TestEveryday(t *testing.T) {
	testbroker.Quick(t)
	const another = "its package has none, a package of others would have to bring it"
	command, env := program.Node(t, ".", filepath.Join("testdata", "everyday.js"))
	everyday.Play(t, &shared, everyday.New(command, env, map[everyday.Feature]string{
		everyday.Snappy:    another,
		everyday.LZ4:       another,
		everyday.Zstd:      another,
		everyday.Consumer:  "its members are of the classic protocol",
		everyday.Increment: "it has AlterConfigs alone, which takes all other configs away",
	}))
}
