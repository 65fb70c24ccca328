package registry

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// book is what was registered, and must be served.
type book struct {
	schemas map[int]string
	ids     map[string][]int // by subject
	configs map[string]string
}

// register registers schemas, each by another process, and checks the ids: each once,
// and the same again for what is there.
func (b *book) register(t *testing.T, s *service, schemas int) {
	t.Helper()
	for i := range schemas {
		n := s.nodes[i%len(s.nodes)]
		subject := fmt.Sprintf("subject-%d", i%4)
		schema := fmt.Sprintf(`{"type":"record","name":"größe","fields":[],"number":%d}`, len(b.schemas))
		id := n.register(t, subject, schema)
		if id != len(b.schemas)+1 {
			t.Fatalf("the schema after %d others has the id %d", len(b.schemas), id)
		}
		if again := n.register(t, subject, schema); again != id {
			t.Fatalf("the same schema has the ids %d and %d", id, again)
		}
		b.schemas[id] = schema
		b.ids[subject] = append(b.ids[subject], id)
	}
}

// configure changes settings of subjects, again and again, and the last is to stay.
func (b *book) configure(t *testing.T, n *node, times int) {
	t.Helper()
	for i := range times {
		subject, value := fmt.Sprintf("subject-%d", i%4), fmt.Sprintf("LEVEL_%d", len(b.schemas)*1000+i)
		testbroker.Eventually(t, patience, func() error {
			return n.ask(t, http.MethodPut, "/config/"+subject, map[string]string{"compatibility": value}, &struct{}{})
		})
		b.configs[subject] = value
	}
}

// served checks that every process serves all that is in the book, and no more. One that
// has just come must first have read it.
func (b *book) served(t *testing.T, s *service) {
	t.Helper()
	for _, n := range s.nodes {
		testbroker.Eventually(t, patience, func() error {
			subjects := map[string][]int{}
			if err := n.ask(t, http.MethodGet, "/subjects", nil, &subjects); err != nil {
				return err
			}
			if !reflect.DeepEqual(subjects, b.ids) {
				return fmt.Errorf("%s has %v, expected %v", n.url, subjects, b.ids)
			}
			return nil
		})
		for id, want := range b.schemas {
			var got struct{ Schema string }
			if err := n.ask(t, http.MethodGet, fmt.Sprintf("/schemas/ids/%d", id), nil, &got); err != nil || got.Schema != want {
				t.Errorf("schema %d: %q, %v; expected %q", id, got.Schema, err, want)
			}
		}
		for subject, want := range b.configs {
			testbroker.Eventually(t, patience, func() error {
				var got struct{ Compatibility string }
				if err := n.ask(t, http.MethodGet, "/config/"+subject, nil, &got); err != nil || got.Compatibility != want {
					return fmt.Errorf("%s: %s is %q, expected %q (%w)", n.url, subject, got.Compatibility, want, err)
				}
				return nil
			})
		}
	}
}

// TestRegistry: what is registered is served by all while the broker and the leader die.
func TestRegistry(t *testing.T) {
	testbroker.Quick(t)
	topic := shared.Topic(t, 1, map[string]string{
		"cleanup.policy": "compact", "segment.ms": "500", "min.cleanable.dirty.ratio": "0.0", "max.compaction.lag.ms": "1000",
	})
	s := newService(t, topic, 3)
	b := &book{schemas: map[int]string{}, ids: map[string][]int{}, configs: map[string]string{}}
	s.leader(t)
	inGroup(t, s)
	b.register(t, s, 12)
	b.configure(t, s.nodes[0], 40)
	b.served(t, s)

	shared.Kill(t)
	b.served(t, s) // from what they have read
	shared.Restart(t)
	b.register(t, s, 12)
	b.served(t, s)

	first := s.leader(t)
	s.kill(first)
	second := s.leader(t)
	if second == first {
		t.Fatal("the dead process leads")
	}
	b.register(t, s, 12)
	b.configure(t, s.nodes[0], 40)
	s.add(t)
	b.served(t, s)

	// Both at once, and the new ones have nothing but what the topic says after it was compacted.
	compacted(t, topic)
	s.kill(s.leader(t))
	shared.Restart(t)
	s.add(t)
	b.served(t, s)
	s.leader(t)
	inGroup(t, s)
	b.register(t, s, 12)
	b.served(t, s)
}

// inGroup checks what the group is for others.
func inGroup(t *testing.T, s *service) {
	t.Helper()
	groups, err := kadm.NewClient(shared.Client(t)).DescribeGroups(testbroker.Context(t, time.Minute), s.group)
	if err != nil {
		t.Fatal(err)
	}
	g := groups[s.group]
	if g.Err != nil || g.State != "Stable" || g.ProtocolType != "sr" || g.Protocol != "v0" || len(g.Members) != len(s.nodes) {
		t.Errorf("the group: %v, %s, protocol type %q, protocol %q, %d members; expected Stable, sr, v0, %d", g.Err, g.State, g.ProtocolType, g.Protocol, len(g.Members), len(s.nodes))
	}
}

// compacted waits until half of what was written to the topic is gone.
func compacted(t *testing.T, topic string) {
	t.Helper()
	testbroker.Eventually(t, patience, func() error {
		ctx := testbroker.Context(t, time.Minute)
		cl := shared.Client(t, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}))
		defer cl.Close()
		ends, err := kadm.NewClient(cl).ListEndOffsets(ctx, topic)
		if err := errors.Join(err, ends.Error()); err != nil {
			return err
		}
		end, _ := ends.Lookup(topic, 0)
		count := int64(0)
		for at := int64(0); at < end.Offset; {
			cl.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
				count++
				at = r.Offset + 1
			})
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
		if 2*count > end.Offset {
			return fmt.Errorf("%d records of %d are left", count, end.Offset)
		}
		return nil
	})
}
