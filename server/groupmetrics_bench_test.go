package server_test

import (
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/coordinator"
	"github.com/mainstem-mq/mainstem/internal/clock"
)

// manyOffsets is a broker with 500,000 committed offsets: 5,000 groups, each of
// them a few records behind in all 100 partitions of a topic.
func manyOffsets(b *testing.B, wall clock.Clock) *broker {
	b.Helper()
	const groups, partitions = 5000, 100
	br := startBroker(b, options{clock: wall})
	c := br.dial()
	c.createTopic("topic", partitions)
	c.coordinate("group-0")
	for i := range int32(partitions) {
		for range 2 {
			c.produce("topic", i, "a", "b", "c")
		}
	}
	answered := make(chan int16, groups)
	for i := range groups {
		req := commitOf(fmt.Sprintf("group-%d", i), partitions, "")
		for j := range req.Topics[0].Partitions {
			req.Topics[0].Partitions[j].Offset = int64((i + j) % 7)
		}
		br.groups.CommitOffsets(req, coordinator.Caller{}, func(r *kmsg.OffsetCommitResponse) {
			answered <- r.Topics[0].Partitions[partitions-1].ErrorCode
		})
	}
	for range groups {
		if code := <-answered; code != 0 {
			b.Fatalf("code %d", code)
		}
	}
	return br
}

// BenchmarkGroupFigures measures what it takes of CPU to look at all groups of a
// broker with 500,000 committed offsets: by a scrape that finds no figures of a
// moment ago, by one that does, and by a list of the groups.
func BenchmarkGroupFigures(b *testing.B) {
	wall := clock.NewManual(clock.Real{}.Now())
	br := manyOffsets(b, wall)
	reg := prometheus.NewRegistry()
	must(b, reg.Register(br.server.GroupCollector()))
	metrics := promhttp.HandlerFor(reg, promhttp.HandlerOpts{})
	run := func(name string, once func(*httptest.ResponseRecorder)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			before := cpuTime(b)
			for range b.N {
				w := httptest.NewRecorder()
				once(w)
				if w.Code != 200 || w.Body.Len() < 1<<20 {
					b.Fatalf("%d, %d bytes", w.Code, w.Body.Len())
				}
			}
			b.ReportMetric(float64((cpuTime(b)-before).Microseconds())/float64(b.N), "cpu-us/op")
		})
	}
	run("scrape", func(w *httptest.ResponseRecorder) {
		wall.Advance(10 * time.Second)
		metrics.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	})
	run("scrape again", func(w *httptest.ResponseRecorder) {
		metrics.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	})
	run("list", func(w *httptest.ResponseRecorder) {
		br.server.API().ServeHTTP(w, br.apiRequest("GET", "/api/v1/groups", ""))
	})
}
