package coordinator

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/internal/model"
)

// sentCommit is a commit of one partition that a random world sent. Its number is
// the leader epoch, which the broker only keeps, so its record is known again.
type sentCommit struct {
	serial      int32
	group, name string
	member      string
	topic       model.TopicID
	mark        rewindMark // the partition, and the offset
	generation  int32
	sent        int // so many records were durable then
	answered    int // the same, when it was answered without an error; -1: it was not
}

// number gives a commit of one partition its number, and returns what is to be
// called with its answer.
func (w *world) number(req *kmsg.OffsetCommitRequest) func(*kmsg.OffsetCommitResponse) {
	topic := &req.Topics[0]
	p := &topic.Partitions[0]
	now, _ := w.groups.env.View().Topic(topic.Topic)
	c := &sentCommit{
		serial: int32(len(w.commits)), group: req.Group, name: topic.Topic, member: req.MemberID, topic: now.ID,
		mark: rewindMark{partition: p.Partition, mark: p.Offset}, generation: req.Generation,
		sent: durableCount(w.journal), answered: -1,
	}
	p.LeaderEpoch = c.serial
	w.commits = append(w.commits, c)
	return func(r *kmsg.OffsetCommitResponse) {
		if r.Topics[0].Partitions[0].ErrorCode == 0 {
			c.answered = durableCount(w.journal)
		}
	}
}

// durableCount is how many records are.
func durableCount(j *shard.Memory) (n int) {
	j.Set(func(j *shard.MemoryState) { n = len(j.Durable) })
	return n
}

// meaningless reports whether a rewind lets the broker answer the commit and not
// store it: its member was somewhere before the marks, or is late and says nothing
// that is new.
func (c *sentCommit) meaningless(g *group) bool {
	if g == nil || g.rewind == nil || c.generation < 0 {
		return false
	}
	mark := func(topics []rewindTopic) (rewindMark, bool) { return find(topics, c.name, c.topic, c.mark.partition) }
	_, marked := mark(g.rewind.topics)
	guard, guarded := mark(g.rewind.guards)
	switch {
	case guarded && int64(c.generation) < guard.mark:
		return true
	case !marked:
		return false
	case g.rewind.phase == rewindDone:
		return c.generation < g.rewind.ignoreBelow
	}
	if g.consumer == nil || g.consumer.members[c.member] == nil || g.consumer.members[c.member].current.epoch == c.generation {
		return false
	}
	stored, ok := g.offsets.get(c.name, c.mark.partition)
	return ok && c.mark.mark <= stored.offset
}

// checkAnswered reads the log as it was written. A commit that was answered is in it
// by then, or a rewind made it meaningless. Nothing but newer commits and the marks of
// rewinds that are done takes its place: a rewind that is called off, with or without
// a load in between, leaves what was committed last; unless its marks were cut off.
func checkAnswered(records []Record, commits []*sentCommit, v View, cut bool) error {
	m := newMachine()
	stored, excused := map[int32]bool{}, map[int32]bool{}
	order := committedOrder{newest: map[string]int32{}, marking: map[string]string{}, shared: map[string]bool{}, view: v, cut: cut}
	for at := 0; ; at++ {
		for _, c := range commits {
			switch {
			case c.answered < 0 || at < c.sent || at > c.answered:
				continue
			case c.meaningless(m.groups[c.group]):
				excused[c.serial] = true
			}
			if at == c.answered && !stored[c.serial] && !excused[c.serial] {
				return fmt.Errorf("commit %d of %s %s-%d = %d was answered, and is not in the log", c.serial, c.group, c.name, c.mark.partition, c.mark.mark)
			}
		}
		if at == len(records) {
			return nil
		}
		serial, err := order.look(m, records[at])
		if err != nil {
			return err
		}
		if serial >= 0 {
			stored[serial] = true
		}
		if err := m.Replay(records[at]); err != nil {
			return err
		}
	}
}

// committedOrder follows what is committed for each partition.
type committedOrder struct {
	newest  map[string]int32  // commits, by their partitions
	marking map[string]string // what a rewind moved that is not done yet, by groups
	shared  map[string]bool   // groups that were in broadcast mode: their offsets are copied
	view    View              // of the end
	cut     bool              // marks may stand in several appends, and the first ones remain
}

// look returns the number of the commit whose record this is, or -1.
func (o *committedOrder) look(m *machine, r Record) (int32, error) {
	if binary.BigEndian.Uint16(r.Key) == ownKeyVersion && r.Key[2] == ownRewind {
		return -1, o.lookRewind(m, r)
	}
	if r.Value == nil || binary.BigEndian.Uint16(r.Key) > 1 {
		return -1, nil
	}
	var key kmsg.OffsetCommitKey
	if err := key.ReadFrom(r.Key); err != nil {
		return -1, err
	}
	c, err := decodeOffset(r)
	if err != nil {
		return -1, err
	}
	base, _, cell := strings.Cut(key.Group, cellInfix)
	o.shared[base] = o.shared[base] || cell
	partition := fmt.Sprintf("%s %s-%d", key.Group, key.Topic, key.Partition)
	switch {
	case base == growingGroup || c.leaderEpoch < 0 && o.shared[base]:
		return -1, nil
	case c.leaderEpoch < 0:
		if _, ok := m.markOf(key.Group, key.Topic, key.Partition); !ok {
			return -1, fmt.Errorf("%s was set to %d by nobody", partition, c.offset)
		}
		o.marking[key.Group] = partition
	case c.leaderEpoch < o.newest[partition] && !o.shared[base]:
		return -1, fmt.Errorf("%s went back from commit %d to %d", partition, o.newest[partition], c.leaderEpoch)
	default:
		o.newest[partition] = c.leaderEpoch
	}
	return c.leaderEpoch, nil
}

// lookRewind checks that all marks of a rewind are there when it is done, and none
// when it is called off.
func (o *committedOrder) lookRewind(m *machine, r Record) error {
	group := string(r.Key[5:])
	moved, marked := o.marking[group]
	delete(o.marking, group)
	if r.Value == nil {
		if marked && !o.cut {
			return fmt.Errorf("%s was moved by a rewind that was called off", moved)
		}
		return nil
	}
	v, err := decodeRewind(r.Value)
	switch {
	case err != nil:
		return err
	case v.shown() != RewindDone && marked && !o.cut:
		return fmt.Errorf("%s was moved by a rewind that is not done: %s", moved, ownText(r))
	case v.shown() != RewindDone:
		return nil
	}
	for _, t := range v.topics {
		if _, ok := o.view.TopicByID(t.id); !ok {
			continue // it may have been gone by then
		}
		for _, p := range t.partitions {
			if now, ok := m.groups[group].offsets.get(t.name, p.partition); !ok || now.offset != p.mark {
				return fmt.Errorf("a rewind of %s is done, and %s-%d is not at %d", group, t.name, p.partition, p.mark)
			}
		}
	}
	return nil
}
