package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// TestBench: each bench does what it says, counts it, and leaves no topic behind.
func TestBench(t *testing.T) {
	for _, b := range []struct {
		args string
		want map[string]int64 // by the table's lines
	}{
		{"produce -n 5000 --clients 2 --partitions 3 --codec lz4", map[string]int64{"written": 5000}},
		{"consume -n 5000 --partitions 3", map[string]int64{"written": 5000, "read": 5000}},
		{"latency -n 500 --rate 1000", map[string]int64{"acknowledged": 500, "received": 500}},
		{"many -n 100 --topics 20 --clients 5", map[string]int64{"topics made": 20, "clients connected": 5, "all topics asked for": 5, "written": 100}},
	} {
		verb, _, _ := strings.Cut(b.args, " ")
		t.Run(verb, func(t *testing.T) {
			var said struct {
				Results []struct {
					What          string
					Count, Errors int64
				}
			}
			ask(t, &said, append([]string{"bench"}, strings.Fields(b.args)...)...)
			if len(said.Results) != len(b.want) {
				t.Errorf("%+v", said.Results)
			}
			for _, r := range said.Results {
				if r.Count != b.want[r.What] || r.Errors != 0 {
					t.Errorf("%s: %d and %d errors, want %d", r.What, r.Count, r.Errors, b.want[r.What])
				}
			}
			testbroker.Eventually(t, 30*time.Second, func() error { // Apache Kafka deletes a little later
				if strings.Contains(run(t, "", "topic", "list"), "mainstem-bench-") {
					return errStillThere
				}
				return nil
			})
		})
	}
}
