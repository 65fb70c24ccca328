package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
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

// TestInterruptedStart: who is asked to stop before it serves has not failed.
func TestInterruptedStart(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out bytes.Buffer
	code := run(ctx, process{args: []string{"--listen", "127.0.0.1:0", "--http", "", "--data-dir", filepath.Join(t.TempDir(), "data")}, stdout: &out, stderr: &out})
	if code != 0 || !strings.Contains(out.String(), "stopped before it had started") {
		t.Errorf("exit code %d, %s", code, out.String())
	}
}

// TestPortsMeet: that metrics shall be where clients are served is told before a data
// directory is made, whatever way the two addresses are written.
func TestPortsMeet(t *testing.T) {
	for name, ask := range map[string]func(port string) (listen, http string){
		"the same":      func(p string) (string, string) { return "127.0.0.1:" + p, "127.0.0.1:" + p },
		"all addresses": func(p string) (string, string) { return "PLAINTEXT://:" + p, "127.0.0.1:" + p },
		"a name":        func(p string) (string, string) { return "127.0.0.1:" + p, "localhost:" + p },
	} {
		t.Run(name, func(t *testing.T) {
			free, err := freeAddress()
			if err != nil {
				t.Fatal(err)
			}
			_, port, err := net.SplitHostPort(free)
			if err != nil {
				t.Fatal(err)
			}
			listen, http := ask(port)
			dir := filepath.Join(t.TempDir(), "data")
			var out bytes.Buffer
			code := run(t.Context(), process{args: []string{"--listen", listen, "--http", http, "--data-dir", dir}, stdout: &out, stderr: &out})
			if code != exitFailed || !strings.Contains(out.String(), "each needs a port of its own: ") || !strings.Contains(out.String(), "(choose another address with --http") {
				t.Errorf("exit code %d, %s", code, out.String())
			}
			if _, err := os.Stat(dir); !os.IsNotExist(err) {
				t.Errorf("the data directory was made: %v", err)
			}
		})
	}
}

// TestGreeting: what a new broker tells to try can be typed as it is.
func TestGreeting(t *testing.T) {
	t.Parallel()
	kafka, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out, w := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, process{name: "bin/mainstem", stdout: w, stderr: io.Discard, args: []string{
			"serve", "--listen", kafka, "--http", "", "--data-dir", t.TempDir(),
			"--set", "mainstem.log.segment.bytes=16777216", "--set", "mainstem.disk.ballast.bytes=0",
		}})
		_ = w.Close()
	}()
	text := ""
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if text += lines.Text() + "\n"; strings.Contains(text, "ctrl-C") {
			stop()
		}
	}
	if code := <-ended; code != exitOK {
		t.Errorf("exit code %d", code)
	}
	for _, line := range []string{"echo hello | bin/mainstem produce greetings --create -b " + kafka, " bin/mainstem consume greetings -b " + kafka} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no %q in the greeting:\n%s", line, text)
		}
	}
}
