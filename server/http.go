package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"
)

// httpHeaderMax is how long a client may take to send its request's header.
const httpHeaderMax = 10 * time.Second

// httpIndex answers who asks for nothing.
const httpIndex = `Mainstem

/metrics          figures for Prometheus
/livez            whether the process lives
/readyz           whether it can serve; ?verbose lists the checks
`

// Check is one line of /readyz: a name, and what is wrong or nil. Note says what
// is worth knowing though the broker is ready; it may be nil, or say nothing.
type Check struct {
	Name string
	Run  func() error
	Note func() string
}

// Health serves /metrics, /livez and /readyz.
type Health struct {
	log    *zap.Logger
	server http.Server
	checks []Check
	served chan struct{}
}

// ServeHealth opens the address and serves until Close. It may be opened
// before the broker is ready: /readyz says what is missing.
func ServeHealth(ctx context.Context, address string, log *zap.Logger, reg *prometheus.Registry, checks []Check) (*Health, error) {
	var lc net.ListenConfig
	nl, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("http: %w", err)
	}
	h := &Health{log: log, checks: checks, served: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { h.write(w, http.StatusOK, httpIndex) })
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { h.write(w, http.StatusOK, "ok\n") })
	mux.HandleFunc("GET /readyz", h.ready)
	h.server = http.Server{Handler: mux, ReadHeaderTimeout: httpHeaderMax}
	go func() {
		defer close(h.served)
		if err := h.server.Serve(nl); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the http server ended", zap.Error(err))
		}
	}()
	return h, nil
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

// ready runs all checks. With ?verbose it lists them.
func (h *Health) ready(w http.ResponseWriter, r *http.Request) {
	status, text := http.StatusOK, ""
	for _, c := range h.checks {
		line := "[+] " + c.Name + " ok\n"
		if c.Note != nil {
			if note := c.Note(); note != "" {
				line = "[!] " + c.Name + ": " + note + "\n"
			}
		}
		if err := c.Run(); err != nil {
			status = http.StatusServiceUnavailable
			line = fmt.Sprintf("[-] %s: %v\n", c.Name, err)
		}
		text += line
	}
	if _, verbose := r.URL.Query()["verbose"]; verbose {
		h.write(w, status, text)
		return
	}
	if status == http.StatusOK {
		text = "ok\n"
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
