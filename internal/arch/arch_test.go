package arch

import (
	_ "embed"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

//go:embed policy.txt
var policyText string

// house is the module's own tree.
func house() fs.FS { return os.DirFS("../..") }

func loadPolicy(t *testing.T) policy {
	t.Helper()
	p, err := parsePolicy(policyText)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestImportsGoDownwardsOnly(t *testing.T) {
	files, err := sources(house())
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 10 {
		t.Fatalf("only %d Go files found: the test looks in the wrong place", len(files))
	}
	for _, wrong := range loadPolicy(t).judge(files) {
		t.Error(wrong)
	}
}

// The policy itself has no circle, else it would not be a policy.
func TestPolicyHasNoCircle(t *testing.T) {
	p := loadPolicy(t)
	var visit func(room string, on []string)
	visit = func(room string, on []string) {
		if slices.Contains(on, room) {
			t.Fatalf("circle: %s", strings.Join(append(on, room), " -> "))
		}
		for _, next := range p.rooms[room] {
			if next == "*" {
				continue // nobody may import the wiring
			}
			if _, known := p.rooms[next]; !known {
				t.Errorf("%s may import %s, which has no line of its own", room, next)
			}
			visit(next, append(slices.Clone(on), room))
		}
	}
	for _, room := range slices.Sorted(maps.Keys(p.rooms)) {
		visit(room, nil)
	}
}

// Each wrong arrow that matters is planted in a made-up house and found.
func TestWrongImportsAreDetected(t *testing.T) {
	p := loadPolicy(t)
	for _, c := range []struct {
		name, file, imports string
		want                string // "" means allowed
	}{
		{"server reads the log", "server/fetch.go", module + "/log", "imports go downwards only"},
		{"server reads the index", "server/fetch.go", module + "/log/index", "imports go downwards only"},
		{"protocol and log", "protocol/x.go", module + "/log", "imports go downwards only"},
		{"log and protocol", "log/x.go", module + "/protocol", "imports go downwards only"},
		{"log and server", "log/x.go", module + "/server", "imports go downwards only"},
		{"cluster and log", "cluster/x.go", module + "/log", "imports go downwards only"},
		{"coordinator and replication", "coordinator/x.go", module + "/replication", "imports go downwards only"},
		{"console and server", "console/x.go", module + "/server", "imports go downwards only"},
		{"leaf and room", "internal/model/x.go", module + "/protocol", "may import no room of ours"},
		{"the wiring", "server/x.go", module + "/cmd/mainstem", "imports go downwards only"},
		{"testing in the product", "log/x.go", "testing", "only tests may import"},
		{"testing/fstest in the product", "log/x.go", "testing/fstest", "only tests may import"},
		{"a room of tests in the product", "cmd/mainstem/x.go", module + "/coordinator/shard/shardtest", "only tests may import"},
		{"a client in the broker", "server/x.go", "github.com/twmb/franz-go/pkg/kgo", "wrapped in cli"},
		{"the broker and the commands", "server/x.go", module + "/cli", "imports go downwards only"},
		{"the commands and the broker", "cli/x.go", module + "/server", "imports go downwards only"},
		{"library in the wrong room", "log/x.go", "github.com/spf13/cobra", "wrapped in cmd/mainstem"},
		{"unknown library", "log/x.go", "github.com/hashicorp/raft", "names no room"},
		{"unknown room", "pkg/util/x.go", "fmt", "has no line in policy.txt"},

		{"the log's own batches", "log/x.go", module + "/protocol/batch", ""},
		{"replication over the log", "replication/x.go", module + "/log", ""},
		{"the wiring sees all", "cmd/mainstem/x.go", module + "/log", ""},
		{"standard library", "log/x.go", "encoding/binary", ""},
		{"testing for tests", "coordinator/shard/shardtest/x.go", "testing/synctest", ""},
		{"part of a library", "protocol/batch/x.go", "github.com/klauspost/compress/zstd", ""},
		{"tests wire what they like", "server/x_test.go", module + "/log", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			tree := fstest.MapFS{c.file: {Data: fmt.Appendf(nil, "package x\n\nimport _ %q\n", c.imports)}}
			files, err := sources(tree)
			if err != nil {
				t.Fatal(err)
			}
			wrong := p.judge(files)
			if c.want == "" {
				if len(wrong) != 0 {
					t.Fatalf("refused: %q", wrong)
				}
				return
			}
			if len(wrong) != 1 || !strings.Contains(wrong[0], c.want) || !strings.Contains(wrong[0], c.file) {
				t.Fatalf("got %q, want one about %s that says %q", wrong, c.file, c.want)
			}
		})
	}
}

func TestPolicyTextIsChecked(t *testing.T) {
	for _, text := range []string{"log", "log: -\nlog: -", "use x.org/y: log\nuse x.org/y: log"} {
		if _, err := parsePolicy(text); err == nil {
			t.Errorf("policy %q was accepted", text)
		}
	}
}
