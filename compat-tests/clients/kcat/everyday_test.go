package kcat

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// TestEveryday: the commands of docs/clients/kcat.md.
func TestEveryday(t *testing.T) {
	script, err := os.ReadFile(filepath.Join("testdata", "everyday.sh"))
	if err != nil {
		t.Fatal(err)
	}
	path, err := harness.Kcat()
	if err != nil {
		t.Fatal(err)
	}
	topic := shared.Name(t)
	here := strings.NewReplacer("localhost:9092", shared.Addr(), "logins", topic, "readers", shared.Name(t), "kcat -b", path+" -b")
	out, err := harness.Run(testbroker.Context(t, 45*time.Second), here.Replace(string(script)), "sh")
	if err != nil {
		t.Fatal(err)
	}
	want := "0/0 user-1=signed in\n0/1 user-2=signed in\nsigned in\nsigned in\nMetadata for " + topic
	if out.Code != 0 || !strings.HasPrefix(out.Stdout, want) {
		t.Errorf("exit code %d\n%s%s\nwant %s", out.Code, out.Stdout, out.Stderr, want)
	}
}
