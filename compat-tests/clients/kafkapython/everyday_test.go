package kafkapython

import (
	"path/filepath"
	"testing"

	"github.com/mainstem-mq/mainstem/compat-tests/clients/everyday"
	"github.com/mainstem-mq/mainstem/compat-tests/clients/program"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

func TestEveryday(t *testing.T) {
	testbroker.Quick(t)
	command, env := program.Python(t, ".", filepath.Join("testdata", "everyday_client.py"), filepath.Join("..", "everyday", "python"),
		"python-snappy==0.7.3", "lz4==4.4.5", "xxhash==3.5.0", "zstandard==0.25.0")
	everyday.Play(t, &shared, everyday.New(command, env, map[everyday.Feature]string{
		everyday.Consumer: "its members are of the classic protocol",
	}))
}
