package everyday

import (
	"testing"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// scenario is one row of the matrix.
type scenario struct {
	name string
	// needs are the features without which it cannot be played.
	needs []Feature
	play  func(*world)
}

func scenarios() []scenario {
	var ss []scenario
	for _, codec := range []Feature{None, Gzip, Snappy, LZ4, Zstd} {
		ss = append(ss, scenario{"codec/" + string(codec), []Feature{codec}, func(w *world) { codecs(w, codec) }})
	}
	return append(
		ss,
		scenario{"tombstones", []Feature{Empty}, tombstones},
		scenario{"timestamps", []Feature{Timestamps, AppendTime}, timestamps},
		scenario{"idempotent", []Feature{Idempotent}, idempotent},
		scenario{"admin/topics", []Feature{Create, List, Delete}, topics},
		scenario{"admin/describe", []Feature{Describe}, describe},
		scenario{"admin/configs", []Feature{Configs}, configs},
		scenario{"admin/alter", []Feature{Alter}, alter},
		scenario{"admin/grow", []Feature{Grow}, grow},
		scenario{"offsets", nil, offsets},
		scenario{"offsets/time", []Feature{ByTime}, offsetsByTime},
		scenario{"resume/classic", []Feature{Classic}, func(w *world) { resume(w, "classic") }},
		scenario{"resume/consumer", []Feature{Consumer}, func(w *world) { resume(w, "consumer") }},
		scenario{"transactions", []Feature{Txn}, transactions},
	)
}

// Play has a client play each scenario. Some kill the broker, so nothing else may use it.
func Play(t *testing.T, shared *testbroker.Shared, c *Client) {
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			for _, f := range s.needs {
				if why, lacks := c.Lacks[f]; lacks {
					t.Skipf("CANNOT: the client has no %s: %s", f, why)
				}
			}
			s.play(newWorld(t, shared, c))
		})
	}
}
