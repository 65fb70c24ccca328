package server_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/mainstem-mq/mainstem/server"
)

// serveHealth opens the health server, and returns how to ask it.
func serveHealth(t *testing.T, checks []server.Check) func(path string) (status int, body string) {
	t.Helper()
	_, get := openHealth(t, checks)
	return get
}

// openHealth is serveHealth for who needs the server too.
func openHealth(t *testing.T, checks []server.Check) (*server.Health, func(path string) (status int, body string)) {
	t.Helper()
	var lc net.ListenConfig
	free, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	address := free.Addr().String()
	must(t, free.Close())
	h, err := server.ServeHealth(t.Context(), address, zap.NewNop(), server.NewRegistry(), checks)
	must(t, err)
	t.Cleanup(func() { must(t, h.Close()) })
	return h, func(path string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+path, http.NoBody)
		must(t, err)
		resp, err := http.DefaultClient.Do(req)
		must(t, err)
		body, err := io.ReadAll(resp.Body)
		must(t, err)
		must(t, resp.Body.Close())
		return resp.StatusCode, string(body)
	}
}

// TestHTTPIndex: who opens the address without a path sees what there is, and
// each of that is there.
func TestHTTPIndex(t *testing.T) {
	get := serveHealth(t, nil)
	status, index := get("/")
	listed := 0
	for line := range strings.Lines(index) {
		if path, _, _ := strings.Cut(line, " "); strings.HasPrefix(path, "/") {
			listed++
			if status, _ := get(path); status != http.StatusOK {
				t.Errorf("%s: %d", path, status)
			}
		}
	}
	if status != http.StatusOK || listed != 3 {
		t.Errorf("%d: %s", status, index)
	}
	if status, _ := get("/other"); status != http.StatusNotFound {
		t.Errorf("an unknown path: %d", status)
	}
}

// TestReadiness: a check that fails makes the broker unready; a warning does
// not, and is shown without being asked for.
func TestReadiness(t *testing.T) {
	fine := server.Check{Name: "fine", Run: func() error { return nil }}
	told := server.Check{Name: "told", Run: fine.Run, Detail: func() (string, bool) { return "5 of 7", false }}
	low := server.Check{Name: "low", Run: fine.Run, Detail: func() (string, bool) { return "1 of 7", true }}
	failed := server.Check{
		Name: "failed", Run: func() error { return errors.New("since noon") },
		Detail: func() (string, bool) { return "must not be asked", true },
	}
	for _, tc := range []struct {
		checks         []server.Check
		status         int
		short, verbose string
	}{
		{[]server.Check{fine, told}, http.StatusOK, "ok\n", "[+] fine ok\n[+] told ok: 5 of 7\n"},
		{[]server.Check{fine, low}, http.StatusOK, "ok\n[!] low: 1 of 7\n", "[+] fine ok\n[!] low: 1 of 7\n"},
		{[]server.Check{failed, low}, http.StatusServiceUnavailable, "[-] failed: since noon\n[!] low: 1 of 7\n", "[-] failed: since noon\n[!] low: 1 of 7\n"},
		{[]server.Check{fine, failed}, http.StatusServiceUnavailable, "[-] failed: since noon\n", "[+] fine ok\n[-] failed: since noon\n"},
	} {
		get := serveHealth(t, tc.checks)
		for path, want := range map[string]string{"/readyz": tc.short, "/readyz?verbose": tc.verbose} {
			if status, got := get(path); status != tc.status || got != want {
				t.Errorf("%s: %d %q, want %d %q", path, status, got, tc.status, want)
			}
		}
	}
}

// TestKafkaOnTheHTTPPort: a client with the wrong port is named in the log,
// once however often it comes.
func TestKafkaOnTheHTTPPort(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	var lc net.ListenConfig
	free, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	address := free.Addr().String()
	must(t, free.Close())
	h, err := server.ServeHealth(t.Context(), address, zap.New(core), server.NewRegistry(), nil)
	must(t, err)
	t.Cleanup(func() { must(t, h.Close()) })
	for _, first := range []string{"GET /livez HTTP/1.0\r\n\r\n", "\x00\x00\x00\x10\x00\x12\r\n\r\n", "\x00\x00\x00\x10\x00\x12\r\n\r\n"} {
		var d net.Dialer
		nc, err := d.DialContext(t.Context(), "tcp", address)
		must(t, err)
		_, err = nc.Write([]byte(first))
		must(t, err)
		_, err = io.ReadAll(nc)
		must(t, err)
		must(t, nc.Close())
	}
	if got := logs.FilterMessageSnippet("a Kafka client came to the port of metrics").Len(); got != 1 {
		t.Errorf("%d lines, want 1: %v", got, logs.All())
	}
}
