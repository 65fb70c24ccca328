package server_test

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/mainstem-mq/mainstem/server"
)

// TestHTTPIndex: who opens the address without a path sees what there is, and
// each of that is there.
func TestHTTPIndex(t *testing.T) {
	var lc net.ListenConfig
	free, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	address := free.Addr().String()
	must(t, free.Close())
	h, err := server.ServeHealth(t.Context(), address, zap.NewNop(), server.NewRegistry(), nil)
	must(t, err)
	defer func() { must(t, h.Close()) }()
	get := func(path string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+path, http.NoBody)
		must(t, err)
		resp, err := http.DefaultClient.Do(req)
		must(t, err)
		body, err := io.ReadAll(resp.Body)
		must(t, err)
		must(t, resp.Body.Close())
		return resp.StatusCode, string(body)
	}
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
