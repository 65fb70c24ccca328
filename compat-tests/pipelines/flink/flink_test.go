package flink

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

// trial is the job at work.
type trial struct {
	*job
	output *tape.Tape
}

// more waits until so many visits more were counted, while others are written.
func (tr *trial) more(t *testing.T, count int) {
	t.Helper()
	tr.output.Until(t, tr.output.Len()+count, tr.Alive)
}

// goesOn has a job that was killed begin at its last checkpoint.
func (tr *trial) goesOn(t *testing.T) {
	t.Helper()
	tr.start(t)
	tr.says(t, "restored", 1)
	if tr.count("fresh") > 0 {
		t.Fatal("a task of the job has begun afresh")
	}
}

// TestExactlyOnce: the job fails, and the broker and the job die at different times.
func TestExactlyOnce(t *testing.T) {
	for _, run := range []struct {
		name    string
		trouble func(t *testing.T, tr *trial)
	}{
		{"the job fails, then the broker dies", func(t *testing.T, tr *trial) {
			tr.more(t, 1000)
			tr.fail(t)
			tr.more(t, 1000)
			shared.Restart(t)
			tr.more(t, 1000)
		}},
		{"the broker dies while the job comes back", func(t *testing.T, tr *trial) {
			tr.more(t, 2000)
			tr.fail(t)
			shared.Restart(t)
			tr.more(t, 500)
			shared.Restart(t)
			tr.fail(t)
			tr.more(t, 500)
		}},
		{"both die, and the job goes on from its checkpoint", func(t *testing.T, tr *trial) {
			tr.more(t, 500)
			shared.Kill(t)
			tr.Kill()
			shared.Restart(t)
			tr.goesOn(t)
			tr.more(t, 500)
			tr.Kill()
			tr.goesOn(t)
			tr.fail(t)
			tr.more(t, 500)
		}},
	} {
		for _, strategy := range []string{"INCREMENTING", "POOLING"} {
			t.Run(run.name+"/"+strategy, func(t *testing.T) {
				testbroker.Quick(t)
				exactlyOnce(t, strategy, run.trouble)
			})
		}
	}
}

// exactlyOnce runs the job through troubles, and checks all it has written.
func exactlyOnce(t *testing.T, strategy string, trouble func(t *testing.T, tr *trial)) {
	t.Helper()
	input, output := shared.Topic(t, inputPartitions, nil), shared.Topic(t, outputPartitions, nil)
	tr := &trial{job: newJob(t, shared.Addr(), input, output, strategy), output: tape.Record(t, shared.Addr(), output)}
	visits := writeVisits(t, input)
	tr.start(t)
	trouble(t, tr)
	n := visits.Stop(t)
	checkInput(t, input, n)
	tr.output.Until(t, n, tr.Alive)
	tr.stop(t)
	checkNothingOpen(t, output)
	t.Logf("%d visits", n)
	// One that read all along, and one that comes later.
	for _, records := range [][]*kgo.Record{tr.output.Records(), tape.Whole(t, shared.Addr(), output)} {
		all, err := parseCounted(records)
		if err == nil {
			err = check(all, n)
		}
		if err != nil {
			t.Error(err)
		}
	}
}
