package server_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
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
// descriptors for others. One at rest gives way, so that nobody is kept out by
// those who ask for nothing.
func TestHTTPConnections(t *testing.T) {
	const most = 100
	h, address := listenHealth(t)
	defer func() { must(t, h.Close()) }()
	open := make([]net.Conn, most)
	for i := range open {
		if i%2 == 0 { // it never asks
			var d net.Dialer
			nc, err := d.DialContext(t.Context(), "tcp", address)
			must(t, err)
			t.Cleanup(func() { _ = nc.Close() })
			open[i] = nc
			continue
		}
		var ok bool
		if open[i], ok = askKeeping(t, address); !ok {
			t.Fatalf("connection %d was refused", i+1)
		}
	}
	again := open[1]
	if !asked(t, again) { // it rests for the shortest now
		t.Fatal("an open connection is not served")
	}
	for range 10 {
		if _, ok := askKeeping(t, address); !ok {
			t.Fatal("a new connection was refused, as others rest")
		}
	}
	// When the server notes that another one rests is its own affair.
	if asked(t, open[0]) {
		t.Error("the one that rested for the longest is still there")
	}
	if !asked(t, again) || !asked(t, open[most-1]) {
		t.Error("those that had asked a moment ago are gone")
	}
}

// TestHTTPConnectionsAtWork: no request is ended for another one's sake.
func TestHTTPConnectionsAtWork(t *testing.T) {
	const most = 100
	come, gate := make(chan struct{}, most), make(chan struct{})
	release := sync.OnceFunc(func() { close(gate) })
	h, address := listenHealth(t, server.Check{Name: "slow", Run: func() error {
		come <- struct{}{}
		<-gate
		return nil
	}})
	defer func() { must(t, h.Close()) }()
	defer release()
	open := make([]net.Conn, most)
	for i := range open {
		var d net.Dialer
		nc, err := d.DialContext(t.Context(), "tcp", address)
		must(t, err)
		t.Cleanup(func() { _ = nc.Close() })
		_, err = io.WriteString(nc, "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
		must(t, err)
		open[i] = nc
	}
	for range most {
		<-come
	}
	if _, ok := askKeeping(t, address); ok {
		t.Errorf("more than %d requests at a time", most)
	}
	release()
	for i, nc := range open {
		resp, err := http.ReadResponse(bufio.NewReader(nc), nil)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("request %d: %v", i+1, err)
		}
		must(t, resp.Body.Close())
	}
	nc, ok := askKeeping(t, address)
	for !ok { // until the server has noticed that they rest
		nc, ok = askKeeping(t, address)
	}
	if _, err := io.WriteString(nc, "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(nc)
	must(t, err)
	for _, why := range []string{"idle", "refused"} {
		if strings.Contains(string(text), `mainstem_http_connections_dropped_total{why="`+why+`"} 0`) || !strings.Contains(string(text), `{why="`+why+`"}`) {
			t.Errorf("%s is not counted", why)
		}
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
