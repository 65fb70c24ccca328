package main

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPortInUse: a mistyped port is told before a data directory is made.
func TestPortInUse(t *testing.T) {
	var lc net.ListenConfig
	taken, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	for name, args := range map[string][]string{
		"kafka": {"--listen", taken.Addr().String(), "--http", ""},
		"http":  {"--listen", "127.0.0.1:0", "--http", taken.Addr().String()},
	} {
		dir := filepath.Join(t.TempDir(), "data")
		var out bytes.Buffer
		code := run(t.Context(), process{args: append(args, "--data-dir", dir), stdout: &out, stderr: &out})
		if code != exitFailed || !strings.Contains(out.String(), "cannot be served on "+taken.Addr().String()) {
			t.Errorf("%s: exit code %d, %s", name, code, out.String())
		}
		if _, err := os.Stat(dir); !os.IsNotExist(err) {
			t.Errorf("%s: the data directory was made: %v", name, err)
		}
	}
}
