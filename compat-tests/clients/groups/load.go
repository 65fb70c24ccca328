package groups

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// loadEvery is the time between two rounds of a load, of one record for each
// partition: little, as each record is a line of some member.
const loadEvery = 20 * time.Millisecond

// load is what is in the topic: at each offset of a partition what value says.
type load struct {
	w  *world
	cl *kgo.Client
	// stop ends what run began; what was sent then stays as it is.
	stop func()

	mu   sync.Mutex
	ends []int64
}

func (w *world) newLoad() *load {
	w.t.Helper()
	cl := w.shared.Client(w.t, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ClientID("load"),
		kgo.ProducerBatchCompression(kgo.NoCompression())) // KafkaJS has no snappy
	return &load{w: w, cl: cl, ends: make([]int64, w.partitions)}
}

// write writes rounds of one record for each partition; record i of the whole
// partition is of the time at(i), or of now.
func (l *load) write(rounds int, at func(offset int64) time.Time) {
	l.w.t.Helper()
	if err := l.try(rounds, at); err != nil {
		l.w.t.Fatalf("produce: %v", err)
	}
}

func (l *load) try(rounds int, at func(offset int64) time.Time) error {
	next := l.sent()
	var rs []*kgo.Record
	for range rounds {
		for p := range next {
			r := &kgo.Record{Topic: l.w.topic, Partition: int32(p), Value: []byte(value(int32(p), next[p]))}
			if at != nil {
				r.Timestamp = at(next[p])
			}
			rs = append(rs, r)
			next[p]++
		}
	}
	// Not the scenario's context: what was begun must be known to be there or not.
	if err := l.cl.ProduceSync(context.Background(), rs...).FirstErr(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ends = next
	return nil
}

// sent are the ends of the partitions.
func (l *load) sent() []int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.ends)
}

// run writes on and on until stop.
func (l *load) run() {
	ctx, cancel := context.WithCancel(l.w.ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(loadEvery)
		defer tick.Stop()
		for ctx.Err() == nil {
			if err := l.try(1, nil); err != nil {
				l.w.t.Errorf("produce: %v", err)
				return
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	})
	l.stop = func() { cancel(); wg.Wait() }
	l.w.t.Cleanup(l.stop)
}
