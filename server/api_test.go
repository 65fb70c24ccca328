package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/mainstem-mq/mainstem/server"
)

// apiRequest asks the broker's API as somebody on its machine.
func (b *broker) apiRequest(method, path, body string) *http.Request {
	b.tb.Helper()
	r := httptest.NewRequestWithContext(b.tb.Context(), method, "http://127.0.0.1:9644"+path, strings.NewReader(body))
	r.RemoteAddr = "127.0.0.1:50000"
	if method != http.MethodGet {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

// apiAsk asks and decodes the answer into v; the status must be as said.
func (b *broker) apiAsk(method, path, body string, status int, v any) {
	b.tb.Helper()
	w := httptest.NewRecorder()
	b.server.API().ServeHTTP(w, b.apiRequest(method, path, body))
	if w.Code != status {
		b.tb.Fatalf("%s %s: status %d, want %d: %s", method, path, w.Code, status, w.Body)
	}
	must(b.tb, json.Unmarshal(w.Body.Bytes(), v))
}

// TestAPIGuard: who is served, and that the others do and learn nothing.
func TestAPIGuard(t *testing.T) {
	b := startBroker(t, options{})
	const ok, refused = http.StatusOK, http.StatusForbidden
	for _, c := range []struct {
		name   string
		method string
		change func(*http.Request)
		status int
		words  string
	}{
		{"this machine", "GET", func(*http.Request) {}, ok, ""},
		{"this machine, IPv6", "GET", func(r *http.Request) { r.RemoteAddr, r.Host = "[::1]:1", "[::1]:9644" }, ok, ""},
		{"IPv4 in IPv6", "GET", func(r *http.Request) { r.RemoteAddr = "[::ffff:127.0.0.1]:1" }, ok, ""},
		{"localhost", "GET", func(r *http.Request) { r.Host = "LocalHost:9644" }, ok, ""},
		{"without a port", "GET", func(r *http.Request) { r.Host = "localhost" }, ok, ""},
		{"another address of this machine", "GET", func(r *http.Request) { r.RemoteAddr, r.Host = "10.1.2.3:1", "10.1.2.3:9644" }, ok, ""},
		{"the same, IPv4 in IPv6", "GET", func(r *http.Request) { r.RemoteAddr, r.Host = "[::ffff:10.1.2.3]:1", "localhost" }, ok, ""},
		{"a tunnel to the other address", "GET", func(r *http.Request) { r.RemoteAddr = "10.1.2.3:1" }, ok, ""},
		{"a page of this machine", "GET", func(r *http.Request) { r.Header.Set("Origin", "http://localhost:3000") }, ok, ""},
		{"typed into a browser", "GET", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "none") }, ok, ""},

		{"another machine", "GET", func(r *http.Request) { r.RemoteAddr = "10.1.2.4:50000" }, refused, "own machine only"},
		{"another machine, where it came in is not known", "GET", func(r *http.Request) {
			r.RemoteAddr = "10.1.2.3:50000"
			*r = *r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, nil))
		}, refused, "own machine only"},
		{"a proxy of this machine", "GET", func(r *http.Request) { r.Header.Set("X-Forwarded-For", "10.1.2.4") }, refused, "proxies are not served"},
		{"a proxy by the standard", "GET", func(r *http.Request) { r.Header.Set("Forwarded", "for=10.1.2.4") }, refused, "header Forwarded"},
		{"a cache", "GET", func(r *http.Request) { r.Header.Set("Via", "1.1 x") }, refused, "header Via"},
		{"a proxy without a header", "GET", func(r *http.Request) { r.RemoteAddr, r.Host = "127.0.0.6:1", "10.9.9.9:9644" }, refused, "the Host header"},
		{"any address", "GET", func(r *http.Request) { r.Host = "0.0.0.0:9644" }, refused, "the Host header"},
		{"another machine, IPv6", "GET", func(r *http.Request) { r.RemoteAddr = "[fe80::1%eth0]:1" }, refused, "own machine only"},
		{"nobody knows who", "GET", func(r *http.Request) { r.RemoteAddr = "@" }, refused, "own machine only"},
		{"DNS rebinding", "GET", func(r *http.Request) { r.Host = "evil.example:9644" }, refused, "the Host header"},
		{"a name that begins well", "GET", func(r *http.Request) { r.Host = "localhost.evil.example" }, refused, "the Host header"},
		{"an address that is none", "GET", func(r *http.Request) { r.Host = "127.0.0.1.evil.example" }, refused, "the Host header"},
		{"no host", "GET", func(r *http.Request) { r.Host = "" }, refused, "the Host header"},
		{"a script of a web page", "GET", func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }, refused, "web pages"},
		{"a page without a name", "GET", func(r *http.Request) { r.Header.Set("Origin", "null") }, refused, "web pages"},
		{"a page of another address", "GET", func(r *http.Request) { r.Header.Set("Origin", "http://10.1.2.3") }, refused, "web pages"},
		{"two origins", "GET", func(r *http.Request) {
			r.Header.Add("Origin", "http://localhost")
			r.Header.Add("Origin", "http://evil.example")
		}, refused, "web pages"},
		{"an image of a web page", "GET", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, refused, "another site"},

		{"a form", "POST", func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }, refused, "Content-Type"},
		{"text", "POST", func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, refused, "Content-Type"},
		{"no type", "DELETE", func(r *http.Request) { r.Header.Del("Content-Type") }, refused, "Content-Type"},
		{"another method", "OPTIONS", func(r *http.Request) { r.Header.Del("Content-Type") }, refused, "Content-Type"},
		{"JSON", "POST", func(r *http.Request) { r.Header.Set("Content-Type", "application/json; charset=utf-8") }, http.StatusNotFound, "not of this API"},
		{"JSON of a web page", "POST", func(r *http.Request) { r.Header.Set("Origin", "http://evil.example") }, refused, "web pages"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := b.apiRequest(c.method, "/api/v1/groups", "")
			local := &net.TCPAddr{IP: net.IPv4(10, 1, 2, 3), Port: 9644}
			r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, local))
			c.change(r)
			w := httptest.NewRecorder()
			b.server.API().ServeHTTP(w, r)
			if w.Code != c.status {
				t.Fatalf("status %d, want %d: %s", w.Code, c.status, w.Body)
			}
			h := w.Result().Header
			if h.Get("Content-Type") != "application/json" || h.Get("X-Content-Type-Options") != "nosniff" ||
				h.Get("Cache-Control") != "no-store" || h.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("headers %v", h)
			}
			if c.status == ok {
				return
			}
			var e server.APIError
			must(t, json.Unmarshal(w.Body.Bytes(), &e))
			if !strings.Contains(e.Message, c.words) {
				t.Errorf("%+v, want %q", e, c.words)
			}
		})
	}
}

// TestAPIAfterClose: who comes while the broker ends is told so.
func TestAPIAfterClose(t *testing.T) {
	b := startBroker(t, options{})
	b.close()
	var e server.APIError
	b.apiAsk("GET", "/api/v1/groups", "", http.StatusServiceUnavailable, &e)
	if e.Code != "COORDINATOR_NOT_AVAILABLE" {
		t.Errorf("%+v", e)
	}
}

// TestMountedAPI: over the port of metrics and health, with its line in the index.
func TestMountedAPI(t *testing.T) {
	h, get := openHealth(t, nil)
	b := startBroker(t, options{})
	if status, _ := get("/api/v1/groups"); status != http.StatusNotFound {
		t.Errorf("not mounted: %d", status)
	}
	h.Mount("/api/v1/", b.server.API())
	h.Tell("/api/v1/groups", "groups")
	if status, body := get("/api/v1/groups"); status != http.StatusOK || body != "{\"groups\":[]}\n" {
		t.Errorf("%d %s", status, body)
	}
	if _, index := get("/"); !strings.Contains(index, fmt.Sprintf("%-20s %s\n", "/api/v1/groups", "groups")) {
		t.Errorf("the index is %s", index)
	}
}
