package logstash

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
	"github.com/mainstem-mq/mainstem/compat-tests/pipelines/tape"
)

// topic is one of the pipeline's two: what the test writes to it, and which events are
// in it.
type topic struct {
	name    string
	written int
	events  *tape.Numbered
}

// newTopic creates a topic and reads it until the test ends.
func newTopic(t *testing.T) *topic {
	t.Helper()
	name := shared.Topic(t, 3, nil)
	return &topic{name: name, events: tape.RecordNumbered(t, shared.Addr(), name, number)}
}

// event is the text of an event.
func event(n int) string { return fmt.Sprintf("event %d of many, für alle: 東京", n) }

// number is which event a text is.
func number(value []byte) (int, error) {
	var n int
	if _, err := fmt.Sscanf(string(value), "event %d ", &n); err != nil {
		return 0, err
	}
	if string(value) != event(n) {
		return n, fmt.Errorf("this is not event %d", n)
	}
	return n, nil
}

// write sends events.
func (tp *topic) write(t *testing.T, events int) {
	t.Helper()
	records := make([]*kgo.Record, 0, events)
	for range events {
		tp.written++
		records = append(records, &kgo.Record{Topic: tp.name, Value: []byte(event(tp.written))})
	}
	if err := shared.Client(t, kgo.RecordPartitioner(kgo.RoundRobinPartitioner())).ProduceSync(testbroker.Context(t, arrival), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// has waits until the events up to the last are there.
func (tp *topic) has(t *testing.T, last int) {
	t.Helper()
	tp.events.Has(t, 1, last, arrival)
}

// committed checks that a pipeline that ended well has committed all that it read.
func (tp *topic) committed(t *testing.T, group string) {
	t.Helper()
	adm := kadm.NewClient(shared.Client(t))
	ctx := testbroker.Context(t, time.Minute)
	commits, err := adm.FetchOffsets(ctx, group)
	ends, endsErr := adm.ListEndOffsets(ctx, tp.name)
	if err := errors.Join(err, endsErr, ends.Error()); err != nil {
		t.Fatal(err)
	}
	ends.Each(func(end kadm.ListedOffset) {
		if at, _ := commits.Lookup(end.Topic, end.Partition); at.At != end.Offset {
			t.Errorf("partition %d ends at %d, and %d is committed", end.Partition, end.Offset, at.At)
		}
	})
}
