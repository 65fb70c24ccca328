package replication

import (
	"testing"

	"github.com/mainstem-mq/mainstem/cluster"
)

// TestOldImageBringsNoOldTopicBack: a caller that took its image before a
// change of the topic must not take that change back for everybody.
func TestOldImageBringsNoOldTopicBack(t *testing.T) {
	inWorld(t, func(w *world) {
		old, _ := w.journal.Image().Topic("t")
		if err := w.journal.CreatePartitions("t", 3); err != nil {
			t.Fatal(err)
		}
		p := w.part(0)
		if n := len(p.Topic().Partitions); n != 3 {
			t.Fatalf("the topic has %d partitions", n)
		}
		if again, err := w.partitions.find(old, 0); err != nil || again != p {
			t.Fatalf("found %p, %v; want %p", again, err, p)
		}
		if n := len(p.Topic().Partitions); n != 3 {
			t.Errorf("the topic has %d partitions after a look with an older image", n)
		}
	})
}

// TestChangedDropsTheDeletedOnly: also where the name is in use again.
func TestChangedDropsTheDeletedOnly(t *testing.T) {
	inWorld(t, func(w *world) {
		before, p := w.journal.Image(), w.part(0)
		if err := w.journal.DeleteTopics([]string{"t"})[0]; err != nil {
			t.Fatal(err)
		}
		if r := w.journal.CreateTopics([]cluster.TopicSpec{{Name: "t", Partitions: 2}})[0]; r.Err != nil {
			t.Fatal(r.Err)
		}
		if p.droppedError() == nil {
			t.Error("the partition of the deleted topic lives")
		}
		fresh := w.part(0)
		w.partitions.Changed(before, w.journal.Image()) // several changes apart
		if fresh == p || fresh.droppedError() != nil {
			t.Error("the partition of the new topic was dropped")
		}
	})
}
