package testbroker

import (
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
)

// Client is a franz-go client of the broker, which ends with the test.
func (s *Shared) Client(t *testing.T, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(s.Addr()),
		kgo.FetchMaxWait(250 * time.Millisecond),
		kgo.MetadataMinAge(50 * time.Millisecond),
		kgo.RetryTimeout(20 * time.Second),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

// Topic creates a topic of the test's own, and returns its name.
func (s *Shared) Topic(t *testing.T, partitions int32, configs map[string]string) string {
	t.Helper()
	name := s.Name(t)
	set := make(map[string]*string, len(configs))
	for k, v := range configs {
		set[k] = &v
	}
	ctx, adm := Context(t, time.Minute), kadm.NewClient(s.Client(t))
	resp, err := adm.CreateTopic(ctx, partitions, 1, set, name)
	if err != nil {
		t.Fatalf("create topic %s: %v %s", name, err, resp.ErrMessage)
	}
	if s.broker.Target() == harness.Kafka {
		// Its answer comes before its broker knows of the topic: until it leads the
		// partitions, what is sent without asking for an answer is lost.
		Await(ctx, t, "topic "+name, func() error {
			ends, err := adm.ListEndOffsets(ctx, name)
			return errors.Join(err, ends.Error())
		})
	}
	return name
}
