package flink

import (
	"errors"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
	"github.com/mainstem-mq/mainstem/compat-tests/pipelines/tape"
)

// TestTimeout: a transaction.timeout.ms over the broker's maximum, as Flink's default is
// over Kafka's, ends the job with an error that says so.
func TestTimeout(t *testing.T) {
	testbroker.Quick(t)
	b, err := harness.Start(t.Context(), shared.Broker().Target(), harness.Options{Props: map[string]string{
		"transaction.max.timeout.ms": "599999",
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(b.Stop(), b.Remove()); err != nil {
			t.Error(err)
		}
	})
	makeTopics(t, b.Addr(), "input", "output")
	j := newJob(t, b.Addr(), "input", "output", "INCREMENTING")
	j.command = append(j.command, "restart-strategy.type=disable")
	j.start(t)
	select {
	case <-j.Ended():
	case <-testbroker.Context(t, tape.CatchUp).Done():
		t.Fatal("the job does not end")
	}
	const want = "The transaction timeout is larger than the maximum value allowed by the broker"
	if code, errs := j.State().ExitCode(), j.Errs(); code == 0 || !strings.Contains(errs, want) {
		t.Errorf("the job ended with %d, and did not say %q", code, want)
	}
}

// makeTopics waits until the broker knows them, too: Apache Kafka answers before that.
func makeTopics(t *testing.T, addr string, names ...string) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx, adm := testbroker.Context(t, tape.CatchUp), kadm.NewClient(cl)
	if made, err := adm.CreateTopics(ctx, 1, 1, nil, names...); err != nil || made.Error() != nil {
		t.Fatal(err, made.Error())
	}
	testbroker.Await(ctx, t, "the topics are known", func() error {
		known, err := adm.ListTopics(ctx, names...)
		return errors.Join(err, known.Error())
	})
}
