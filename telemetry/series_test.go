package telemetry

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metricsv1 "go.opentelemetry.io/proto/otlp/metrics/v1"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/protocol"
)

// must pushes what has to be taken, in time.
func (w *world) must(metrics ...*metricsv1.Metric) {
	w.t.Helper()
	w.pass(time.Minute)
	if code := w.push(metrics...); code != protocol.NoError {
		w.t.Fatal(code)
	}
}

// dropped counts what was not kept, by why.
func (w *world) dropped() string {
	w.t.Helper()
	var all []string
	for _, line := range w.scrape("mainstem_telemetry_points_dropped_total") {
		if !strings.HasPrefix(line, "counter  0{") {
			all = append(all, strings.TrimPrefix(line, "counter  "))
		}
	}
	return strings.Join(all, " ")
}

// TestNames: what clients push is shown by names and labels that prometheus takes,
// each family of one type, and none is the broker's.
func TestNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plenty, everything()).told()
	w.must(
		gauge("org.apache.kafka.producer.record.queue.time.avg", value(1.5)),
		counter("org.apache.kafka.producer.node.request.latency.total", false, value(3, "node.id", "1"), value(4, "node.id", "2")),
		counter("made.by-hand", false, value(5)),
		gauge("made.total", value(6)),
		counter("made", false, value(7)),
		gauge("ünï code", value(8, "ü", "x", "9", "y", "__name__", "z")),
		gauge("requests_total", value(9, "client_id", "another", "client_instance_id", "1", "empty", "")),
		gauge("nan", value(math.NaN())),
	)
	want := []string{
		"counter made_by_hand_total 5{client_id=c}",
		"counter made_total 7{client_id=c}",
		"counter producer_node_request_latency_total 3{client_id=c node_id=1}",
		"counter producer_node_request_latency_total 4{client_id=c node_id=2}",
		"gauge _n__code 8{client_id=c name__=z pushed_9=y pushed_=x}",
		"gauge made_total_value 6{client_id=c}",
		"gauge nan NaN{client_id=c}",
		"gauge producer_record_queue_time_avg 1.5{client_id=c}",
		"gauge requests_total_value 9{client_id=c pushed_client_id=another}",
	}
	// The label of the instance is not shown here, and there is another that only looks like it.
	got := w.scrape(familyPrefix)
	for i := range got {
		got[i] = strings.ReplaceAll(got[i], " pushed_client_instance_id=1", "")
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	want = []string{"gauge  1{client_id=c client_software_name=tester client_software_version=1 client_source_address=10.0.0.9 group_id=g pushed_client_id=forged}"}
	if d := cmp.Diff(want, w.scrape("mainstem_telemetry_client_info")); d != "" {
		t.Error(d)
	}
	if got := w.dropped(); got != "" {
		t.Error(got)
	}
}

// TestDropped: what is not kept is counted by why, and does no harm to the rest.
func TestDropped(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plenty, cluster.ClientMetrics{Metrics: []string{"a.", "b"}, Interval: time.Second}).told()
	long := strings.Repeat("x", 257)
	many := make([]string, 2*(labelsMax+1))
	for i := range many {
		many[i] = fmt.Sprint("k", i)
	}
	w.must(
		gauge("c", value(1), value(2, "k", "v")),
		gauge("ab", value(1)),
		gauge("a."+long, value(1)),
		gauge("a.labels", value(1, "k", long), value(2, long, "v"), value(3, many...), value(4, "k.", "1", "k-", "2"), value(5, "k", "v")),
		counter("b.sums", true, value(math.NaN()), value(math.Inf(1))),
		&metricsv1.Metric{Name: "a.histogram", Data: &metricsv1.Metric_Histogram{Histogram: &metricsv1.Histogram{DataPoints: make([]*metricsv1.HistogramDataPoint, 2)}}},
		gauge("a.nothing", &metricsv1.NumberDataPoint{}),
		gauge("a.flag", &metricsv1.NumberDataPoint{Flags: 1}),
	)
	if d := cmp.Diff([]string{"gauge a_labels 5{client_id=c k=v}"}, w.scrape(familyPrefix)); d != "" {
		t.Error(d)
	}
	if got, want := w.dropped(), "3{why=not_subscribed} 3{why=type} 7{why=form}"; got != want {
		t.Errorf("dropped %s, want %s", got, want)
	}
}

// TestSums: counters that clients send as what was added are added up, the others
// stand as they are sent.
func TestSums(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plenty, everything()).told()
	for _, v := range []float64{5, 0, 7} {
		w.must(counter("added", true, value(v)), counter("whole", false, value(v)), gauge("g", value(v)))
	}
	want := []string{"counter added_total 12{client_id=c}", "counter whole_total 7{client_id=c}", "gauge g 7{client_id=c}"}
	if d := cmp.Diff(want, w.scrape(familyPrefix)); d != "" {
		t.Error(d)
	}
}

// TestExpiry: what is not pushed again goes, after three pushes that did not come.
func TestExpiry(t *testing.T) {
	t.Parallel()
	hourly := everything()
	hourly.Interval = time.Hour
	w := newWorld(t, plenty, hourly).told()
	w.must(gauge("a", value(1)), gauge("b", value(1)))
	w.pass(2 * time.Hour)
	w.must(gauge("b", value(2)))
	if got := w.scrape(familyPrefix); len(got) != 2 {
		t.Error(got)
	}
	w.pass(time.Hour)
	if d := cmp.Diff([]string{"gauge b 2{client_id=c}"}, w.scrape(familyPrefix)); d != "" {
		t.Error(d)
	}
	w.all.Forget(w.id) // Its connection ended, and yet the next scrape has it.
	if got := w.scrape(familyPrefix); len(got) != 1 {
		t.Error(got)
	}
	w.pass(3 * time.Hour)
	for _, name := range []string{familyPrefix, "mainstem_telemetry_client_info"} {
		if got := w.scrape(name); len(got) != 0 {
			t.Error(got)
		}
	}
	k := &w.all.mu.kept
	if k.count != 0 || k.bytes != 0 || len(k.clients) != 0 {
		t.Errorf("%d series, %d bytes, %d clients are left", k.count, k.bytes, len(k.clients))
	}
}

// TestBounds: one client has its share, all together have what there is, and what
// expires makes room.
func TestBounds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Config{PushBytesMax: 1 << 20, SeriesMax: 40}, everything())
	w.who.ClientID = strings.Repeat("ü", 300) + "\xff"
	var ten []*metricsv1.Metric
	for i := range 11 {
		ten = append(ten, gauge(fmt.Sprint("g", i), value(1)))
	}
	for range 5 {
		w.id = ID{}
		w.told()
		w.must(ten...)
		w.now = began
	}
	if got, want := w.dropped(), "11{why=limit} 4{why=client_limit}"; got != want {
		t.Errorf("dropped %s, want %s", got, want)
	}
	if got := w.scrape(familyPrefix); len(got) != 40 {
		t.Errorf("%d series", len(got))
	}
	w.pass(10 * time.Minute)
	w.must(ten...)
	if got := w.scrape(familyPrefix); len(got) != 10 {
		t.Errorf("%d series after the others expired", len(got))
	}

	w = newWorld(t, Config{PushBytesMax: 1 << 20, SeriesMax: 40}, everything()).told()
	var wide []*metricsv1.Metric
	for i := range 10 {
		var pairs []string
		for j := range labelsMax {
			pairs = append(pairs, fmt.Sprint("k", j), strings.Repeat("v", labelBytesMax))
		}
		wide = append(wide, gauge(fmt.Sprint("g", i), value(1, pairs...)))
	}
	w.must(wide...)
	if got := len(w.scrape(familyPrefix)); got == 0 || got == 10 || w.all.mu.kept.bytes > 40*seriesBytes {
		t.Errorf("%d series of %d bytes", got, w.all.mu.kept.bytes)
	}
}
