package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

var shared testbroker.Shared

func TestMain(m *testing.M) { os.Exit(shared.Main(m)) }

// run runs a command with input; it must end well.
func run(t *testing.T, input string, args ...string) string {
	t.Helper()
	out := try(t, input, args...)
	if out.Code != 0 {
		t.Fatalf("mainstem %s: exit code %d\n%s%s", strings.Join(args, " "), out.Code, out.Stdout, out.Stderr)
	}
	return out.Stdout
}

// try runs a command, however it ends.
func try(t *testing.T, input string, args ...string) harness.Output {
	t.Helper()
	path, err := harness.MainstemBinary()
	if err != nil {
		t.Fatal(err)
	}
	out, err := harness.Run(testbroker.Context(t, time.Minute), input, append([]string{path}, append(args, "-b", shared.Addr())...)...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// ask runs a command with -o json and reads what it says.
func ask(t *testing.T, into any, args ...string) {
	t.Helper()
	out := run(t, "", append(args, "-o", "json")...)
	if err := json.Unmarshal([]byte(out), into); err != nil {
		t.Fatalf("mainstem %s: %v in\n%s", strings.Join(args, " "), err, out)
	}
}

// wantRefused is a command that must fail and say so in these words.
func wantRefused(t *testing.T, words string, args ...string) {
	t.Helper()
	if out := try(t, "", args...); out.Code == 0 || !strings.Contains(out.Stderr, words) {
		t.Errorf("mainstem %s: exit code %d, want one, and %q in\n%s%s", strings.Join(args, " "), out.Code, words, out.Stdout, out.Stderr)
	}
}

func lines(n int, form string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, form+"\n", i)
	}
	return b.String()
}

// errNotYet is what is waited for.
type errNotYet string

func (e errNotYet) Error() string { return string(e) + " is not yet so" }

const errStillThere = errNotYet("that the topic is gone")
