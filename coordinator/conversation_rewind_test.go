package coordinator

import (
	"fmt"
	"strconv"
	"strings"
)

// rewind asks for a rewind, an undo, or how it goes.
func (c *conversation) rewind(what, tag string, a arguments) {
	done := reply(c, tag, func(s RewindStatus) string { return what + ": " + rewindText(s) })
	group := a.Text("g", "g")
	switch what {
	case "rewind":
		req := RewindRequest{Group: group, ID: a.Text("id", "r")}
		for _, item := range a.pairs("marks") { // T/P:OFFSET
			topic, partition, _ := strings.Cut(item[0], "/")
			if n := len(req.Marks); n == 0 || req.Marks[n-1].Topic != topic {
				req.Marks = append(req.Marks, TopicMarks{Topic: topic})
			}
			t := &req.Marks[len(req.Marks)-1]
			t.Partitions = append(t.Partitions, PartitionMark{Partition: a.partition(partition), Offset: int64(a.partition(item[1]))})
		}
		c.groups.Rewind(req, done)
	case "undo":
		c.groups.UndoRewind(group, a.Text("id", ""), a.Text("new", "u"), done)
	case "plan-undo":
		c.groups.PlanUndo(group, a.Text("id", ""), reply(c, tag, func(s RewindStatus) string { return what + ": " + rewindText(s) + undoText(s) }))
	default:
		c.groups.RewindStatus(group, done)
	}
}

// undoText is where an undo leads.
func undoText(s RewindStatus) (text string) {
	for _, t := range s.Marks {
		for _, p := range t.Partitions {
			text += fmt.Sprintf(" undo=%s-%d:%d->%d", t.Topic, p.Partition, p.Committed, p.Undo)
		}
	}
	return text
}

func rewindText(s RewindStatus) string {
	text := codeText(int16(s.Code)) + named("message", strconv.Quote(s.Message))
	if s.Message == "" {
		text = codeText(int16(s.Code))
	}
	if s.Phase == RewindNone {
		return text + " (no rewind)"
	}
	text += fmt.Sprintf(" %s %s", s.ID, s.Phase)
	if s.Undoes {
		text += " undoes"
	}
	if s.Ignored > 0 {
		text += fmt.Sprintf(" ignored=%d", s.Ignored)
	}
	if !s.Until.IsZero() {
		text += fmt.Sprintf(" until=%d", s.Until.UnixMilli())
	}
	for _, t := range s.Marks {
		for _, p := range t.Partitions {
			text += fmt.Sprintf(" %s-%d:%d->%d", t.Topic, p.Partition, p.Before, p.Offset)
		}
	}
	return text
}

// ownText decodes a record that is not Kafka's.
func ownText(r Record) string {
	group := string(r.Key[5:])
	if r.Key[2] == ownBroadcast {
		if r.Value == nil {
			return "broadcast mark " + group + " deleted"
		}
		return "broadcast mark " + group
	}
	if r.Value == nil {
		return "rewind " + group + " deleted"
	}
	v, err := decodeRewind(r.Value)
	if err != nil {
		return err.Error()
	}
	text := fmt.Sprintf("rewind %s %s phase=%d below=%d started=%d ended=%d", group, v.id, v.phase, v.ignoreBelow, v.started, v.ended)
	if v.undoes {
		text += " undoes"
	}
	for _, t := range v.topics {
		for _, p := range t.partitions {
			text += fmt.Sprintf(" %s-%d:%d->%d", t.name, p.partition, p.saved, p.mark)
		}
	}
	for _, t := range v.guards {
		for _, p := range t.partitions {
			text += fmt.Sprintf(" guard=%s-%d<%d", t.name, p.partition, p.mark)
		}
	}
	return text
}
