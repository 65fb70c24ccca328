package compaction

import (
	"strconv"
	"strings"
	"testing"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
)

// kcatRead reads a topic by kcat, which is librdkafka.
func kcatRead(t *testing.T, topic string) []string {
	t.Helper()
	kcat, err := harness.Kcat()
	if err != nil {
		t.Fatal(err)
	}
	out, err := harness.Run(testContext(t), "", kcat, "-C", "-q", "-b", shared.Addr(), "-t", topic, "-p", "0", "-o", "beginning", "-e",
		"-f", "%o %T %k %S %s\n")
	if err != nil || out.Code != 0 {
		t.Fatalf("kcat: exit code %d, %v\n%s", out.Code, err, out.Stderr)
	}
	var got []string
	for line := range strings.Lines(out.Stdout) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 5)
		if len(f) != 5 {
			t.Fatalf("kcat: %q", line)
		}
		offset, err := strconv.ParseInt(f[0], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		at, err := strconv.ParseInt(f[1], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, record{offset, at, f[2], f[4], f[3] == "-1"}.String())
	}
	return got
}
