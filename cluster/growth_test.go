package cluster

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/protocol"
)

// What grows is refused where there is no room; what makes room never is.
func TestGrowthRefused(t *testing.T) {
	full := false
	asked := int64(0)
	j := open(t, vfs.NewMem(), Options{NodeID: 1, Room: func(bytes int64) error {
		asked = bytes
		if full {
			return protocol.Errorf(protocol.KafkaStorageError, "no room")
		}
		return nil
	}})
	mustCreate(t, j, "a", 1)
	mustCreate(t, j, "b", 1)
	topic := func(changes ...string) error {
		var all []ConfigChange
		for _, c := range changes {
			key, value, set := strings.Cut(c, "=")
			change := ConfigChange{Key: key}
			if set {
				change.Value = &value
			}
			all = append(all, change)
		}
		return j.AlterConfigs(Resource{ResourceTopic, "a"}, all)
	}
	if err := topic("flush.ms=1000"); err != nil {
		t.Fatal(err)
	}
	full = true
	before := state(j.Image())
	for what, err := range map[string]error{
		"create a topic":   j.CreateTopics([]TopicSpec{{Name: "c", Partitions: 1}})[0].Err,
		"add partitions":   j.CreatePartitions("a", 2),
		"set a config":     topic("flush.messages=5"),
		"a longer value":   topic("flush.ms=10000"),
		"with one that is": topic("retention.ms=1", "flush.messages=5"),
		"a group's":        j.AlterConfigs(Resource{ResourceGroup, "g"}, []ConfigChange{{"k", new(string)}}),
	} {
		if protocol.CodeOf(err) != protocol.KafkaStorageError {
			t.Errorf("%s: %v", what, err)
		}
	}
	if got := state(j.Image()); got != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, got)
	}
	if r := j.CreateTopics([]TopicSpec{{Name: strings.Repeat("n", 200), Partitions: 1}}); r[0].Err == nil || asked < 200 {
		t.Errorf("%v, having asked for room for %d bytes", r[0].Err, asked)
	}
	for what, err := range map[string]error{
		"shorter retention":  topic("retention.ms=1", "retention.bytes=1", "cleanup.policy=delete"),
		"another value":      topic("flush.ms=2000"),
		"take a config away": topic("flush.ms"),
		"a broker's":         j.AlterConfigs(Resource{ResourceBroker, ""}, []ConfigChange{{DiskMinKey, new(string)}}),
		"delete":             j.DeleteTopics([]string{"b"})[0],
		"an internal topic":  j.CreateTopics([]TopicSpec{{Name: OffsetsTopic, Partitions: 1, Internal: true}})[0].Err,
	} {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// The bound of all partitions holds within a request, over requests, and gives
// deleted ones back.
func TestPartitionsMax(t *testing.T) {
	j := open(t, vfs.NewMem(), Options{NodeID: 1, PartitionsMax: func(*Image) int64 { return 10 }})
	codes := func(sizes ...int32) string {
		var specs []TopicSpec
		for i, n := range sizes {
			specs = append(specs, TopicSpec{Name: fmt.Sprintf("t%d-%d-%d", j.Image().Version, i, n), Partitions: n})
		}
		out := ""
		for _, r := range j.CreateTopics(specs) {
			out += fmt.Sprint(int(protocol.CodeOf(r.Err)), " ")
		}
		return out
	}
	const policy = "44 "
	mustCreate(t, j, "a", 4)
	if got := codes(3, 4, 2); got != "0 "+policy+"0 " {
		t.Errorf("3, 4 and 2 beside 4 of 10: %s", got)
	}
	if err := j.CreatePartitions("a", 6); protocol.CodeOf(err) != protocol.PolicyViolation || !strings.Contains(err.Error(), "mainstem.partitions.max") {
		t.Errorf("2 more of 1: %v", err)
	}
	if err := j.CreatePartitions("a", 5); err != nil {
		t.Error(err)
	}
	if got := codes(1); got != policy {
		t.Errorf("an eleventh: %s", got)
	}
	if err := j.DeleteTopics([]string{"a"})[0]; err != nil {
		t.Fatal(err)
	}
	if got := codes(5, 1); got != "0 "+policy {
		t.Errorf("5 in the place of 5: %s", got)
	}
}

// A start without a free block goes on in the journal that there is, also
// behind a torn tail, and what comes then is remembered.
func TestStartWithoutRoom(t *testing.T) {
	for _, torn := range []int{0, 5, 500} {
		disk := vfs.NewMem()
		j := open(t, disk, Options{NodeID: 1})
		for i := range 5 {
			mustCreate(t, j, fmt.Sprintf("t%d", i), 1)
		}
		disk = disk.Kill()
		if torn > 0 {
			f, err := disk.OpenWritable("data/metadata/journal-1")
			if err != nil {
				t.Fatal(err)
			}
			size, _ := f.Size()
			if _, err := f.WriteAt([]byte(strings.Repeat("x", torn)), size); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(f.Datasync(), f.Close()); err != nil {
				t.Fatal(err)
			}
		}
		want := state(j.Image())
		for range 3 {
			fault := vfs.NewFault(disk, func(op vfs.Op) error {
				if op.Kind == vfs.KindCreate {
					return vfs.ErrNoSpace
				}
				return nil
			})
			j = open(t, fault, Options{NodeID: 1})
			if got := state(j.Image()); got != want {
				t.Fatalf("torn %d: before:\n%s\nafter:\n%s", torn, want, got)
			}
			mustCreate(t, j, fmt.Sprintf("more%d", j.Image().TopicCount()), 1)
			want = state(j.Image())
			disk = disk.PowerCut(rand.New(rand.NewPCG(1, 2)))
		}
		j = open(t, disk, Options{NodeID: 1})
		if got := state(j.Image()); got != want {
			t.Errorf("torn %d, with room again: before:\n%s\nafter:\n%s", torn, want, got)
		}
		if _, err := disk.Size("data/metadata/snapshot-2"); err != nil {
			t.Errorf("torn %d: no new pair: %v", torn, err)
		}
	}
}
