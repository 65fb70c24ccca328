package old

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// TestFixtures makes what protocol/legacy is tested with once more, by the code of
// Kafka: it must be what is in its testdata. What went through gzip differs with the
// zlib of the machine, and is not compared.
func TestFixtures(t *testing.T) {
	testbroker.Quick(t)
	module, err := harness.ModuleDir()
	if err != nil {
		t.Fatal(err)
	}
	dump := func(version, program string, args ...string) string {
		out, err := harness.Run(within(t), "", append(java(t, version, program), args...)...)
		if err != nil || out.Code != 0 {
			t.Fatalf("%s: %v\n%s", program, err, out.Stderr)
		}
		return out.Stdout
	}
	for file, got := range map[string]string{
		"producers.txt": dump("0.8.2", "DumpOld", "0.8.2.2") + dump("0.9.0", "DumpOld", "0.9.0.1") + dump("0.10.2", "DumpMagic1", "0.10.2.2"),
		"brokers.txt":   dump("3.9", "DumpBroker"),
	} {
		text, err := os.ReadFile(filepath.Join(module, "..", "protocol", "legacy", "testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		want, made := byName(string(text)), byName(got)
		if len(want) != len(made) || len(want) == 0 {
			t.Errorf("%s: %d lines, %d made again", file, len(want), len(made))
		}
		for name, bytes := range want {
			if !strings.Contains(name, "gzip") && made[name] != bytes {
				t.Errorf("%s: %s is %s, made again %s", file, name, bytes, made[name])
			}
		}
	}
}

// byName reads lines of "name: bytes".
func byName(text string) map[string]string {
	all := map[string]string{}
	for line := range strings.Lines(text) {
		if name, bytes, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
			all[name] = bytes
		}
	}
	return all
}
