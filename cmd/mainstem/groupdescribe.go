package main

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mainstem-mq/mainstem/cli"
	"github.com/mainstem-mq/mainstem/internal/words"
	"github.com/mainstem-mq/mainstem/server"
)

const groupDescribeLong = `Show one group: each partition with the committed offset, the end, and the lag in
records, bytes and time, and each member. With --rate it watches for that long and
says how fast the group consumes, and when it will have caught up.

--topics and --lagging leave partitions out of the list; the lag at the top is that of
the whole group all the same. --lagging shows those with something left to read, or of
which that is not known (an error). Those for which nothing is committed (-) have no lag
and are not among them: "group why" names them if they stay so. Nor does --rate count
them; it says how many of them members have and records are in.`

func newGroupDescribe(p process) *cobra.Command {
	var f groupFlags
	var over time.Duration
	var topics topicsFlag
	var lagging bool
	c := &cobra.Command{
		Use:   "describe NAME",
		Short: "Show the partitions and members of a group",
		Long:  groupDescribeLong,
		Example: `  mainstem group describe orders
  mainstem group describe orders --rate 5s -o wide
  mainstem group describe orders --lagging --topics payments,refunds`,
		Args: oneGroup,
		RunE: func(cmd *cobra.Command, args []string) error {
			r := request{path: groupPath(args[0]), query: url.Values{}, wait: over}
			if over != 0 {
				r.query.Set("rate", over.String())
			}
			if topics != nil {
				r.query.Set("topics", topics.String())
			}
			if lagging {
				r.query.Set("lagging", "true")
			}
			var d server.GroupDetail
			return f.show(cmd, p, r, &d, func(t *groupTable) { t.describe(&d) })
		},
	}
	c.Flags().Var((*cli.SpanFlag)(&over), "rate", "watch for `TIME`, such as 5s, to tell how fast the group is")
	c.Flags().Var(&topics, "topics", "list only partitions of these `TOPICS`; separated by commas")
	c.Flags().BoolVar(&lagging, "lagging", false, "list only partitions with something left to read, or of which that is not known")
	f.register(c, outputTable, outputWide, outputJSON)
	return c
}

func (t *groupTable) describe(d *server.GroupDetail) {
	t.printf("group %s: %s, ", words.Quoted(d.Group), d.Type)
	if d.Mode == modeBroadcast {
		t.printf("broadcast, ")
	}
	t.printf("%s", d.State)
	if !d.Since.IsZero() {
		t.printf(" for %s", words.Span(t.now.Sub(d.Since)))
	}
	t.printf(", %s", words.Counted(d.Members, "member", "members"))
	if d.ProtocolType != "" {
		word := "generation"
		if d.Type == consumerType {
			word = "epoch"
		}
		if protocol := protocolText(&d.GroupSummary); protocol != "-" {
			t.printf(", protocol %s", protocol)
		}
		if d.Mode != modeBroadcast { // there each member has its own
			t.printf(", %s %d", word, d.Generation)
		}
		if d.AssignmentEpoch > 0 && d.AssignmentEpoch < d.Generation {
			t.printf(" (assigned: %d)", d.AssignmentEpoch)
		}
	}
	t.printf("\nlag: %s records, %s", lagText(&d.Lag), words.Bytes(d.Lag.Bytes))
	switch {
	case d.Lag.Markers:
		t.printf(", all of them ends of transactions, which no consumer is given")
	case d.Lag.Records > 0:
		t.printf(", the oldest there for %s", behindText(&d.Lag))
	}
	if d.Rate != nil {
		t.printf("; %s", rateText(d.Rate))
	}
	t.printf("\n")
	if d.Rewind.Phase == "emptying" {
		t.printf("rewind: under way for %s; `mainstem group why %s` says whom it waits for\n",
			words.Span(t.now.Sub(d.Rewind.Started)), words.Quoted(d.Group))
	}
	if len(d.PartitionLag) > 0 {
		t.printf("\n")
		t.partitions(d)
	}
	if d.Hidden > 0 {
		t.printf("\n%s left out\n", words.Counted(d.Hidden, "partition", "partitions"))
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
			cells, more = []string{words.Quoted(c.Group), atWork}, []string{nameText(c.Member)}
			switch {
			case p == nil:
				return append(cells, "-", "-", "-", "-", lagText(&c.Lag), behindText(&c.Lag)), more
			case p.Lag == nil:
				return append(cells, words.Quoted(p.Topic), strconv.Itoa(int(p.Partition)), numberText(p.Committed), strconv.FormatInt(p.End, 10), "-", "-"), more
			}
			return append(cells, words.Quoted(p.Topic), strconv.Itoa(int(p.Partition)), numberText(p.Committed), strconv.FormatInt(p.End, 10),
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
		cells = []string{words.Quoted(p.Topic), strconv.Itoa(int(p.Partition)), numberText(p.Committed), strconv.FormatInt(p.End, 10)}
		switch {
		case p.Error != "":
			cells = append(cells, "?", "?", "?")
		case p.Lag == nil:
			cells = append(cells, "-", "-", "-")
		default:
			cells = append(cells, lagText(p.Lag), words.Bytes(p.Lag.Bytes), behindText(p.Lag))
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
			t.printf("%s-%d: %s\n", words.Quoted(p.Topic), p.Partition, strings.ToValidUTF8(p.Error, "?"))
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
			left = words.Span(m.Expires.Sub(t.now))
		}
		client := nameText(m.Client)
		if m.Member == d.Leader {
			client += " (leader)"
		}
		cells = []string{client, hostText(m.Host), nameText(m.Instance), heard, assignedText(m.Assignment), lagText(&m.Lag)}
		more = []string{left, subscribedText(m), words.Quoted(m.Member)}
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

func rateText(r *server.GroupRate) string {
	text := fmt.Sprintf("%s/s consumed, %s/s produced", perSecond(r.Consumed), perSecond(r.Produced))
	switch {
	case r.Drain == nil:
		text += ": it does not catch up"
	case *r.Drain > 0:
		text += ": caught up in " + words.Span(time.Duration(*r.Drain*float64(time.Second)))
	}
	if r.Uncommitted > 0 {
		text += ", not counting " + words.Counted(r.Uncommitted, "partition", "partitions") + " that had nothing committed"
	}
	return text
}

func perSecond(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

// assignedText lists partitions such as "orders 0-3,7 and audit 0".
func assignedText(topics []server.AssignedTopic) string {
	var all []string
	for _, a := range topics {
		if len(a.Partitions) > 0 {
			all = append(all, words.Quoted(a.Topic)+" "+words.Ranges(a.Partitions))
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
		text += " by " + words.Quoted(m.Pattern)
	}
	return text
}

func topicsText(topics []string) string {
	if len(topics) == 0 {
		return "-"
	}
	quoted := make([]string, len(topics))
	for i, name := range topics {
		quoted[i] = words.Quoted(name)
	}
	return strings.Join(quoted, ",")
}
