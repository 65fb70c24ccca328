package server

import (
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/telemetry"
)

// followTelemetry makes what takes the metrics that clients push, and has it follow
// the subscriptions of the metadata; nil if the operator wants none.
func followTelemetry(meta cluster.Metadata, s *settings) *telemetry.Telemetry {
	if s.fixed.telemetrySeries == 0 {
		return nil
	}
	t := telemetry.New(telemetry.Config{PushBytesMax: s.fixed.telemetryBytes, SeriesMax: s.fixed.telemetrySeries})
	meta.Subscribe(func(before, after *cluster.Image) {
		if before.MetricsEpoch != after.MetricsEpoch {
			t.Subscribe(after.ClientSubscriptions())
		}
	})
	t.Subscribe(meta.Image().ClientSubscriptions())
	return t
}

// serves reports whether an API of the table is served here.
func (s *Server) serves(k protocol.Key) bool {
	return s.telemetry != nil || k != protocol.KeyGetTelemetrySubscriptions && k != protocol.KeyPushTelemetry
}

// TelemetryCollector is what clients push, for a registry.
func (s *Server) TelemetryCollector() prometheus.Collector {
	if s.telemetry == nil {
		return noMetrics{}
	}
	return s.telemetry.Collector(s.clock.Now)
}

// noMetrics is a prometheus.Collector of nothing.
type noMetrics struct{}

// Describe implements prometheus.Collector.
func (noMetrics) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (noMetrics) Collect(chan<- prometheus.Metric) {}

// telemetryClient is who asks or pushes. The connection remembers for whom: what is
// known of the client between its requests goes with it.
func (c *call) telemetryClient() *telemetry.Client {
	sw := c.conn.software.Load()
	_, port, err := net.SplitHostPort(c.conn.nc.RemoteAddr().String())
	if err != nil {
		port = ""
	}
	return &telemetry.Client{
		ClientID: c.header.ClientID, SoftwareName: sw.name, SoftwareVersion: sw.version, SourceAddress: c.conn.address, SourcePort: port,
	}
}

// forgetInstance is for the end of the connection.
func (c *conn) forgetInstance() {
	if c.instance != (telemetry.ID{}) {
		c.srv.telemetry.Forget(c.instance)
	}
}

// millis is a time on the wire.
func millis(d time.Duration) int32 { return int32(d.Milliseconds()) }
