package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"
)

const (
	// httpHeaderMax is how long a client may take to send its request's header.
	httpHeaderMax = 10 * time.Second
	// httpRequestMax is the same for the whole request, and how long one and its
	// answer may take: more than a group is watched for, and the wait for it.
	httpRequestMax = 2 * time.Minute
	// httpIdleMax is how long a connection stays open without a request: longer than
	// scrapers pause as a rule.
	httpIdleMax = 3 * time.Minute
	// httpConnsMax is the most connections at a time. Who opens more, or takes no
	// answers, must not use up the memory and the descriptors of Kafka's clients;
	// nor keep others out who ask for something.
	httpConnsMax = 100
)

// httpIndex answers who asks for nothing.
const httpIndex = `Mainstem

/metrics             figures for Prometheus
/livez               whether the process lives
/readyz              whether it can serve; ?verbose lists the checks
`

// Check is one line of /readyz: a name, and what is wrong or nil.
type Check struct {
	Name string
	Run  func() error
	// Detail says more of a check that is well: a figure, or, with a warning,
	// what will not be well before long. It is only asked then. May be nil.
	Detail func() (text string, warning bool)
}

// line is what /readyz shows of the check, and how it stands.
func (c *Check) line() (text string, ready, warning bool) {
	if err := c.Run(); err != nil {
		return fmt.Sprintf("[-] %s: %v\n", c.Name, err), false, false
	}
	detail := ""
	if c.Detail != nil {
		detail, warning = c.Detail()
	}
	switch {
	case warning:
		return fmt.Sprintf("[!] %s: %s\n", c.Name, detail), true, true
	case detail != "":
		detail = ": " + detail
	}
	return fmt.Sprintf("[+] %s ok%s\n", c.Name, detail), true, false
}

// scrapesMax bounds the scrapes that are made at once: each may have 100,000 series
// in memory. More get 503.
const scrapesMax = 3

// Health serves /metrics, /livez and /readyz, and what is mounted.
type Health struct {
	log    *zap.Logger
	server http.Server
	mux    *http.ServeMux
	checks []Check
	served chan struct{}

	mounted struct {
		sync.Mutex
		lines string // of the index
	}
}

// ServeHealth opens the address and serves until Close. It may be opened
// before the broker is ready: /readyz says what is missing.
func ServeHealth(ctx context.Context, address string, log *zap.Logger, reg *prometheus.Registry, checks []Check) (*Health, error) {
	dropped := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "mainstem_http_connections_dropped_total",
		Help: "Connections to this port closed as there were too many, by whether one at rest gave way to another (idle) or all were at work (refused).",
	}, []string{"why"})
	if err := reg.Register(dropped); err != nil {
		return nil, fmt.Errorf("metrics and health: %w", err)
	}
	var lc net.ListenConfig
	nl, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("metrics and health: %w (choose another address with --http)", err)
	}
	mux := http.NewServeMux()
	h := &Health{log: log, mux: mux, checks: checks, served: make(chan struct{})}
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { h.write(w, http.StatusOK, h.index()) })
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{MaxRequestsInFlight: scrapesMax}))
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { h.write(w, http.StatusOK, "ok\n") })
	mux.HandleFunc("GET /readyz", h.ready)
	h.server = http.Server{
		Handler: mux, ReadHeaderTimeout: httpHeaderMax, ReadTimeout: httpRequestMax, WriteTimeout: httpRequestMax, IdleTimeout: httpIdleMax,
	}
	bounded := newHTTPListener(sparing(nl, func(net.Conn) {}), log, dropped)
	h.server.ConnState = bounded.changed
	go func() {
		defer close(h.served)
		if err := h.server.Serve(bounded); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the http server ended", zap.Error(err))
		}
	}()
	return h, nil
}

// Mount serves a handler under a pattern of http.ServeMux; Tell says what is below it.
func (h *Health) Mount(pattern string, handler http.Handler) {
	h.mux.Handle(pattern, handler)
}

// Tell has the index tell of a path.
func (h *Health) Tell(path, about string) {
	h.mounted.Lock()
	defer h.mounted.Unlock()
	h.mounted.lines += fmt.Sprintf("%-20s %s\n", path, about)
}

func (h *Health) index() string {
	h.mounted.Lock()
	defer h.mounted.Unlock()
	return httpIndex + h.mounted.lines
}

// Close ends all requests at once.
func (h *Health) Close() error {
	err := h.server.Close()
	<-h.served
	if err != nil {
		return fmt.Errorf("http: %w", err)
	}
	return nil
}

// ready runs all checks. With ?verbose it lists them, without only those that
// want to be looked at.
func (h *Health) ready(w http.ResponseWriter, r *http.Request) {
	_, verbose := r.URL.Query()["verbose"]
	status, text := http.StatusOK, ""
	for i := range h.checks {
		line, ready, warning := h.checks[i].line()
		if !ready {
			status = http.StatusServiceUnavailable
		}
		if verbose || !ready || warning {
			text += line
		}
	}
	if status == http.StatusOK && !verbose {
		text = "ok\n" + text
	}
	h.write(w, status, text)
}

func (h *Health) write(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	if _, err := w.Write([]byte(text)); err != nil {
		h.log.Debug("http answer", zap.Error(err))
	}
}

// NewRegistry is a registry with what every Go process tells of itself.
func NewRegistry() *prometheus.Registry {
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return reg
}

// Collector is what the server counts, for a registry.
func (s *Server) Collector() prometheus.Collector { return s.metrics }
