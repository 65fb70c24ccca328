package main

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol/batch"
	"github.com/mainstem-mq/mainstem/replication"
)

// appendAs sends a producer's first record to partition 0 of the topic, and
// reports whether it is stored.
func (h *halfBroker) appendAs(t *testing.T, topic string, id model.ProducerID) bool {
	t.Helper()
	p, perr := h.partitions.Find(topic, 0)
	if perr != nil {
		t.Fatal(perr)
	}
	b := batch.NewBuilder(batch.None)
	b.ProducerID, b.ProducerEpoch, b.BaseSequence = id, 0, 0
	b.Add(100, []byte("k"), []byte("v"))
	built, err := b.Build(nil)
	if err != nil {
		t.Fatal(err)
	}
	end := p.Offsets().End
	done := make(chan replication.AppendResult, 1)
	p.Append(replication.AppendRequest{Batch: built}, func(r replication.AppendResult) { done <- r })
	if r := <-done; r.Err != nil {
		t.Fatal(r.Err)
	}
	return p.Offsets().End == end+1
}

// block reserves producer ids as the server does, and returns the first.
func (h *halfBroker) block(t *testing.T) model.ProducerID {
	t.Helper()
	first, err := h.meta.AllocateProducerIDs(1000)
	if err != nil {
		t.Fatal(err)
	}
	return first
}

// life runs f in a broker without a server.
func life(t *testing.T, dir string, f func(h *halfBroker)) {
	t.Helper()
	h, err := startHalf(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.openPartitions(); err != nil {
		t.Fatal(err)
	}
	f(h)
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
}

// Metadata that is older than the log has given producer ids that it does not
// know of. If they were given again, a new producer's first batch would look
// like a repeated one: answered, and not stored.
func TestProducerIDsOfOlderMetadata(t *testing.T) {
	for name, adopted := range map[string]bool{"the producer ids alone": false, "a topic as well": true} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			metadata, older := filepath.Join(dir, "metadata"), filepath.Join(t.TempDir(), "metadata")
			topic := "before"
			life(t, dir, func(h *halfBroker) { h.meta.CreateTopics([]cluster.TopicSpec{{Name: topic, Partitions: 1}}) })
			if err := os.CopyFS(older, os.DirFS(metadata)); err != nil {
				t.Fatal(err)
			}
			given := make(map[model.ProducerID]bool)
			life(t, dir, func(h *halfBroker) {
				if adopted {
					h.meta.CreateTopics([]cluster.TopicSpec{{Name: "after", Partitions: 1}})
					topic = "after"
				}
				for id := range h.block(t) + 3 {
					given[id] = true
					if !h.appendAs(t, topic, id) {
						t.Fatalf("the record of producer %d is not stored", id)
					}
				}
			})
			if err := os.RemoveAll(metadata); err != nil {
				t.Fatal(err)
			}
			if err := os.CopyFS(metadata, os.DirFS(older)); err != nil {
				t.Fatal(err)
			}
			if adopted {
				if code, out, errs := command(t, "log", "salvage", "--adopt", "--yes", dir); code != exitOK {
					t.Fatalf("salvage: %d\n%s\n%s", code, out, errs)
				}
				topic = cluster.AdoptedName(2)
			}
			life(t, dir, func(h *halfBroker) {
				id := h.block(t)
				if given[id] {
					t.Errorf("producer id %d is given twice", id)
				}
				if !h.appendAs(t, topic, id) {
					t.Errorf("the first record of the new producer %d is acknowledged, and not stored", id)
				}
			})
		})
	}
}

// Ids that no broker gave, since clients make up what they like, do not use up
// those that are left; and a start whose log knows no newer ids changes nothing.
func TestProducerIDsMadeUp(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	var next model.ProducerID
	life(t, dir, func(h *halfBroker) {
		h.meta.CreateTopics([]cluster.TopicSpec{{Name: "t", Partitions: 1}})
		next = h.block(t) + 1000
		for _, id := range []model.ProducerID{next - 1, math.MaxInt64, math.MaxInt64 - 1, next + 2*producerIDsLostMax} {
			if !h.appendAs(t, "t", id) {
				t.Fatalf("the record of producer %d is not stored", id)
			}
		}
	})
	for range 2 {
		life(t, dir, func(h *halfBroker) {
			if id := h.block(t); id != next {
				t.Errorf("the next ids begin at %d, want %d", id, next)
			}
			next += 1000
		})
	}
}
