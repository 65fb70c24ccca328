package server_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"github.com/twmb/franz-go/pkg/kmsg"
	metricsv1 "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/proto"

	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/protocol"
)

// pushed is what a scrape shows of the metrics of clients.
func (b *broker) pushed() string {
	b.tb.Helper()
	reg := prometheus.NewRegistry()
	reg.MustRegister(b.server.TelemetryCollector(), b.server.Collector())
	families, err := reg.Gather()
	must(b.tb, err)
	var out bytes.Buffer
	for _, f := range families {
		_, err := expfmt.MetricFamilyToText(&out, f)
		must(b.tb, err)
	}
	return series(out.String(), "mainstem_client_")
}

// subscribe sets the configs of a subscription.
func (c *client) subscribe(name string, configs ...string) {
	c.tb.Helper()
	for i := 0; i < len(configs); i += 2 {
		if code := c.setConfig(kmsg.ConfigResourceTypeClientMetrics, name, configs[i], &configs[i+1]); code != protocol.NoError {
			c.tb.Fatalf("%s of %s: %s", configs[i], name, code)
		}
	}
}

func (c *client) subscriptions(id [16]byte) *kmsg.GetTelemetrySubscriptionsResponse {
	c.tb.Helper()
	req := kmsg.NewPtrGetTelemetrySubscriptionsRequest()
	req.ClientInstanceID = id
	return ask[*kmsg.GetTelemetrySubscriptionsResponse](c, 0, req)
}

// push pushes one gauge, so many times.
func (c *client) push(of *kmsg.GetTelemetrySubscriptionsResponse, name string, times int) protocol.ErrorCode {
	c.tb.Helper()
	one := &metricsv1.Metric{Name: name, Data: &metricsv1.Metric_Gauge{Gauge: &metricsv1.Gauge{
		DataPoints: []*metricsv1.NumberDataPoint{{Value: &metricsv1.NumberDataPoint_AsInt{AsInt: 7}}},
	}}}
	data := &metricsv1.MetricsData{ResourceMetrics: []*metricsv1.ResourceMetrics{{ScopeMetrics: []*metricsv1.ScopeMetrics{{}}}}}
	for range times {
		scope := data.ResourceMetrics[0].ScopeMetrics[0]
		scope.Metrics = append(scope.Metrics, one)
	}
	body, err := proto.Marshal(data)
	must(c.tb, err)
	req := kmsg.NewPtrPushTelemetryRequest()
	req.ClientInstanceID, req.SubscriptionID, req.Metrics = of.ClientInstanceID, of.SubscriptionID, body
	return protocol.ErrorCode(ask[*kmsg.PushTelemetryResponse](c, 0, req).ErrorCode)
}

// TestClientMetrics: clients are asked for what is set, from the next request on, and
// what they push is shown.
func TestClientMetrics(t *testing.T) {
	wall := clock.NewManual(time.Unix(1_700_000_000, 0))
	b := startBroker(t, options{clock: wall, static: map[string]string{"telemetry.max.bytes": "100000"}})
	admin, c := b.dial(), b.named("orders")
	version := newApiVersions()
	ask[*kmsg.ApiVersionsResponse](c, 3, version)
	first := c.subscriptions([16]byte{})
	if first.ErrorCode != 0 || first.ClientInstanceID == [16]byte{} || len(first.RequestedMetrics) != 0 || first.PushIntervalMillis != 300000 ||
		first.TelemetryMaxBytes != 100000 || first.DeltaTemporality || len(first.AcceptedCompressionTypes) != 4 {
		t.Errorf("without subscriptions: %+v", first)
	}
	admin.subscribe("s", "metrics", "org.apache.kafka.producer.,x", "interval.ms", "10000", "match", "client_id=ord.*,client_software_name=tester")
	if code := c.push(first, "x", 1); code != protocol.UnknownSubscriptionID {
		t.Errorf("a push for old subscriptions: %s", code)
	}
	got := c.subscriptions(first.ClientInstanceID)
	if got.ErrorCode != 0 || got.ClientInstanceID != first.ClientInstanceID || strings.Join(got.RequestedMetrics, " ") != "org.apache.kafka.producer. x" || got.PushIntervalMillis != 10000 {
		t.Errorf("after a change: %+v", got)
	}
	if code := c.push(got, "org.apache.kafka.producer.it", 1); code != protocol.NoError {
		t.Errorf("the first push: %s", code)
	}
	if code := c.push(got, "x", 1); code != protocol.ThrottlingQuotaExceeded {
		t.Errorf("the second push at once: %s", code)
	}
	wall.Advance(10 * time.Second)
	// More than fits a connection's own buffer, and than what its memory is not counted for.
	if code := c.push(got, "xyz", 4500); code != protocol.NoError {
		t.Errorf("a large push: %s", code)
	}
	wall.Advance(10 * time.Second)
	if code := c.push(got, "xyz", 20000); code != protocol.TelemetryTooLarge {
		t.Errorf("one that is too large: %s", code)
	}
	text := b.pushed()
	for _, want := range []string{`mainstem_client_producer_it{client_id="orders",client_instance_id="`, `mainstem_client_xyz{client_id="orders",client_instance_id="`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	// Of another connection of the client nothing is known but what was pushed.
	again := b.named("orders")
	ask[*kmsg.ApiVersionsResponse](again, 3, version)
	must(t, c.conn.Close())
	stranger := b.named("payments")
	ask[*kmsg.ApiVersionsResponse](stranger, 3, version)
	if got := stranger.subscriptions([16]byte{}); len(got.RequestedMetrics) != 0 {
		t.Errorf("a client that is not meant is asked for %v", got.RequestedMetrics)
	}
	admin.subscribe("s", "interval.ms", "1000")
	if got := again.subscriptions(first.ClientInstanceID); got.ErrorCode != 0 || got.PushIntervalMillis != 1000 {
		t.Errorf("another connection of the client: %+v", got)
	}
}

// TestNoClientMetrics: an operator who wants none has none.
func TestNoClientMetrics(t *testing.T) {
	b := startBroker(t, options{static: map[string]string{"mainstem.telemetry.series.max": "0"}})
	for _, k := range advertised(b.dial()) {
		if key := protocol.Key(k.ApiKey); key == protocol.KeyGetTelemetrySubscriptions || key == protocol.KeyPushTelemetry {
			t.Errorf("%s is advertised", key)
		}
	}
	if got := b.pushed(); got != "" {
		t.Error(got)
	}
	b.dial().subscribe("s", "metrics", "*") // It can be set all the same.
}
