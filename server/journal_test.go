package server_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/coordinator"
	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/server"
)

// TestJournal: what was appended is loaded in order, tombstones as such, and a
// barrier comes after all that was appended before it.
func TestJournal(t *testing.T) {
	b := startBroker(t, options{})
	find := kmsg.NewPtrFindCoordinatorRequest()
	find.CoordinatorKey = "g"
	ask[*kmsg.FindCoordinatorResponse](b.dial(), 3, find) // makes the topic
	j := server.NewOffsetsJournal(b.partitions, clock.Real{}, 1)
	const n = 300
	var want []string
	results := make(chan error, n)
	for i := range n {
		key := fmt.Sprint("k", i)
		records := []coordinator.Record{{Key: []byte(key), Value: []byte("v"), Timestamp: int64(i + 1)}, {Key: []byte(key)}}
		want = append(want, key+"=v", key+"=gone")
		j.Append(records, func(err error) { results <- err })
	}
	passed := make(chan error, 1)
	j.Barrier(func(err error) { passed <- err })
	must(t, <-passed)
	if len(results) != n {
		t.Errorf("the barrier came after %d of %d appends", len(results), n)
	}
	for range n {
		must(t, <-results)
	}
	var got []string
	must(t, j.Load(func(r coordinator.Record) error {
		text := string(r.Key) + "=" + string(r.Value)
		if r.Value == nil {
			text += "gone"
		}
		got = append(got, text)
		return nil
	}))
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestJournalWithoutTopic: a shard whose partition is not there loses nothing
// silently.
func TestJournalWithoutTopic(t *testing.T) {
	b := startBroker(t, options{})
	j := server.NewOffsetsJournal(b.partitions, clock.Real{}, 1)
	failed := make(chan error, 1)
	j.Append([]coordinator.Record{{Key: []byte("k")}}, func(err error) { failed <- err })
	if err := <-failed; err == nil {
		t.Error("an append without a partition succeeds")
	}
	if err := j.Load(func(coordinator.Record) error { return nil }); err == nil {
		t.Error("a load without a partition succeeds")
	}
}
