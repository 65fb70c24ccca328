package spark

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/compat-tests/clients/program"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
	"github.com/mainstem-mq/mainstem/compat-tests/pipelines/tape"
)

const partitions = 3

// trial is the job at work.
type trial struct {
	*job
	output *tape.Tape
}

// more waits until so many records more were copied, while others are written.
func (tr *trial) more(t *testing.T, count int) {
	t.Helper()
	tr.output.Until(t, tr.output.Len()+count, tr.Alive)
}

// TestStream: a topic is copied, while the broker and the job die at different times. In
// files each record is once, as Spark promises; in a topic it may come again after a
// crash or a stop, and never otherwise.
func TestStream(t *testing.T) {
	for _, run := range []struct {
		name    string
		exact   bool
		trouble func(t *testing.T, tr *trial)
	}{
		{"nobody dies", true, func(t *testing.T, tr *trial) {
			tr.more(t, 4000)
		}},
		{"the broker, then the job", false, func(t *testing.T, tr *trial) {
			tr.more(t, 1000)
			shared.Restart(t)
			tr.more(t, 1000)
			tr.Kill()
			tr.start(t)
			tr.more(t, 1000)
			tr.stop(t) // in the middle of a batch, too
			tr.start(t)
			tr.more(t, 1000)
		}},
		{"both", false, func(t *testing.T, tr *trial) {
			tr.more(t, 1000)
			shared.Kill(t)
			tr.Kill()
			shared.Restart(t)
			tr.start(t)
			shared.Restart(t)
			tr.more(t, 1000)
		}},
	} {
		t.Run(run.name, func(t *testing.T) {
			testbroker.Quick(t)
			input, output := shared.Topic(t, partitions, nil), shared.Topic(t, 2, nil)
			tr := &trial{job: newJob(t, input, output), output: tape.Record(t, shared.Addr(), output)}
			load := tape.Write(t, shared.Addr(), input, func(number int) *kgo.Record {
				return &kgo.Record{Key: []byte(strconv.Itoa(number % 7)), Value: fmt.Appendf(nil, "value %d", number)}
			})
			tr.start(t)
			run.trouble(t, tr)
			n := load.Stop(t)
			tr.drain(t)
			records := tape.Whole(t, shared.Addr(), input)
			if len(records) != n {
				t.Fatalf("the input has %d records, and %d were written", len(records), n)
			}
			t.Logf("%d records, %d in the output", n, len(tape.Whole(t, shared.Addr(), output)))
			if err := check(records, valuesOf(tape.Whole(t, shared.Addr(), output)), run.exact); err != nil {
				t.Errorf("the topic: %v", err)
			}
			if err := check(records, filed(t, tr.files), true); err != nil {
				t.Errorf("the files: %v", err)
			}
		})
	}
}

// TestBatch: a batch has what was written between two times, and no more.
func TestBatch(t *testing.T) {
	testbroker.Quick(t)
	topic, begun := shared.Topic(t, partitions, nil), time.Now().Add(-time.Hour).Truncate(time.Second)
	client := shared.Client(t, kgo.DefaultProduceTopic(topic), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	var records, between []*kgo.Record
	for i := range 300 {
		r := &kgo.Record{Partition: int32(i % partitions), Timestamp: begun.Add(time.Duration(i) * time.Second), Value: fmt.Appendf(nil, "value %d", i)}
		records = append(records, r)
		if i >= 100 && i < 250 {
			between = append(between, r)
		}
	}
	if err := client.ProduceSync(testbroker.Context(t, time.Minute), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	from, to := begun.Add(100*time.Second).UnixMilli(), begun.Add(250*time.Second).UnixMilli()
	batch := program.NewApp("the batch")
	batch.Start(t, command(t, "batch", shared.Addr(), topic, strconv.FormatInt(from, 10), strconv.FormatInt(to, 10)))
	batch.Ends(t, tape.CatchUp)
	var rows []string
	for _, line := range batch.Said() {
		if row, ok := strings.CutPrefix(line, "row "); ok {
			rows = append(rows, row)
		}
	}
	if err := check(between, rows, true); err != nil {
		t.Error(err)
	}
}
