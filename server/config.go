package server

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

// Listener is one address that clients connect to.
type Listener struct {
	Name string // Kafka's listener name, such as PLAINTEXT
	Bind string // host:port; an empty host means all interfaces
	// AdvertisedHost and AdvertisedPort are what clients are told to connect
	// to. An empty host means Bind's, port 0 the port that was bound.
	AdvertisedHost string
	AdvertisedPort int32
}

// Config is what an operator decides before the server starts. What can be
// changed while it runs is asked of Settings.
type Config struct {
	NodeID    model.BrokerID
	DataDir   string // shown by DescribeLogDirs
	Listeners []Listener
	// HTTP is the address of /metrics, /livez and /readyz; "" means none.
	HTTP string
	// RequestBytesMax bounds one request (socket.request.max.bytes).
	RequestBytesMax int
	// RequestBudget bounds the memory of all requests with records being read or
	// handled (queued.max.request.bytes).
	RequestBudget int64
	// AnswerBudget bounds the memory of all answers being made or waiting for
	// their clients to read them; see answers.go for what is free of it. As much
	// again bounds the large fetches that wait for news, and as much the fetch
	// sessions; a quarter each the bytes of large requests without records, and
	// what they decode to.
	AnswerBudget int64
	// PipelineMax is how many unanswered requests one connection may have
	// before the server stops reading from it.
	PipelineMax int
	// StallMax is how long a client may stop in the middle of a request, or
	// leave an answer unread, before its connection is closed.
	StallMax time.Duration
	// DrainMax is how long Close waits for answers that are on their way.
	DrainMax time.Duration
	// FetchSessionsMax bounds the fetch sessions of KIP-227
	// (max.incremental.fetch.session.cache.slots).
	FetchSessionsMax int
	// FetchSessionAgeMin is how long a session must rest before another may
	// take its slot.
	FetchSessionAgeMin time.Duration
}

// DefaultConfig is Kafka's defaults where Kafka has the setting.
func DefaultConfig() Config {
	return Config{
		Listeners:          []Listener{{Name: "PLAINTEXT", Bind: "127.0.0.1:9092"}},
		RequestBytesMax:    protocol.RequestBytesMax,
		RequestBudget:      128 << 20,
		AnswerBudget:       128 << 20,
		PipelineMax:        100,
		StallMax:           time.Minute,
		DrainMax:           5 * time.Second,
		FetchSessionsMax:   1000,
		FetchSessionAgeMin: 2 * time.Minute,
	}
}

var errConfig = errors.New("bad server configuration")

// Validate refuses what cannot work, in words for an operator.
func (c *Config) Validate() error {
	if len(c.Listeners) == 0 {
		return fmt.Errorf("%w: no listeners", errConfig)
	}
	seen := map[string]bool{}
	for i := range c.Listeners {
		l := &c.Listeners[i]
		if l.Name == "" || seen[l.Name] {
			return fmt.Errorf("%w: listener names must be set and differ (%q)", errConfig, l.Name)
		}
		seen[l.Name] = true
		if err := l.validate(); err != nil {
			return err
		}
	}
	switch {
	case c.RequestBytesMax < 1<<10:
		return fmt.Errorf("%w: socket.request.max.bytes=%d is below 1024", errConfig, c.RequestBytesMax)
	case c.RequestBudget <= 0:
		return fmt.Errorf("%w: queued.max.request.bytes=%d; the memory for requests must be bounded", errConfig, c.RequestBudget)
	case c.AnswerBudget <= 0:
		return fmt.Errorf("%w: the memory for answers must be bounded", errConfig)
	case c.PipelineMax < 1 || c.StallMax <= 0 || c.DrainMax < 0 || c.FetchSessionsMax < 0:
		return fmt.Errorf("%w: limits must be positive", errConfig)
	}
	return nil
}

func (l *Listener) validate() error {
	host, _, err := net.SplitHostPort(l.Bind)
	if err != nil {
		return fmt.Errorf("%w: listener %s: %w", errConfig, l.Name, err)
	}
	if l.AdvertisedHost != "" {
		host = l.AdvertisedHost
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		return fmt.Errorf("%w: listener %s would advertise %q, which no client can connect to; set advertised.listeners",
			errConfig, l.Name, net.JoinHostPort(host, strconv.Itoa(int(l.AdvertisedPort))))
	}
	return nil
}
