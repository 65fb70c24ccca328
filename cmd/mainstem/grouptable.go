package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/mainstem-mq/mainstem/disk"
	"github.com/mainstem-mq/mainstem/server"
)

// modeBroadcast is what the broker calls groups in which each member has all partitions.
const modeBroadcast = "broadcast"

// groupTable prints groups for people. Names that clients chose are quoted where
// they could be taken for something else.
type groupTable struct {
	reportPrinter

	wide bool
	now  time.Time
}

// rows prints lines under a head; cells that only -o wide has are those of more.
func (t *groupTable) rows(head, more []string, n int, row func(i int) (cells, more []string)) {
	line := func(cells, more []string) string {
		if t.wide {
			cells = append(slices.Clip(cells), more...)
		}
		return strings.Join(cells, "\t")
	}
	if t.err != nil {
		return
	}
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	_, t.err = fmt.Fprintln(w, line(head, more))
	for i := 0; i < n && t.err == nil; i++ {
		_, t.err = fmt.Fprintln(w, line(row(i)))
	}
	if t.err == nil {
		t.err = w.Flush()
	}
}

func (t *groupTable) list(l *server.GroupList) {
	if len(l.Groups) == 0 {
		t.printf("there are no such groups\n")
		return
	}
	t.rows([]string{"GROUP", "TYPE", "MODE", "STATE", "MEMBERS", "PARTITIONS", "LAG", "BEHIND"},
		[]string{"BYTES", "PROTOCOL", "GENERATION", "SINCE"}, len(l.Groups), func(i int) (cells, more []string) {
			g := &l.Groups[i]
			state, generation := g.State, strconv.Itoa(int(g.Generation))
			if g.Mode == modeBroadcast {
				generation = "-"
			}
			if g.RewindPhase == "emptying" {
				state += " (rewind)"
			}
			return []string{
				server.Quoted(g.Group), g.Type, nameText(g.Mode), state, strconv.Itoa(g.Members), strconv.Itoa(g.Partitions), lagText(&g.Lag), behindText(&g.Lag),
			}, []string{disk.Bytes(g.Lag.Bytes), protocolText(g), generation, t.ago(g.Since)}
		})
}

func (t *groupTable) describe(d *server.GroupDetail) {
	t.printf("group %s: %s, ", server.Quoted(d.Group), d.Type)
	if d.Mode == modeBroadcast {
		t.printf("broadcast, ")
	}
	t.printf("%s", d.State)
	if !d.Since.IsZero() {
		t.printf(" for %s", server.SpanText(t.now.Sub(d.Since)))
	}
	t.printf(", %s", counted(d.Members, "member", "members"))
	if d.ProtocolType != "" {
		word := "generation"
		if d.Type == consumerType {
			word = "epoch"
		}
		t.printf(", protocol %s", protocolText(&d.GroupSummary))
		if d.Mode != modeBroadcast { // there each member has its own
			t.printf(", %s %d", word, d.Generation)
		}
		if d.AssignmentEpoch > 0 && d.AssignmentEpoch < d.Generation {
			t.printf(" (assigned: %d)", d.AssignmentEpoch)
		}
	}
	t.printf("\nlag: %s records, %s", lagText(&d.Lag), disk.Bytes(d.Lag.Bytes))
	if d.Lag.Records > 0 {
		t.printf(", the oldest there for %s", behindText(&d.Lag))
	}
	if d.Rate != nil {
		t.printf("; %s", rateText(d.Rate))
	}
	t.printf("\n")
	if d.Rewind.Phase == "emptying" {
		t.printf("rewind: under way for %s; `mainstem group why %s` says whom it waits for\n",
			server.SpanText(t.now.Sub(d.Rewind.Started)), server.Quoted(d.Group))
	}
	if len(d.PartitionLag) > 0 {
		t.printf("\n")
		t.partitions(d)
	}
	if len(d.MemberList) > 0 {
		t.printf("\n")
		t.members(d)
	}
	if len(d.Cells) > 0 {
		t.printf("\n")
		t.cells(d)
	}
}

// cells prints what each member of a broadcast group has consumed.
func (t *groupTable) cells(d *server.GroupDetail) {
	type line struct {
		cell *server.GroupCell
		p    *server.GroupPartition
	}
	var lines []line
	for i := range d.Cells {
		c := &d.Cells[i]
		if len(c.PartitionLag) == 0 {
			lines = append(lines, line{cell: c})
		}
		for j := range c.PartitionLag {
			lines = append(lines, line{c, &c.PartitionLag[j]})
		}
	}
	t.rows([]string{"MEMBER'S GROUP", "AT WORK", "TOPIC", "PARTITION", "COMMITTED", "END", "LAG", "BEHIND"}, []string{"MEMBER"},
		len(lines), func(i int) (cells, more []string) {
			c, p := lines[i].cell, lines[i].p
			atWork := "no"
			if c.Member != "" {
				atWork = "yes"
			}
			cells, more = []string{server.Quoted(c.Group), atWork}, []string{nameText(c.Member)}
			switch {
			case p == nil:
				return append(cells, "-", "-", "-", "-", lagText(&c.Lag), behindText(&c.Lag)), more
			case p.Lag == nil:
				return append(cells, server.Quoted(p.Topic), strconv.Itoa(int(p.Partition)), numberText(p.Committed), strconv.FormatInt(p.End, 10), "-", "-"), more
			}
			return append(cells, server.Quoted(p.Topic), strconv.Itoa(int(p.Partition)), numberText(p.Committed), strconv.FormatInt(p.End, 10),
				lagText(p.Lag), behindText(p.Lag)), more
		})
}

func (t *groupTable) partitions(d *server.GroupDetail) {
	head := []string{"TOPIC", "PARTITION", "COMMITTED", "END", "LAG", "BYTES", "BEHIND", "CLIENT", "HOST"}
	if d.Rate != nil {
		head = append(head, "CONSUMED/S", "PRODUCED/S")
	}
	t.rows(head, []string{"START", "GONE", "AGE OF COMMIT", "MEMBER"}, len(d.PartitionLag), func(i int) (cells, more []string) {
		p := &d.PartitionLag[i]
		cells = []string{server.Quoted(p.Topic), strconv.Itoa(int(p.Partition)), numberText(p.Committed), strconv.FormatInt(p.End, 10)}
		switch {
		case p.Error != "":
			cells = append(cells, "?", "?", "?")
		case p.Lag == nil:
			cells = append(cells, "-", "-", "-")
		default:
			cells = append(cells, lagText(p.Lag), disk.Bytes(p.Lag.Bytes), behindText(p.Lag))
		}
		cells = append(cells, nameText(p.Client), hostText(p.Host))
		if p.Rate != nil {
			cells = append(cells, perSecond(p.Rate.Consumed), perSecond(p.Rate.Produced))
		} else if d.Rate != nil {
			cells = append(cells, "-", "-")
		}
		return cells, []string{strconv.FormatInt(p.LogStart, 10), strconv.FormatInt(p.Gone, 10), t.ago(p.CommittedAt), nameText(p.Member)}
	})
	for i := range d.PartitionLag {
		if p := &d.PartitionLag[i]; p.Error != "" {
			t.printf("%s-%d: %s\n", server.Quoted(p.Topic), p.Partition, strings.ToValidUTF8(p.Error, "?"))
		}
	}
}

// consumerType is the type of a group whose members use the consumer protocol.
const consumerType = "consumer"

func (t *groupTable) members(d *server.GroupDetail) {
	head, wide := []string{"CLIENT", "HOST", "INSTANCE", "HEARD", "ASSIGNED", "LAG"}, []string{"OUT IN", "SUBSCRIBED", "MEMBER"}
	if d.Type == consumerType {
		head, wide = append(head, "STATE"), append(wide, "EPOCH", "TARGET", "RACK", "PROTOCOL")
	}
	t.rows(head, wide, len(d.MemberList), func(i int) (cells, more []string) {
		m := &d.MemberList[i]
		heard, left := "not yet", "-"
		if !m.Heard.IsZero() {
			heard = t.ago(m.Heard) + " ago"
		}
		if !m.Expires.IsZero() {
			left = server.SpanText(m.Expires.Sub(t.now))
		}
		client := nameText(m.Client)
		if m.Member == d.Leader {
			client += " (leader)"
		}
		cells = []string{client, hostText(m.Host), nameText(m.Instance), heard, assignedText(m.Assignment), lagText(&m.Lag)}
		more = []string{left, subscribedText(m), server.Quoted(m.Member)}
		switch c := m.GroupConsumer; {
		case d.Type != consumerType:
		case c == nil: // a classic member of a broadcast group
			cells = append(cells, "-")
			more = append(more, "-", "-", "-", "classic")
		default:
			cells = append(cells, c.State)
			more = append(more, strconv.Itoa(int(c.Epoch)), assignedText(c.Target), nameText(c.Rack), c.Protocol)
		}
		return cells, more
	})
}

func (t *groupTable) why(w *server.GroupWhy) {
	t.printf("group %s: %s\n", server.Quoted(w.Group), w.Summary)
	for i := range w.Reasons {
		r := &w.Reasons[i]
		who := ""
		if r.Client != "" || r.Host != "" {
			who = fmt.Sprintf("%s at %s: ", nameText(r.Client), hostText(r.Host))
		}
		t.printf("  %s: %s%s\n", r.Kind, who, r.Text)
	}
}

// ago is how long ago a time was.
func (t *groupTable) ago(at time.Time) string {
	if at.IsZero() {
		return "-"
	}
	return server.SpanText(t.now.Sub(at))
}

func protocolText(g *server.GroupSummary) string {
	switch {
	case g.ProtocolType == "":
		return "-"
	case g.ProtocolType == "consumer" && g.Protocol != "":
		return server.Quoted(g.Protocol)
	case g.Protocol == "":
		return server.Quoted(g.ProtocolType)
	}
	return server.Quoted(g.ProtocolType) + "/" + server.Quoted(g.Protocol)
}

// lagText is a number of records; with ~ there are no more than that.
func lagText(l *server.Lag) string {
	if l.About {
		return "~" + strconv.FormatInt(l.Records, 10)
	}
	return strconv.FormatInt(l.Records, 10)
}

func behindText(l *server.Lag) string {
	if l.Records == 0 || l.Unmeasured {
		return "-"
	}
	return server.SpanText(time.Duration(l.Seconds * float64(time.Second)))
}

func rateText(r *server.GroupRate) string {
	text := fmt.Sprintf("%s/s consumed, %s/s produced", perSecond(r.Consumed), perSecond(r.Produced))
	switch {
	case r.Drain == nil:
		return text + ": it does not catch up"
	case *r.Drain > 0:
		return text + ": caught up in " + server.SpanText(time.Duration(*r.Drain*float64(time.Second)))
	}
	return text
}

func perSecond(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

func numberText(n *int64) string {
	if n == nil {
		return "-"
	}
	return strconv.FormatInt(*n, 10)
}

func nameText(s string) string {
	if s == "" {
		return "-"
	}
	return server.Quoted(s)
}

// hostText leaves out the slash that Kafka puts before an address.
func hostText(s string) string { return nameText(strings.TrimPrefix(s, "/")) }

// assignedText lists partitions such as "orders 0-3,7 and audit 0".
func assignedText(topics []server.AssignedTopic) string {
	var all []string
	for _, a := range topics {
		if len(a.Partitions) > 0 {
			all = append(all, server.Quoted(a.Topic)+" "+server.RangesText(a.Partitions))
		}
	}
	if len(all) == 0 {
		return "-"
	}
	return strings.Join(all, " and ")
}

// subscribedText lists the topics, and the pattern that named some of them.
func subscribedText(m *server.GroupMember) string {
	text := topicsText(m.Subscription)
	if m.GroupConsumer != nil && m.Pattern != "" {
		text += " by " + server.Quoted(m.Pattern)
	}
	return text
}

func topicsText(topics []string) string {
	if len(topics) == 0 {
		return "-"
	}
	quoted := make([]string, len(topics))
	for i, name := range topics {
		quoted[i] = server.Quoted(name)
	}
	return strings.Join(quoted, ",")
}

// wordList joins words with commas and an "or".
func wordList(words []string) string {
	n := len(words) - 1
	if n < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:n], ", ") + " or " + words[n]
}
