package coordinator

import (
	"encoding/binary"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"
)

// markMin is below every mark of the random world, and above all that its
// clients commit.
const markMin = 1 << 30

// rewind takes a group somewhere, whatever it is doing.
func (w *world) rewind(rt *rapid.T) {
	t := TopicMarks{Topic: rapid.SampledFrom([]string{"t", "u", "v"}).Draw(rt, "topic")}
	for partition := range rapid.Int32Range(1, 3).Draw(rt, "partitions") {
		w.suffix++
		t.Partitions = append(t.Partitions, PartitionMark{Partition: partition, Offset: int64(markMin + w.suffix)})
	}
	if t.Topic == "v" { // its offsets are its incarnation
		for i := range t.Partitions {
			t.Partitions[i].Offset = w.incarnation
		}
	}
	w.groups.Rewind(RewindRequest{Group: w.group(rt), ID: "r", Marks: []TopicMarks{t}}, expect(w, func(RewindStatus) {}))
}

func (w *world) undo(rt *rapid.T) {
	w.groups.UndoRewind(w.group(rt), "", "u", expect(w, func(RewindStatus) {}))
}

// checkMarks reads the log as it was written: from the first mark that is stored to
// the record that says that all are, nothing else may come.
func checkMarks(records []Record) error {
	m := newMachine()
	marking := ""
	for _, r := range records {
		key, offset := kmsg.OffsetCommitKey{}, r.Value != nil && binary.BigEndian.Uint16(r.Key) <= 1
		if offset {
			if err := key.ReadFrom(r.Key); err != nil {
				return err
			}
			c, err := decodeOffset(r)
			if err != nil {
				return err
			}
			if mark, ok := m.markOf(key.Group, key.Topic, key.Partition); ok && c.topic == mark.id && c.offset >= markMin {
				marking = key.Group
			}
		}
		if err := m.Replay(r); err != nil {
			return err
		}
		switch g := m.groups[marking]; {
		case g == nil: // none is under way
		case g.rewind.shown() == RewindDone:
			marking = ""
		case key.Group != marking || !offset:
			return fmt.Errorf("a record of %d bytes came between the marks of %s", r.Size(), marking)
		}
	}
	return nil
}

// markOf is where a rewind that is not done takes a partition.
func (m *machine) markOf(group, topic string, partition int32) (rewindTopic, bool) {
	g := m.groups[group]
	if g == nil || g.rewind == nil || g.rewind.phase != rewindEmptying {
		return rewindTopic{}, false
	}
	for _, t := range g.rewind.topics {
		for _, p := range t.partitions {
			if t.name == topic && p.partition == partition {
				return rewindTopic{t.name, t.id, []rewindMark{p}}, true
			}
		}
	}
	return rewindTopic{}, false
}
