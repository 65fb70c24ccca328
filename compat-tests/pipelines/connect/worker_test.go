package connect

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/connect"
)

// newWorker prepares a worker by files of testdata, with names of its own.
func newWorker(t *testing.T, name string, files []string) *connect.Worker {
	t.Helper()
	var lines []string
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(text))
	}
	// The last of two lines with one name holds.
	lines = append(lines, "bootstrap.servers="+shared.Addr(), "group.id="+name)
	for _, kind := range []string{"config", "offset", "status"} {
		lines = append(lines, kind+".storage.topic="+name+"."+kind)
	}
	return connect.New(t, shared.Addr(), name, lines...)
}

// connector is a file of testdata with a few settings that are this test's.
func connector(t *testing.T, file string, own map[string]string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	config := map[string]string{}
	if err := json.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	for name, value := range own {
		if config[name] == "" {
			t.Fatalf("%s has no %s", file, name)
		}
		config[name] = value
	}
	return config
}
