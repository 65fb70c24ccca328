package cluster

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/protocol"
)

func open(t *testing.T, fs vfs.FS, o Options) *Journal {
	t.Helper()
	j, err := Open(fs, "data", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

func mustCreate(t *testing.T, j *Journal, name string, partitions int32) *Topic {
	t.Helper()
	r := j.CreateTopics([]TopicSpec{{Name: name, Partitions: partitions}})[0]
	if r.Err != nil {
		t.Fatalf("create %s: %v", name, r.Err)
	}
	return r.Topic
}

// state is an image as text; equal text is equal state.
func state(i *Image) string {
	var b strings.Builder
	snapshotRecords(i, func(r record) { fmt.Fprintf(&b, "%d %x\n", r.kind(), r.encode(nil)) })
	return b.String()
}

func TestJournalRemembers(t *testing.T) {
	disk := vfs.NewMem()
	j := open(t, disk, Options{NodeID: 3, Rack: "r1"})
	a := mustCreate(t, j, "a.b", 3)
	gone := mustCreate(t, j, "gone", 2)
	if err := j.CreatePartitions("a.b", 5); err != nil {
		t.Fatal(err)
	}
	if err := j.DeleteTopics([]string{"gone", "never"}); err[0] != nil || protocol.CodeOf(err[1]) != protocol.UnknownTopicOrPartition {
		t.Fatal(err)
	}
	one := "1"
	for _, r := range []Resource{
		{ResourceTopic, "a.b"}, {ResourceBroker, ""}, {ResourceBroker, "3"}, {ResourceGroup, "g"}, {ResourceClientMetrics, "m"},
	} {
		if err := j.AlterConfigs(r, []ConfigChange{{"k", &one}, {"absent", nil}}); err != nil {
			t.Fatal(err)
		}
	}
	for want := range model.ProducerID(3) {
		if first, err := j.AllocateProducerIDs(1000); err != nil || first != want*1000 {
			t.Fatal(first, err)
		}
	}
	want := state(j.Image())
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, disk.Kill(), Options{NodeID: 3, Rack: "r1"})
	if got := state(again.Image()); got != want {
		t.Fatalf("before:\n%s\nafter:\n%s", want, got)
	}
	img := again.Image()
	topic, ok := img.TopicByID(a.ID)
	if !ok || len(topic.Partitions) != 5 || topic.Partitions[4].ID != 7 || topic.Partitions[4].Index != 4 {
		t.Fatalf("%+v", topic)
	}
	for id, want := range map[model.PartitionID]Standing{0: Unknown, 1: Live, 4: Dropped, 5: Dropped, 6: Live, 7: Live, 8: Unknown} {
		if got := again.Standing(id); got != want {
			t.Errorf("standing of %d: %d, want %d", id, got, want)
		}
	}
	if gone.Partitions[0].ID != 4 {
		t.Errorf("ids must ascend: %+v", gone.Partitions)
	}
	if next := mustCreate(t, again, "new", 1); next.Partitions[0].ID != 8 {
		t.Errorf("an id was reused: %+v", next.Partitions)
	}
}

func TestJournalRefusesAnotherNode(t *testing.T) {
	disk := vfs.NewMem()
	if err := open(t, disk, Options{NodeID: 1}).Close(); err != nil {
		t.Fatal(err)
	}
	_, err := Open(disk, "data", Options{NodeID: 2})
	if !errors.Is(err, ErrWrongNode) || !strings.Contains(err.Error(), "configure node.id=1") {
		t.Fatal(err)
	}
}

func TestClusterIDIsKept(t *testing.T) {
	disk := vfs.NewMem()
	first := open(t, disk, Options{NodeID: 1}).Image().ClusterID
	if len(first) != 22 {
		t.Fatalf("cluster id %q", first)
	}
	if again := open(t, disk.Kill(), Options{NodeID: 1}).Image().ClusterID; again != first {
		t.Fatalf("%s became %s", first, again)
	}
}

func TestJournalOnARealDisk(t *testing.T) {
	dir := t.TempDir()
	j, err := Open(vfs.OS{}, dir, Options{NodeID: 1, SnapshotBytes: 500})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 30 {
		mustCreate(t, j, fmt.Sprint("t", i), 2)
	}
	want := state(j.Image())
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(vfs.OS{}, dir, Options{NodeID: 1})
	if err != nil {
		t.Fatal(err)
	}
	if got := state(again.Image()); got != want {
		t.Errorf("before:\n%s\nafter:\n%s", want, got)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	// One pair of files, and nothing of the older ones.
	names, err := vfs.OS{}.List(dir + "/metadata")
	if err != nil || len(names) != 2 {
		t.Errorf("%v %v", names, err)
	}
}

func TestConcurrentChangesShareSyncs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 200
		gate := make(chan struct{})
		fault := vfs.NewFault(vfs.NewMem(), nil)
		j := open(t, fault, Options{NodeID: 1})
		before := fault.Count(vfs.KindSync)
		fault.SetHook(vfs.CallNth(before+1, vfs.KindSync, func(vfs.Op) { <-gate }))
		for i := range n {
			go func() {
				if r := j.CreateTopics([]TopicSpec{{Name: fmt.Sprint("t", i), Partitions: 1}})[0]; r.Err != nil {
					t.Error(r.Err)
				}
			}()
		}
		synctest.Wait() // one is in its sync, the others wait
		close(gate)
		synctest.Wait()
		if syncs := fault.Count(vfs.KindSync) - before; syncs < 1 || syncs > 2 {
			t.Errorf("%d changes took %d syncs", n, syncs)
		}
		seen := make(map[model.PartitionID]bool)
		j.Image().Topics(func(topic *Topic) bool {
			seen[topic.Partitions[0].ID] = true
			return true
		})
		if len(seen) != n {
			t.Errorf("%d different partition ids", len(seen))
		}
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestSubscribersHearBeforeTheCaller(t *testing.T) {
	j := open(t, vfs.NewMem(), Options{NodeID: 1})
	var heard []string
	j.Subscribe(func(before, after *Image) {
		heard = append(heard, fmt.Sprint(before.TopicCount(), "->", after.TopicCount()))
	})
	mustCreate(t, j, "a", 1)
	if len(heard) != 1 || heard[0] != "0->1" {
		t.Fatal(heard)
	}
	_ = j.DeleteTopics([]string{"none"}) // changes nothing, so nobody hears
	mustCreate(t, j, "b", 1)
	if len(heard) != 2 || heard[1] != "1->2" {
		t.Fatal(heard)
	}
}

func TestFullDiskRefusesAndRecovers(t *testing.T) {
	fault := vfs.NewFault(vfs.NewMem(), nil)
	j := open(t, fault, Options{NodeID: 1})
	mustCreate(t, j, "before", 1)
	want := state(j.Image())
	fault.SetHook(vfs.FailFrom(1, vfs.KindWrite, &vfs.Short{Bytes: 60, Err: vfs.ErrNoSpace}))
	r := j.CreateTopics([]TopicSpec{{Name: "no", Partitions: 1}})[0]
	if protocol.CodeOf(r.Err) != protocol.KafkaStorageError || r.Topic != nil {
		t.Fatal(r)
	}
	if got := state(j.Image()); got != want {
		t.Fatalf("a refused change shows:\n%s", got)
	}
	fault.SetHook(nil)
	after := mustCreate(t, j, "after", 1)
	if after.Partitions[0].ID != 2 {
		t.Fatalf("%+v", after.Partitions)
	}
}

// A write that failed may have left all its bytes in the page cache; what was
// refused must not come back by that.
func TestRefusedChangeStaysRefused(t *testing.T) {
	disk := vfs.NewMem()
	fault := vfs.NewFault(disk, nil)
	j := open(t, fault, Options{NodeID: 1})
	want := state(j.Image())
	fault.SetHook(vfs.FailFrom(1, vfs.KindWrite, &vfs.Short{Bytes: 1 << 20, Err: vfs.ErrIO}))
	if r := j.CreateTopics([]TopicSpec{{Name: "no", Partitions: 1}})[0]; r.Err == nil {
		t.Fatal("created")
	}
	if got := state(open(t, disk.Kill(), Options{NodeID: 1}).Image()); got != want {
		t.Fatalf("it came back:\n%s", got)
	}
}

func TestFailedSyncLatches(t *testing.T) {
	fault := vfs.NewFault(vfs.NewMem(), nil)
	var fatal []error
	j := open(t, fault, Options{NodeID: 1, Fatal: func(err error) { fatal = append(fatal, err) }})
	syncs := fault.Count(vfs.KindSync)
	fault.SetHook(vfs.FailNth(syncs+1, vfs.KindSync, vfs.ErrIO))
	for range 3 {
		r := j.CreateTopics([]TopicSpec{{Name: "no", Partitions: 1}})[0]
		if protocol.CodeOf(r.Err) != protocol.KafkaStorageError {
			t.Fatal(r)
		}
	}
	if fault.Count(vfs.KindSync) != syncs+1 {
		t.Error("a failed sync was tried again")
	}
	if len(fatal) != 1 || !errors.Is(fatal[0], vfs.ErrIO) {
		t.Error(fatal)
	}
}

func TestClosedJournalRefuses(t *testing.T) {
	j := open(t, vfs.NewMem(), Options{NodeID: 1})
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := j.AllocateProducerIDs(1); !strings.Contains(fmt.Sprint(err), ErrClosed.Error()) {
		t.Fatal(err)
	}
}
