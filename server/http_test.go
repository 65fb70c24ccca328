package server_test

import (
	"bufio"
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
	h, address := listenHealth(t, checks...)
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

// listenHealth opens the health server at a free port; the caller closes it.
func listenHealth(t *testing.T, checks ...server.Check) (h *server.Health, address string) {
	t.Helper()
	var lc net.ListenConfig
	free, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	address = free.Addr().String()
	must(t, free.Close())
	h, err = server.ServeHealth(t.Context(), address, zap.NewNop(), server.NewRegistry(), checks)
	must(t, err)
	return h, address
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

// TestHTTPConnections: who opens many connections and keeps them leaves
// descriptors for others; those that are open go on, and room comes back.
func TestHTTPConnections(t *testing.T) {
	const most = 100
	h, address := listenHealth(t)
	defer func() { must(t, h.Close()) }()
	var open []net.Conn
	for range most {
		nc, ok := askKeeping(t, address)
		if !ok {
			t.Fatalf("connection %d was refused", len(open)+1)
		}
		open = append(open, nc)
	}
	if _, ok := askKeeping(t, address); ok {
		t.Errorf("more than %d connections are served", most)
	}
	if !asked(t, open[0]) {
		t.Error("an open connection is not served any more")
	}
	must(t, open[0].Close())
	for ok := false; !ok; { // until the server has noticed
		_, ok = askKeeping(t, address)
	}
}

// askKeeping opens a connection and asks once; it is closed with the test.
func askKeeping(t *testing.T, address string) (nc net.Conn, ok bool) {
	t.Helper()
	var d net.Dialer
	nc, err := d.DialContext(t.Context(), "tcp", address)
	must(t, err)
	t.Cleanup(func() { _ = nc.Close() })
	return nc, asked(t, nc)
}

// asked asks for /livez and reports whether there was an answer.
func asked(t *testing.T, nc net.Conn) bool {
	t.Helper()
	if _, err := io.WriteString(nc, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		return false
	}
	resp, err := http.ReadResponse(bufio.NewReader(nc), nil)
	if err != nil {
		return false
	}
	must(t, resp.Body.Close())
	return resp.StatusCode == http.StatusOK
}
