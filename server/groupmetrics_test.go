package server_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/common/expfmt"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/server"
)

// scrape is what a registry shows of one collector.
func scrape(t *testing.T, c prometheus.Collector) string {
	t.Helper()
	text, err := gather(c)
	must(t, err)
	return text
}

func gather(c prometheus.Collector) (string, error) {
	reg := prometheus.NewPedanticRegistry()
	if err := reg.Register(c); err != nil {
		return "", err
	}
	families, err := reg.Gather()
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&out, f); err != nil {
			return "", err
		}
	}
	return out.String(), nil
}

// series are the lines of a scrape that begin so, in order.
func series(text string, prefixes ...string) string {
	var out []string
	for line := range strings.Lines(text) {
		if slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(line, p) }) {
			out = append(out, line)
		}
	}
	slices.Sort(out)
	return strings.Join(out, "")
}

// TestGroupMetrics: the names and labels that dashboards ask for, also where
// clients chose words that no label may hold; no linter of metrics finds more
// than those names bring.
func TestGroupMetrics(t *testing.T) {
	wall := clock.NewManual(clock.Real{}.Now())
	b := startBroker(t, options{clock: wall})
	c := b.dial()
	collector := b.server.GroupCollector()
	if got := series(scrape(t, collector), "kafka_"); got != "" {
		t.Errorf("before there was anything: %s", got)
	}
	c.createTopic("t", 2)
	c.coordinate("g")
	c.produce("t", 0, "a", "b", "c")
	c.commit("g", "t", 0, 1)
	c.commit("g", "t", 1, 0)
	c.commit("\xff\x00\u00fc\n", "t", 0, 3)
	c.commit("\u00fc\n", "t", 0, 3)
	if got := series(scrape(t, collector), "kafka_"); got != "" {
		t.Errorf("figures of a moment ago were not kept: %s", got)
	}
	wall.Advance(6 * time.Second)
	text := scrape(t, collector)
	id := b.meta.Image().ClusterID
	want := strings.ReplaceAll(`kafka_consumergroup_current_offset_sum{consumergroup="g",topic="t"} 1
kafka_consumergroup_current_offset{consumergroup="g",topic="t",partition="0"} 1
kafka_consumergroup_current_offset{consumergroup="g",topic="t",partition="1"} 0
kafka_consumergroup_group_lag{client_id="",cluster_name="ID",consumer_id="",group="g",member_host="",partition="0",topic="t"} 2
kafka_consumergroup_group_lag{client_id="",cluster_name="ID",consumer_id="",group="g",member_host="",partition="1",topic="t"} 0
kafka_consumergroup_group_max_lag{cluster_name="ID",group="g"} 2
kafka_consumergroup_group_sum_lag{cluster_name="ID",group="g"} 2
kafka_consumergroup_group_topic_sum_lag{cluster_name="ID",group="g",topic="t"} 2
kafka_consumergroup_lag_sum{consumergroup="g",topic="t"} 2
kafka_consumergroup_lag{consumergroup="g",partition="0",topic="t"} 2
kafka_consumergroup_lag{consumergroup="g",partition="1",topic="t"} 0
kafka_consumergroup_members{consumergroup="\\xff\\x00\\u00fc\\n"} 0
kafka_consumergroup_members{consumergroup="g"} 0
kafka_consumergroup_members{consumergroup="ü\n"} 0
kafka_topic_partition_current_offset{partition="0",topic="t"} 3
kafka_topic_partition_current_offset{partition="1",topic="t"} 0
kafka_topic_partition_oldest_offset{partition="0",topic="t"} 0
kafka_topic_partition_oldest_offset{partition="1",topic="t"} 0
mainstem_group_commits_total 4
mainstem_group_offsets 4
mainstem_group_series_truncated 0
mainstem_group_shards_loaded 4
mainstem_groups{kind="classic",state="Empty"} 3
`, "ID", id)
	want = strings.ReplaceAll(want, `topic="t",partition="0"}`, `partition="0",topic="t"}`)
	want = strings.ReplaceAll(want, `topic="t",partition="1"}`, `partition="1",topic="t"}`)
	for line := range strings.Lines(want) {
		if !strings.Contains(text, line) {
			t.Errorf("missing: %s", line)
		}
	}
	for line := range strings.Lines(series(text, "kafka_consumergroup_group_lag_seconds{")) {
		if behind := strings.Contains(line, `group="g"`) && strings.Contains(line, `partition="0"`); behind == strings.HasSuffix(line, " 0\n") {
			t.Errorf("%s", line)
		}
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	must(t, err)
	for _, p := range problems {
		// The exporter whose dashboards these are for calls its sums so.
		if strings.HasSuffix(p.Metric, "_sum") && strings.Contains(p.Text, `"_sum"`) {
			continue
		}
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	if t.Failed() {
		t.Log(text)
	}
}

// TestGroupMetricsOfMembers: who was given a partition is in the labels.
func TestGroupMetricsOfMembers(t *testing.T) {
	b := startBroker(t, options{})
	c := b.dial()
	c.createTopic("t", 1)
	c.produce("t", 0, "a")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cl := newKgo(t, b, kgo.ClientID("app\xff"), kgo.ConsumeTopics("t"), kgo.ConsumerGroup("g"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	poll(ctx, t, cl, map[string]int{}, 1)
	must(t, cl.CommitUncommittedOffsets(ctx))
	text := scrape(t, b.server.GroupCollector())
	line := series(text, "kafka_consumergroup_group_offset{")
	if !strings.Contains(line, `client_id="app\\xff"`) || !strings.Contains(line, `member_host="/127.0.0.1"`) || !strings.HasSuffix(line, " 1\n") {
		t.Errorf("%s", line)
	}
	for _, want := range []string{`kafka_consumergroup_members{consumergroup="g"} 1`, `mainstem_groups{kind="classic",state="Stable"} 1`, "mainstem_group_rebalances_total 1"} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("missing: %s", want)
		}
	}
}

// TestGroupMetricsBounded: of what is too much only the sums are left, and that
// is said; no seconds of lag are shown that were not looked for.
func TestGroupMetricsBounded(t *testing.T) {
	b := startBroker(t, options{})
	c := b.dial()
	c.createTopic("t", 3)
	c.createTopic("u", 3)
	c.coordinate("a")
	for _, group := range []string{"a", "b", "c", "d", "e"} {
		c.commit(group, "t", 0, 0)
		c.commit(group, "u", 1, 0)
	}
	for _, tc := range []struct{ most, partitions, topics, groups, measured, ends int }{
		{10, 10, 10, 5, 5, 6}, {9, 8, 8, 5, 4, 6}, {4, 4, 4, 4, 2, 4}, {1, 0, 0, 1, 0, 1},
	} {
		text := scrape(t, server.GroupCollector(b.server, tc.most))
		count := func(name string) int { return strings.Count(series(text, name+"{"), "\n") }
		got := []int{
			count("kafka_consumergroup_lag"), count("kafka_consumergroup_group_lag_seconds"), count("kafka_consumergroup_lag_sum"),
			count("kafka_consumergroup_members"), count("kafka_consumergroup_group_sum_lag"), count("kafka_consumergroup_group_max_lag_seconds"),
			count("kafka_topic_partition_current_offset"),
		}
		if d := cmp.Diff([]int{tc.partitions, tc.partitions, tc.topics, tc.groups, tc.groups, tc.measured, tc.ends}, got); d != "" {
			t.Errorf("at most %d: (-want +got)\n%s", tc.most, d)
		}
		truncated := "0\n"
		if tc.most < 10 {
			truncated = "1\n"
		}
		if line := series(text, "mainstem_group_series_truncated"); !strings.HasSuffix(line, truncated) {
			t.Errorf("at most %d: %s", tc.most, line)
		}
	}
}

// TestGroupMetricsOfLongNames: what clients call themselves makes no scrape large,
// and groups whose names differ at the end only, or in what is not UTF-8, stay two.
func TestGroupMetricsOfLongNames(t *testing.T) {
	b := startBroker(t, options{})
	c := b.dial()
	c.createTopic("t", 1)
	c.coordinate("g")
	long, odd := strings.Repeat("\u00fc", 15_000), strings.Repeat("\xff", 30_000)
	groups := []string{long + "1", long + "2", odd + "1", odd + "2", strings.Repeat("x", 256), strings.Repeat("\xff", 100)}
	for _, group := range groups {
		c.commit(group, "t", 0, 0)
	}
	text := series(scrape(t, b.server.GroupCollector()), "kafka_consumergroup")
	if n := strings.Count(text, "kafka_consumergroup_members{"); n != len(groups) || strings.Count(text, strings.Repeat("x", 256)+`"`) == 0 {
		t.Errorf("%d groups, want %d", n, len(groups))
	}
	for line := range strings.Lines(text) {
		if len(line) > 800 { // \ is two bytes there
			t.Errorf("%d bytes: %s", len(line), line)
		}
	}
}

// TestGroupMetricsOnASlowDisk: a scrape waits a second for the coordinator, and
// then shows what it knew before. Who asks over HTTP is told so after a while.
func TestGroupMetricsOnASlowDisk(t *testing.T) {
	var mu sync.Mutex
	var stalled chan struct{} // syncs wait for it
	stall := func(c chan struct{}) {
		mu.Lock()
		defer mu.Unlock()
		stalled = c
	}
	wall := clock.NewManual(clock.Real{}.Now())
	b := startBroker(t, options{clock: wall, hook: func(op vfs.Op) error {
		mu.Lock()
		c := stalled
		mu.Unlock()
		if c != nil && op.Kind == vfs.KindSync {
			<-c
		}
		return nil
	}})
	c := b.dial()
	c.createTopic("t", 1)
	c.coordinate("g")
	c.commit("g", "t", 0, 0)
	collector := b.server.GroupCollector()
	const known = `kafka_consumergroup_current_offset{consumergroup="g",partition="0",topic="t"} 0` + "\n"
	if got := series(scrape(t, collector), "kafka_consumergroup_current_offset{"); got != known {
		t.Fatalf("%q", got)
	}
	wall.Advance(6 * time.Second)
	gate := make(chan struct{})
	stall(gate)
	release := sync.OnceFunc(func() { stall(nil); close(gate) })
	t.Cleanup(release) // before the broker closes
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Version, req.Group, req.Generation = 8, "g", -1
	part := kmsg.NewOffsetCommitRequestTopicPartition()
	req.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: "t", Partitions: []kmsg.OffsetCommitRequestTopicPartition{part}}}
	before := b.groups.Metrics().Commits
	c.send(req)
	until(t, "the commit has reached its shard", func() bool { return b.groups.Metrics().Commits > before }, func() {})

	shown := make(chan struct{})
	var text string
	var failed error
	go func() {
		defer close(shown)
		text, failed = gather(collector)
	}()
	until(t, "the scrape ends", func() bool {
		select {
		case <-shown:
			return true
		default:
			return false
		}
	}, func() { wall.Advance(100 * time.Millisecond) })
	must(t, failed)
	if got := series(text, "kafka_consumergroup_current_offset{"); got != known {
		t.Errorf("%q", got)
	}
	answer, r := httptest.NewRecorder(), b.apiRequest("GET", "/api/v1/groups/g", "")
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		b.server.API().ServeHTTP(answer, r)
	}()
	until(t, "the request ends", func() bool {
		select {
		case <-asked:
			return true
		default:
			return false
		}
	}, func() { wall.Advance(time.Second) })
	if body := answer.Body.String(); answer.Code != http.StatusServiceUnavailable || !strings.Contains(body, "REQUEST_TIMED_OUT") ||
		!strings.Contains(body, "is the disk slow?") && !strings.Contains(body, "who asked is gone") { // the clock runs, whoever is first

		t.Errorf("%d %s", answer.Code, body)
	}
	release()
}
