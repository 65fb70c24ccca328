package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/mainstem-mq/mainstem/internal/words"
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

func (t *groupTable) list(l *server.GroupList, filtered bool) {
	switch {
	case len(l.Groups) > 0:
	case filtered:
		t.printf("there are no such groups\n")
		return
	default:
		t.printf("there are no groups\n")
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
				words.Quoted(g.Group), g.Type, nameText(g.Mode), state, strconv.Itoa(g.Members), strconv.Itoa(g.Partitions), lagText(&g.Lag), behindText(&g.Lag),
			}, []string{bytesText(&g.Lag), protocolText(g), generation, t.ago(g.Since)}
		})
}

func (t *groupTable) why(w *server.GroupWhy) {
	t.printf("group %s: %s\n", words.Quoted(w.Group), w.Summary)
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
	return words.Span(t.now.Sub(at))
}

func protocolText(g *server.GroupSummary) string {
	switch {
	case g.ProtocolType == "":
		return "-"
	case g.ProtocolType == "consumer": // as nearly all are: the assignor says more
		return nameText(g.Protocol)
	case g.Protocol == "":
		return words.Quoted(g.ProtocolType)
	}
	return words.Quoted(g.ProtocolType) + "/" + words.Quoted(g.Protocol)
}

// lagText is a number of records; with ~ there are no more than that.
func lagText(l *server.Lag) string {
	if l.About {
		return "~" + strconv.FormatInt(l.Records, 10)
	}
	return strconv.FormatInt(l.Records, 10)
}

// unmeasured stands for what was not looked up.
const unmeasured = "?"

func bytesText(l *server.Lag) string {
	if l.Unmeasured {
		return unmeasured
	}
	return words.Bytes(l.Bytes)
}

func behindText(l *server.Lag) string {
	switch {
	case l.Records == 0 || l.Markers:
		return "-"
	case l.Unmeasured:
		return unmeasured
	}
	return words.Span(time.Duration(l.Seconds * float64(time.Second)))
}

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
	return words.Quoted(s)
}

// hostText leaves out the slash that Kafka puts before an address.
func hostText(s string) string { return nameText(strings.TrimPrefix(s, "/")) }

// wordList joins words with commas and an "or".
func wordList(words []string) string {
	n := len(words) - 1
	if n < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:n], ", ") + " or " + words[n]
}
