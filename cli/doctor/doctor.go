package doctor

import (
	"context"
	"net"
	"net/netip"
	"time"

	"github.com/mainstem-mq/mainstem/internal/clock"
)

// Config is what is looked at, and how.
type Config struct {
	Address string // HOST:PORT
	// TLS has it speak TLS, as its clients do. Without it a peer that speaks TLS is a
	// failure, and is looked at through TLS all the same.
	TLS     bool
	Timeout time.Duration // of each step
	// WriteTopic is where a record may be written, to compare clocks; "": nowhere.
	WriteTopic string
	Clock      clock.Clock
	Told       func(Finding) // of each finding at once; may be nil

	// Resolve and Dial are those of the system if they are nil.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	Dial    func(ctx context.Context, network, address string) (net.Conn, error)
}

// exam is one run.
type exam struct {
	cfg    Config
	report Report
	tls    bool // connections are made with it
}

// Names of the checks.
const (
	checkName        = "name"
	checkPort        = "port"
	checkProtocol    = "protocol"
	checkTLS         = "tls"
	checkVersions    = "versions"
	checkClients     = "clients"
	checkMetadata    = "metadata"
	checkLatency     = "latency"
	checkAdvertised  = "advertised"
	checkController  = "controller"
	checkCoordinator = "coordinator"
	checkClock       = "clock"
)

// Examine goes through all checks, up to the first that makes the others impossible.
func Examine(ctx context.Context, cfg Config) Report {
	if cfg.Resolve == nil {
		cfg.Resolve = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	if cfg.Dial == nil {
		cfg.Dial = (&net.Dialer{}).DialContext
	}
	if told := cfg.Told; told != nil {
		cfg.Told = func(f Finding) {
			if ctx.Err() == nil { // what is cut short fails for that alone
				told(f)
			}
		}
	}
	e := &exam{cfg: cfg, report: Report{Address: cfg.Address, Findings: []Finding{}}, tls: cfg.TLS}
	if rest := e.run(ctx); rest != "" {
		e.notChecked(rest, "and all that comes behind it: see the failure above")
	}
	e.report.TLS = e.tls
	return e.report
}

// run makes the checks. It returns the first that could not be made, "" if all were.
func (e *exam) run(ctx context.Context) (rest string) {
	at := e.reach(ctx, e.cfg.Address)
	if at == "" {
		return checkProtocol
	}
	p := e.greet(ctx, at)
	if p == nil {
		return checkVersions
	}
	defer func() { p.close() }()
	e.versions(p)
	c := e.metadata(ctx, at, p)
	if c == nil {
		return checkAdvertised
	}
	e.report.ClusterID = c.id
	e.latency(ctx, p)
	e.advertised(ctx, c)
	e.controller(c)
	e.coordinators(ctx, p, c)
	e.compareClocks(ctx, p, c)
	return ""
}

// step bounds one step.
func (e *exam) step(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, e.cfg.Timeout)
}

// since is how long ago it is.
func (e *exam) since(begun time.Time) time.Duration { return e.cfg.Clock.Now().Sub(begun) }
