package server_test

import (
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/coordinator"
	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/log"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/replication"
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
	must(t, j.Load(func(coordinator.Record) error { return nil }))
	const n = 300
	var want []string
	results := make(chan error, n)
	topic := model.TopicID{1, 15: 9}
	for i := range n {
		key := fmt.Sprint("k", i)
		records := []coordinator.Record{{Key: []byte(key), Value: []byte("v"), Timestamp: int64(i + 1), Topic: topic}, {Key: []byte(key)}}
		want = append(want, key+"=v of "+topic.String(), key+"=gone")
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
		if !r.Topic.IsZero() {
			text += " of " + r.Topic.String()
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

// TestJournalFailsWhatFollowsAFailure: an append that comes between the failure
// of an earlier one and the report of it was built on state that is lost.
func TestJournalFailsWhatFollowsAFailure(t *testing.T) {
	var failing atomic.Bool
	reached, release := make(chan struct{}, 1), make(chan struct{})
	partitions := partitionsOn(t, vfs.NewFault(vfs.NewMem(), func(op vfs.Op) error {
		if op.Kind != vfs.KindWrite || !failing.CompareAndSwap(true, false) {
			return nil
		}
		reached <- struct{}{}
		<-release
		return errors.New("an error of the test's disk")
	}), dataDir, 1)
	p, perr := partitions.Find(cluster.OffsetsTopic, 0)
	if perr != nil {
		t.Fatal(perr)
	}
	j := server.NewOffsetsJournal(partitions, clock.Real{}, 0)
	nothing := func(coordinator.Record) error { return nil }
	must(t, j.Load(nothing))
	record := func(key string) []coordinator.Record {
		return []coordinator.Record{{Key: []byte(key), Value: []byte("v")}}
	}
	first, second, other := make(chan error, 1), make(chan error, 1), make(chan *protocol.Error, 1)
	failing.Store(true)
	// A client's batch fails first; while that is told, the journal's own
	// failure has not been.
	p.Append(replication.AppendRequest{Batch: batchOf(t, "x")}, func(r replication.AppendResult) {
		j.Append(record("second"), func(err error) { second <- err })
		other <- r.Err
	})
	<-reached
	j.Append(record("first"), func(err error) { first <- err })
	close(release)
	if err := <-other; err == nil {
		t.Fatal("the write did not fail")
	}
	if err := <-first; err == nil {
		t.Error("the append whose write failed succeeds")
	}
	if err := <-second; err == nil {
		t.Error("what was appended after the failure succeeds")
	}
	var keys []string
	must(t, j.Load(func(r coordinator.Record) error {
		keys = append(keys, string(r.Key))
		return nil
	}))
	if len(keys) != 0 {
		t.Errorf("the journal holds %v", keys)
	}
	j.Append(record("third"), func(err error) { first <- err })
	must(t, <-first)
}

// TestJournalAppendMemory: a batch is made in one piece of memory, about its size.
func TestJournalAppendMemory(t *testing.T) {
	j := server.NewOffsetsJournal(partitionsOn(t, vfs.OS{}, t.TempDir(), 1), clock.Real{}, 0)
	must(t, j.Load(func(coordinator.Record) error { return nil }))
	records := make([]coordinator.Record, 5000)
	size := 0
	for i := range records {
		records[i] = coordinator.Record{Key: fmt.Appendf(nil, "key %032d", i), Value: make([]byte, 1000), Timestamp: int64(i), Topic: model.TopicID{1}}
		size += len(records[i].Key) + len(records[i].Value)
	}
	ended := make(chan error, 1)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	j.Append(records, func(err error) { ended <- err })
	must(t, <-ended)
	runtime.ReadMemStats(&after)
	if took := int(after.TotalAlloc - before.TotalAlloc); took > size+size/2 {
		t.Errorf("%d bytes of records took %d", size, took)
	}
}

// partitionsOn opens metadata with the coordinator's topic, and a log, in a
// directory.
func partitionsOn(tb testing.TB, fs vfs.FS, dir string, shards int32) *replication.Partitions {
	tb.Helper()
	partitions, _ := dataOn(tb, fs, dir, shards)
	return partitions
}

// dataOn is partitionsOn for who needs the metadata, too.
func dataOn(tb testing.TB, fs vfs.FS, dir string, shards int32) (*replication.Partitions, *cluster.Journal) {
	tb.Helper()
	must(tb, fs.MkdirAll(dir))
	meta, err := cluster.Open(fs, dir, cluster.Options{NodeID: 1})
	must(tb, err)
	l, _, err := log.Open(log.Config{SegmentBytes: 64 << 20}, log.Env{
		FS: fs, Dir: dir, Clock: clock.Real{},
		Standing: func(id model.PartitionID) log.Standing { return log.Standing(meta.Standing(id)) },
	})
	must(tb, err)
	tb.Cleanup(func() {
		must(tb, l.Close())
		must(tb, meta.Close())
	})
	resolver := cluster.NewResolver(nil)
	ps := replication.NewPartitions(replication.Env{
		Log: l, Clock: clock.Real{}, Node: 1, Image: meta.Image,
		Settings:             func(tp *cluster.Topic) *cluster.TopicSettings { return resolver.TopicSettings(meta.Image(), tp) },
		ProducerExpirationMs: func() int64 { return 86400000 },
	})
	meta.Subscribe(ps.Changed)
	must(tb, meta.CreateTopics([]cluster.TopicSpec{{Name: cluster.OffsetsTopic, Partitions: shards, Internal: true}})[0].Err)
	return ps, meta
}
