package server

import (
	"context"
	"encoding/json"
	"errors"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/mainstem-mq/mainstem/protocol"
)

// The HTTP API of operators, for the command line and for scripts. There is no
// security yet, so it serves this machine alone, and of that no web page: a
// browser's user must not find his groups deleted by a site he visited.

const (
	// apiBodyMax bounds what a request may carry, apiOffsetsMax one with an offset
	// for each partition of a group: some 19 bytes each.
	apiBodyMax    = 1 << 20
	apiOffsetsMax = 32 << 20
	// apiWait is how long a request waits for the coordinator.
	apiWait = 10 * time.Second
	// apiPlanMax is how long a request may take until it does something: its answer
	// has to leave before the http server ends it.
	apiPlanMax = httpRequestMax - 2*apiWait
)

// APIError is the answer to a request that was refused or failed.
type APIError struct {
	Code    string `json:"code"` // Kafka's name
	Message string `json:"message"`
}

// API serves what operators ask and do; every path begins with /api/v1/.
func (s *Server) API() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/groups", s.taking(s.apiListGroups, "state", "type"))
	mux.HandleFunc("GET /api/v1/groups/{group}", s.taking(s.apiDescribeGroup, "rate", "topics", "lagging"))
	mux.HandleFunc("GET /api/v1/groups/{group}/why", s.taking(s.apiWhyGroup))
	mux.HandleFunc("DELETE /api/v1/groups/{group}", s.taking(s.apiDeleteGroup))
	mux.HandleFunc("POST /api/v1/groups/{group}/reset", s.taking(s.apiResetGroup))
	mux.HandleFunc("POST /api/v1/groups/{group}/rewind", s.taking(s.apiRewindGroup))
	mux.HandleFunc("GET /api/v1/groups/{group}/rewind", s.taking(s.apiRewound))
	mux.HandleFunc("POST /api/v1/groups/{group}/rewind/undo", s.taking(s.apiUndoRewind))
	mux.HandleFunc("POST /api/v1/groups/{group}/skip", s.taking(s.apiSkip))
	mux.HandleFunc("GET /api/v1/transactions", s.taking(s.apiListTxns, "state", "producer", "longer", "pattern"))
	mux.HandleFunc("GET /api/v1/transactions/{id}", s.taking(s.apiDescribeTxn))
	mux.HandleFunc("POST /api/v1/transactions/{id}/abort", s.taking(s.apiAbortTxn))
	mux.HandleFunc("GET /api/v1/transactions-open", s.taking(s.apiOpenTxns, "topics", "hanging"))
	mux.HandleFunc("POST /api/v1/partitions/{topic}/{partition}/abort-producer", s.taking(s.apiAbortProducer))
	mux.HandleFunc("/api/v1/", func(w http.ResponseWriter, r *http.Request) {
		s.apiFailed(w, protocol.Errorf(protocol.InvalidRequest, "%s %s is not of this API", r.Method, r.URL.EscapedPath()), http.StatusNotFound)
	})
	return s.guarded(mux)
}

// guarded lets through only what comes from this machine and not from a web page.
func (s *Server) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if why := stranger(r); why != "" {
			s.apiFailed(w, protocol.Errorf(protocol.ClusterAuthorizationFailed, "%s", why), http.StatusForbidden)
			return
		}
		if !s.tasks.begin() {
			s.apiFailed(w, errStopping())
			return
		}
		defer s.tasks.end()
		r.Body = http.MaxBytesReader(w, r.Body, apiOffsetsMax)
		ctx, end := context.WithCancel(r.Context())
		defer end()
		defer s.clock.AfterFunc(apiPlanMax, end).Stop()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// inTime refuses a deed whose answer would come too late, or reach nobody.
func inTime(ctx context.Context) error {
	if ctx.Err() != nil {
		return protocol.Errorf(protocol.RequestTimedOut, "it took too long to find out where to, or nobody waits for the answer any more; nothing was changed")
	}
	return nil
}

// stranger says why a request is not served, or nothing. The address tells
// who is on this machine. A name in Host that is not this machine's is a page of
// that name, which had its own name lead here (DNS rebinding), and a proxy on
// this machine, which would let in everybody who reaches it, gives itself away by
// an address there that is not this machine's, or by a header of proxies. Origin
// names the page of a script, and Sec-Fetch-Site says what a browser knows of it.
// What changes something must have a content type that no form can send.
func stranger(r *http.Request) string {
	local := localAddr(r)
	if peer, err := netip.ParseAddrPort(r.RemoteAddr); err != nil || !sameMachine(peer.Addr().Unmap(), local) {
		return "this API serves the broker's own machine only: run the command there, or come through a tunnel (ssh -L)"
	}
	if !localHost(r.Host, local) {
		return "the Host header must be localhost or an address of this machine, such as 127.0.0.1:9644"
	}
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via"} {
		if len(r.Header.Values(name)) > 0 {
			return "proxies are not served, as everybody could come through them: the request has the header " + name
		}
	}
	for _, origin := range r.Header.Values("Origin") {
		u, err := url.Parse(origin)
		if err != nil || !localHost(u.Host, netip.Addr{}) {
			return "web pages are not served: the request has the Origin of another machine"
		}
	}
	if strings.EqualFold(r.Header.Get("Sec-Fetch-Site"), "cross-site") {
		return "web pages are not served: the request comes from another site"
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return ""
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return r.Method + " needs the header Content-Type: application/json, also without a body"
	}
	return ""
}

// localAddr is the address at which a request arrived; zero: it is not known.
func localAddr(r *http.Request) netip.Addr {
	a, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return netip.Addr{}
	}
	at, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap()
}

// sameMachine reports whether an address is of this machine. Who connects from
// the very address to which he connects is on it: answers to that address do
// not leave it.
func sameMachine(a, local netip.Addr) bool {
	return a.IsLoopback() || a == local && a.IsValid()
}

// localHost reports whether HOST or HOST:PORT is localhost or an address of this
// machine.
func localHost(hostport string, local netip.Addr) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	address, err := netip.ParseAddr(host)
	return err == nil && sameMachine(address.Unmap(), local)
}

// apiAnswer sends a value as JSON.
func (s *Server) apiAnswer(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		s.log.Error("api answer", zap.Error(err))
		status, b = http.StatusInternalServerError, []byte(`{"code":"UNKNOWN_SERVER_ERROR","message":"the answer could not be written"}`)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	if _, err := w.Write(append(b, '\n')); err != nil {
		s.log.Debug("api answer", zap.Error(err))
	}
}

// notNow refuses a request that is right in itself: the group is not where it
// would have to be.
type notNow struct{ error }

func (e notNow) Unwrap() error { return e.error }

// apiFailed sends an error, with the status that goes with its code or the one given.
func (s *Server) apiFailed(w http.ResponseWriter, err error, status ...int) {
	e := asError(err)
	code := apiStatus(e.Code)
	if errors.As(err, new(notNow)) {
		code = http.StatusConflict
	}
	if len(status) > 0 {
		code = status[0]
	}
	s.apiAnswer(w, code, APIError{Code: e.Code.String(), Message: messageOf(e)})
}

func apiStatus(code protocol.ErrorCode) int {
	switch code { //nolint:exhaustive // The rest is ours.
	case protocol.GroupIDNotFound, protocol.UnknownTopicOrPartition, protocol.TransactionalIDNotFound:
		return http.StatusNotFound
	case protocol.NonEmptyGroup, protocol.GroupSubscribedToTopic, protocol.InconsistentGroupProtocol:
		return http.StatusConflict
	case protocol.InvalidRequest, protocol.InvalidGroupID:
		return http.StatusBadRequest
	case protocol.CoordinatorLoadInProgress, protocol.CoordinatorNotAvailable, protocol.NotCoordinator, protocol.RequestTimedOut:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}
