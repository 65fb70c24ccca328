package coordinator

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
)

// inspect is the conversations' command of that name.
func (c *conversation) inspect(tag string, groups []string) {
	said := reply(c, tag, func(text string) string { return text })
	c.groups.Inspect(groups, func(views []GroupView, code protocol.ErrorCode) {
		lines := []string{"inspect: " + codeText(int16(code))}
		slices.SortFunc(views, func(a, b GroupView) int { return strings.Compare(a.ID, b.ID) })
		for i := range views {
			views[i].Sort()
			lines = append(lines, viewText(&views[i])...)
		}
		said(strings.Join(lines, "\n"))
	})
}

func viewText(v *GroupView) []string {
	if v.Code != protocol.NoError {
		return []string{"   " + v.ID + ": " + v.Code.String()}
	}
	lines := []string{fmt.Sprintf("   %s: %s %s since=%s gen=%d type=%q protocol=%q leader=%q newcomers=%d",
		v.ID, v.Kind, v.State, momentText(v.Since), v.Generation, v.ProtocolType, v.Protocol, v.Leader, v.Newcomers)}
	if v.AssignmentEpoch != 0 {
		lines[0] += fmt.Sprintf(" assigned=%d", v.AssignmentEpoch)
	}
	for i := range v.Members {
		m := &v.Members[i]
		topics, knowsTopics := m.Subscription()
		given, knowsGiven := m.Assignment()
		lines = append(lines, fmt.Sprintf("      member %s%s client=%s@%s heard=%s expires=%s session=%s rebalance=%s topics=%v,%v given=%v,%v",
			m.ID, named("instance", deref(m.Instance)), m.ClientID, m.ClientHost, momentText(m.Heard), momentText(m.Expires),
			m.SessionTimeout, m.RebalanceTimeout, topics, knowsTopics, given, knowsGiven))
		if m.Waits {
			lines = append(lines, "         waits for the group")
		}
		if c := m.Consumer; c != nil {
			lines = append(lines, fmt.Sprintf("         %s epoch=%d%s%s classic=%v revoking=%v target=%v",
				c.State, c.Epoch, named("rack", c.Rack), named("pattern", c.Pattern), c.Classic, c.Revoking(), c.Target()))
		}
	}
	for _, t := range v.Offsets {
		for _, p := range t.Partitions {
			lines = append(lines, fmt.Sprintf("      offset %s-%d = %d at=%d", t.Topic, p.Partition, p.Offset, p.Committed))
		}
	}
	for _, b := range v.Blockers {
		line := fmt.Sprintf("      waits: %s%s until=%s", b.Kind, named("member", b.Member), momentText(b.Until))
		if len(b.Partitions) > 0 {
			line += fmt.Sprintf(" partitions=%v%s since=%s", b.Partitions, named("holder", b.Holder), momentText(b.Since))
		}
		lines = append(lines, line)
	}
	return lines
}

// momentText is a time in the words of the records: ms.
func momentText(at time.Time) string {
	if at.IsZero() {
		return "-"
	}
	return strconv.FormatInt(at.UnixMilli(), 10)
}

// assignment is a ConsumerProtocolAssignment; topic T/0/2 has partitions 0 and 2.
func assignment(topics ...string) []byte {
	b := binary.BigEndian.AppendUint16(nil, 1)
	b = binary.BigEndian.AppendUint32(b, uint32(len(topics)))
	for _, item := range topics {
		parts := strings.Split(item, "/")
		b = binary.BigEndian.AppendUint16(b, uint16(len(parts[0])))
		b = append(b, parts[0]...)
		b = binary.BigEndian.AppendUint32(b, uint32(len(parts)-1))
		for _, p := range parts[1:] {
			n, err := strconv.Atoi(p)
			if err != nil {
				panic(err)
			}
			b = binary.BigEndian.AppendUint32(b, uint32(n))
		}
	}
	return append(b, 0xff, 0xff, 0xff, 0xff) // no user data
}

func TestAssignment(t *testing.T) {
	t.Parallel()
	valid := assignment("b/1/0", "a/7", "b/2")
	for _, c := range []struct {
		name string
		in   []byte
		want string
		ok   bool
	}{
		{"in order, each topic once", valid, "[{a [7]} {b [0 1 2]}]", true},
		{"nothing", assignment(), "[]", true},
		{"a topic without partitions", assignment("t"), "[{t []}]", true},
		{"without user data", valid[:len(valid)-4], "[{a [7]} {b [0 1 2]}]", true},
		{"cut", valid[:len(valid)-5], "[]", false},
		{"no bytes", nil, "[]", false},
		{"another protocol's", []byte(`{"version":1}`), "[]", false},
		{"a negative count", []byte("\x00\x00\xff\xff\xff\xff"), "[]", false},
		{"a negative name", []byte("\x00\x00\x00\x00\x00\x01\xff\xff\x00\x00\x00\x00"), "[]", false},
		{"negative partitions", []byte("\x00\x00\x00\x00\x00\x01\x00\x01t\xff\xff\xff\xff"), "[]", false},
		{"more partitions than bytes", []byte("\x00\x00\x00\x00\x00\x01\x00\x01t\x7f\xff\xff\xff\x00\x00\x00\x00"), "[]", false},
	} {
		got, ok := readAssignment(c.in)
		if fmt.Sprint(got) != c.want || ok != c.ok {
			t.Errorf("%s: %v, %v", c.name, got, ok)
		}
	}
}

// FuzzAssignment reads what leaders hand out.
func FuzzAssignment(f *testing.F) {
	f.Add(assignment("a/1/2", "topic/0"))
	f.Add([]byte("\x00\x00\x7f\xff\xff\xff\x00\x01a\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		topics, ok := readAssignment(b)
		size, partitions := 0, map[string]int{}
		for _, a := range topics {
			size += len(a.Topic) + 4*len(a.Partitions)
			partitions[a.Topic] = len(a.Partitions)
		}
		if size > len(b) {
			t.Errorf("topics of %d bytes from %d", size, len(b))
		}
		var v kmsg.ConsumerMemberAssignment
		if !ok || v.ReadFrom(b) != nil {
			return
		}
		for _, topic := range v.Topics {
			partitions[topic.Topic] -= len(topic.Partitions)
		}
		for topic, left := range partitions {
			if left != 0 {
				t.Errorf("topic %q: %d partitions too many", topic, left)
			}
		}
	})
}
