package compaction

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// java runs testdata/Records.java, which the JDK compiles as it goes.
func java(t *testing.T, input string, args ...string) []string {
	t.Helper()
	out, err := harness.JavaTool(testbroker.Context(t, 2*time.Minute), input, filepath.Join("testdata", "Records.java"), args...)
	if err != nil {
		t.Fatal(err)
	}
	if out.Code != 0 {
		t.Fatalf("Records.java %s: exit code %d\n%s%s", strings.Join(args, " "), out.Code, out.Stdout, out.Stderr)
	}
	return strings.FieldsFunc(out.Stdout, func(r rune) bool { return r == '\n' })
}

// javaRead reads a topic by the Java consumer.
func javaRead(t *testing.T, topic string) []string {
	t.Helper()
	return java(t, "", "read", shared.Addr(), topic)
}

// javaSend sends groups by the Java producer, one batch each.
func (h *history) javaSend(t *testing.T, groups ...group) {
	t.Helper()
	var b strings.Builder
	for _, g := range groups {
		fmt.Fprintf(&b, "batch\t%s\n", g.codec)
		for _, r := range h.add(g) {
			fmt.Fprintf(&b, "%d\t%s", r.at, r.key)
			if !r.tombstone {
				fmt.Fprintf(&b, "\t%s", r.value)
			}
			b.WriteByte('\n')
		}
	}
	java(t, b.String(), "write", shared.Addr(), h.topic)
}
