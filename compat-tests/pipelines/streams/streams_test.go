package streams

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
	"github.com/mainstem-mq/mainstem/compat-tests/pipelines/tape"
)

const (
	inputPartitions  = 4
	outputPartitions = 2
)

// job is the application at work.
type job struct {
	app    *app
	orders *tape.Load
	output *tape.Tape
}

// more waits until so many orders more were counted, while others are written.
func (j *job) more(t *testing.T, count int) {
	t.Helper()
	j.output.Until(t, j.output.Len()+count, j.app.Alive)
}

// lose has the application lose its state, and begin with the changelog.
func (j *job) lose(t *testing.T) {
	t.Helper()
	j.app.killAndForget(t)
	j.app.start(t)
}

// hasRestored checks that the state came from the changelog.
func (j *job) hasRestored(t *testing.T) {
	t.Helper()
	n := j.app.restored()
	if n == 0 {
		t.Error("nothing was restored from the changelog")
	}
	t.Logf("%d records restored", n)
}

// TestExactlyOnce: the broker and the application die at different times.
func TestExactlyOnce(t *testing.T) {
	for _, run := range []struct {
		name    string
		trouble func(t *testing.T, j *job)
	}{
		{"the broker, then the application", func(t *testing.T, j *job) {
			j.more(t, 1000)
			shared.Restart(t)
			j.more(t, 1000)
			j.lose(t)
			j.more(t, 1000)
			j.hasRestored(t)
		}},
		{"the broker while the application restores", func(t *testing.T, j *job) {
			j.more(t, 3000)
			j.lose(t)
			j.app.says(t, "state REBALANCING")
			shared.Restart(t)
			j.more(t, 1000)
			j.hasRestored(t)
		}},
		{"both, and then in good order", func(t *testing.T, j *job) {
			j.more(t, 500)
			shared.Kill(t)
			j.app.killAndForget(t)
			shared.Restart(t)
			j.app.start(t)
			j.more(t, 500)
			j.hasRestored(t)
			j.app.stop(t)
			j.app.start(t)
			j.more(t, 500)
			if err := shared.Broker().Stop(); err != nil {
				t.Fatal(err)
			}
			shared.Restart(t)
			j.more(t, 500)
		}},
	} {
		t.Run(run.name, func(t *testing.T) {
			testbroker.Quick(t)
			input, output := shared.Topic(t, inputPartitions, nil), shared.Topic(t, outputPartitions, nil)
			j := &job{app: newApp(t, shared.Name(t), input, output), orders: writeOrders(t, input), output: tape.Record(t, shared.Addr(), output)}
			j.app.start(t)
			run.trouble(t, j)
			n := j.orders.Stop(t)
			checkInput(t, input, n)
			j.output.Until(t, n, j.app.Alive)
			j.app.stop(t)
			t.Logf("%d orders", n)
			// One that read all along, and one that comes later.
			for _, records := range [][]*kgo.Record{j.output.Records(), tape.Whole(t, shared.Addr(), output)} {
				all, err := parseBalances(records)
				if err == nil {
					err = check(all, n)
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
}
