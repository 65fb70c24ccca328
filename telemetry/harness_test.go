package telemetry

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	metricsv1 "go.opentelemetry.io/proto/otlp/metrics/v1"
	resourcev1 "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/proto"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/internal/pattern"
	"github.com/mainstem-mq/mainstem/protocol"
)

// began is when the tests begin.
var began = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// world is a broker's telemetry with a clock, and one client of it.
type world struct {
	t   *testing.T
	all *Telemetry
	now time.Time
	who Client
	id  ID
}

func newWorld(t *testing.T, cfg Config, subscriptions ...cluster.ClientMetrics) *world {
	t.Helper()
	w := &world{t: t, all: New(cfg), now: began, who: Client{ClientID: "c", SoftwareName: "tester", SoftwareVersion: "1", SourceAddress: "10.0.0.9", SourcePort: "5"}}
	w.all.Subscribe(subscriptions)
	return w
}

var plenty = Config{PushBytesMax: 1 << 20, SeriesMax: 1000}

// everything asks everybody for all metrics, every ten seconds.
func everything() cluster.ClientMetrics {
	return cluster.ClientMetrics{Name: "all", Metrics: []string{"*"}, Interval: 10 * time.Second}
}

func matching(t *testing.T, attribute cluster.ClientAttribute, text string) map[cluster.ClientAttribute]*pattern.Pattern {
	t.Helper()
	p, err := pattern.Compile(text)
	if err != nil {
		t.Fatal(err)
	}
	return map[cluster.ClientAttribute]*pattern.Pattern{attribute: p}
}

func (w *world) pass(d time.Duration) { w.now = w.now.Add(d) }

// get asks, and remembers who it is.
func (w *world) get() (Offer, protocol.ErrorCode) {
	offer, err := w.all.Get(w.id, &w.who, w.now)
	if err != nil {
		return offer, err.Code
	}
	w.id = offer.ID
	return offer, protocol.NoError
}

// push pushes with the subscription that the client has now.
func (w *world) push(metrics ...*metricsv1.Metric) protocol.ErrorCode {
	w.t.Helper()
	return w.send(Push{Metrics: message(w.t, metrics...)})
}

func (w *world) send(p Push) protocol.ErrorCode {
	p.ID = w.id
	plan := planFor(w.all.mu.subscriptions, &w.who, w.id)
	p.SubscriptionID = plan.id
	return w.sendAs(p)
}

func (w *world) sendAs(p Push) protocol.ErrorCode {
	if err := w.all.Push(&p, &w.who, w.now); err != nil {
		return err.Code
	}
	return protocol.NoError
}

// told is what the client may push: it asks first, in a push interval of its own.
func (w *world) told() *world {
	w.t.Helper()
	if _, code := w.get(); code != protocol.NoError {
		w.t.Fatal(code)
	}
	return w
}

// scrape is what prometheus sees of families that begin so, a line each.
func (w *world) scrape(prefix string) []string {
	w.t.Helper()
	return scrape(w.t, w.all, prefix, w.now)
}

func scrape(tb testing.TB, all *Telemetry, prefix string, now time.Time) []string {
	tb.Helper()
	reg := prometheus.NewRegistry()
	reg.MustRegister(all.Collector(func() time.Time { return now }))
	families, err := reg.Gather()
	if err != nil {
		tb.Fatal(err)
	}
	var lines []string
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), prefix) {
			continue
		}
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				if l.GetName() != instanceIDLabel {
					labels = append(labels, l.GetName()+"="+l.GetValue())
				}
			}
			slices.Sort(labels)
			kind, value := "gauge", m.GetGauge().GetValue()
			if m.GetCounter() != nil {
				kind, value = "counter", m.GetCounter().GetValue()
			}
			lines = append(lines, fmt.Sprintf("%s %s %g{%s}", kind, strings.TrimPrefix(f.GetName(), prefix), value, strings.Join(labels, " ")))
		}
	}
	slices.Sort(lines)
	return lines
}

// message is metrics as a client sends them.
func message(tb testing.TB, metrics ...*metricsv1.Metric) []byte {
	tb.Helper()
	b, err := proto.Marshal(&metricsv1.MetricsData{ResourceMetrics: []*metricsv1.ResourceMetrics{{
		Resource:     &resourcev1.Resource{Attributes: attributes("group_id", "g", "client_id", "forged")},
		ScopeMetrics: []*metricsv1.ScopeMetrics{{Metrics: metrics}},
	}}})
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func attributes(pairs ...string) []*commonv1.KeyValue {
	var all []*commonv1.KeyValue
	for i := 0; i < len(pairs); i += 2 {
		all = append(all, &commonv1.KeyValue{Key: pairs[i], Value: &commonv1.AnyValue{Value: &commonv1.AnyValue_StringValue{StringValue: pairs[i+1]}}})
	}
	return all
}

func value(v float64, pairs ...string) *metricsv1.NumberDataPoint {
	return &metricsv1.NumberDataPoint{Attributes: attributes(pairs...), Value: &metricsv1.NumberDataPoint_AsDouble{AsDouble: v}}
}

func gauge(name string, values ...*metricsv1.NumberDataPoint) *metricsv1.Metric {
	return &metricsv1.Metric{Name: name, Data: &metricsv1.Metric_Gauge{Gauge: &metricsv1.Gauge{DataPoints: values}}}
}

func counter(name string, delta bool, values ...*metricsv1.NumberDataPoint) *metricsv1.Metric {
	sum := &metricsv1.Sum{DataPoints: values, IsMonotonic: true, AggregationTemporality: metricsv1.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE}
	if delta {
		sum.AggregationTemporality = metricsv1.AggregationTemporality_AGGREGATION_TEMPORALITY_DELTA
	}
	return &metricsv1.Metric{Name: name, Data: &metricsv1.Metric_Sum{Sum: sum}}
}
