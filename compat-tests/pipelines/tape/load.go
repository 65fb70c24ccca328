package tape

import (
	"context"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Load is records that are written to a topic in the background until Stop, a few at a
// time, each once, however often the broker dies.
type Load struct {
	cancel context.CancelFunc
	ended  chan struct{}
	count  int
	err    error
}

// atOnce is how many records are on the way.
const atOnce = 5

// Write begins to write: record makes the one with a number, from 0.
func Write(t *testing.T, addr, topic string, record func(number int) *kgo.Record) *Load {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.DefaultProduceTopic(topic))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	l := &Load{cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(l.ended)
		defer cl.Close()
		for ctx.Err() == nil && l.err == nil {
			var records []*kgo.Record
			for range atOnce {
				records = append(records, record(l.count))
				l.count++
			}
			// Not with ctx: what was begun is written, however long the broker is away.
			l.err = cl.ProduceSync(context.Background(), records...).FirstErr()
		}
	}()
	t.Cleanup(cancel)
	return l
}

// Stop ends the load, and returns how many records it has written.
func (l *Load) Stop(t *testing.T) int {
	t.Helper()
	l.cancel()
	<-l.ended
	if l.err != nil {
		t.Fatal(l.err)
	}
	return l.count
}
