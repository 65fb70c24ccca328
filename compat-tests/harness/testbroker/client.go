package testbroker

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
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
	ctx := Context(t, time.Minute)
	resp, err := kadm.NewClient(s.Client(t)).CreateTopic(ctx, partitions, 1, set, name)
	if err != nil {
		t.Fatalf("create topic %s: %v %s", name, err, resp.ErrMessage)
	}
	return name
}
