package librdkafka

import (
	"path/filepath"
	"testing"

	"github.com/mainstem-mq/mainstem/compat-tests/clients/everyday"
	"github.com/mainstem-mq/mainstem/compat-tests/clients/program"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

func TestEveryday(t *testing.T) {
	testbroker.Quick(t)
	command, env := program.Python(t, ".", filepath.Join("testdata", "everyday_client.py"), filepath.Join("..", "everyday", "python"))
	everyday.Play(t, &shared, everyday.New(command, env, nil))
}
