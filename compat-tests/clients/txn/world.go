package txn

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
	"github.com/mainstem-mq/mainstem/compat-tests/observe"
)

const (
	// scenarioTime bounds one scenario.
	scenarioTime = 4 * time.Minute
	// sessionTimeout is how long a broker takes to miss a crashed member.
	sessionTimeout = 6 * time.Second
	partitions     = 3
)

// world is a client's scenario: its workers, and what is asked beside them.
type world struct {
	t       *testing.T
	ctx     context.Context // ends with the scenario's time
	shared  *testbroker.Shared
	client  Client
	command []string
	env     []string
	kgo     *kgo.Client
	adm     *kadm.Client
	workers int
}

func newWorld(t *testing.T, shared *testbroker.Shared, c Client) *world {
	t.Helper()
	testbroker.Quick(t)
	command, env := c.Program(t)
	// Uncompressed, as not every client brings every codec.
	cl := shared.Client(t, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.NoCompression()))
	return &world{
		t: t, ctx: testbroker.Context(t, scenarioTime), shared: shared, client: c, command: command, env: env,
		kgo: cl, adm: kadm.NewClient(cl),
	}
}

func (w *world) topic() string { return w.shared.Topic(w.t, partitions, nil) }

// start starts a worker with a transactional id.
func (w *world) start(id string, timeout time.Duration, more ...string) *worker {
	w.t.Helper()
	argv := append(slices.Clone(w.command), "bootstrap="+w.shared.Addr(), "id="+id, fmt.Sprint("timeout=", timeout.Milliseconds()))
	w.workers++
	return startWorker(w.t, fmt.Sprintf("worker %d, %s", w.workers, id), append(argv, more...), w.env)
}

// await waits until there is no error.
func (w *world) await(what string, try func() error) {
	w.t.Helper()
	testbroker.Await(w.ctx, w.t, what, try)
}

// open are the partitions whose last stable offset is below their end.
func (w *world) open(topic string) (ps []int32, err error) {
	stable, ends, err := observe.Offsets(w.ctx, w.adm, topic, partitions)
	for p := range stable {
		if stable[p] > ends[p] {
			return nil, fmt.Errorf("partition %d: stable offset %d, end %d", p, stable[p], ends[p])
		}
		if stable[p] < ends[p] {
			ps = append(ps, int32(p))
		}
	}
	return ps, err
}

// awaitOpen waits until just these partitions have a transaction that is open.
func (w *world) awaitOpen(what, topic string, want ...int32) {
	w.t.Helper()
	w.await(what, func() error {
		got, err := w.open(topic)
		if err == nil && !slices.Equal(got, want) {
			err = fmt.Errorf("open in partitions %v, want %v", got, want)
		}
		return err
	})
}

// produce writes plain records.
func (w *world) produce(topic string, partition int32, values ...string) {
	w.t.Helper()
	rs := make([]*kgo.Record, len(values))
	for i, v := range values {
		rs[i] = &kgo.Record{Topic: topic, Partition: partition, Value: []byte(v)}
	}
	if err := w.kgo.ProduceSync(w.ctx, rs...).FirstErr(); err != nil {
		w.t.Fatalf("produce to %s: %v", topic, err)
	}
}

// judge ends the topic and has the client read it at both levels.
func (w *world) judge(topic string, l *ledger, levels ...string) {
	w.t.Helper()
	for p := range int32(partitions) {
		w.produce(topic, p, end)
	}
	reader := w.start(w.shared.Name(w.t), time.Minute)
	for _, level := range levels {
		if err := l.judge(reader.must("read", topic, level, partitions).Records, level == committed); err != nil {
			w.t.Errorf("read %s: %v", level, err)
		}
	}
}

// The levels of read.
const (
	committed   = "committed"
	uncommitted = "uncommitted"
)
