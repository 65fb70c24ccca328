package groups

import (
	"path/filepath"
	"testing"

	"github.com/mainstem-mq/mainstem/compat-tests/clients/program"
)

// PythonClient is a client whose member program is in Python, testdata/member.py:
// the package that VERSION names is installed for it, and scenario.py is beside it.
func PythonClient(t *testing.T) *Client {
	t.Helper()
	command, env := program.Python(t, ".", filepath.Join("testdata", "member.py"), filepath.Join("..", "groups", "python"))
	return &Client{Command: command, Env: env}
}
