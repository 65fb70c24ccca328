package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/mainstem-mq/mainstem/internal/words"
	"github.com/mainstem-mq/mainstem/server"
)

// txns shows transactional ids: all, or some that were asked for.
func (t *groupTable) txns(l *server.TxnList, some bool) {
	switch {
	case len(l.Transactions) > 0:
	case some:
		t.printf("there are no such transactional ids\n")
		return
	default:
		t.printf("there are no transactional ids: none was used here, or they have expired since\n")
		return
	}
	t.rows([]string{"TRANSACTIONAL ID", "STATE", "PARTITIONS", "OPEN", "ENDS"}, []string{"PRODUCER", "EPOCH", "TIMEOUT", "UNMARKED", "WAITING", "UPDATED", "CLIENT", "HOST"},
		len(l.Transactions), func(i int) (cells, more []string) {
			x := &l.Transactions[i]
			return []string{words.Quoted(x.ID), x.State, strconv.Itoa(x.Partitions), t.openSince(x), t.ends(x.AbortedAt)}, []string{
				strconv.FormatInt(x.ProducerID, 10), strconv.Itoa(int(x.ProducerEpoch)), timeoutText(x),
				strconv.Itoa(x.Unmarked), strconv.Itoa(x.Waiting), t.ago(x.Updated), nameText(x.ClientID), hostText(x.ClientHost),
			}
		})
}

func (t *groupTable) txn(d *server.TxnDetail) {
	t.printf("transactional id %s: %s, producer %d epoch %d, timeout %s\n", words.Quoted(d.ID), d.State, d.ProducerID, d.ProducerEpoch, timeoutText(&d.TxnSummary))
	if d.ClientID != "" || d.ClientHost != "" {
		t.printf("its producer is client %s at %s\n", nameText(d.ClientID), hostText(d.ClientHost))
	}
	if since := t.openSince(&d.TxnSummary); since != "-" {
		line := fmt.Sprintf("open for %s", since)
		if !d.AbortedAt.IsZero() {
			line += fmt.Sprintf("; the broker aborts it at %s (%s)", d.AbortedAt.UTC().Format(time.RFC3339), t.ends(d.AbortedAt))
		}
		t.printf("%s\n", line)
	}
	t.printf("%s\n%s\n", d.Why, d.Last)
	if len(d.PartitionList) == 0 {
		return
	}
	t.printf("\n")
	t.rows([]string{"TOPIC", "PARTITION", "FIRST", "HELD BACK", "SINCE", "NOTE"}, []string{"STABLE", "END"},
		len(d.PartitionList), func(i int) (cells, more []string) {
			x := &d.PartitionList[i]
			cells = []string{words.Quoted(x.Topic), strconv.Itoa(int(x.Partition))}
			if x.Open == nil {
				note := "nothing open"
				if x.Deleted {
					note = "deleted"
				}
				return append(cells, "-", "-", "-", note), []string{"-", "-"}
			}
			return append(cells, strconv.FormatInt(x.Open.First, 10), heldBack(x.Open), t.ago(x.Open.Since), openNote(x.Open, x.HeldBy)),
				[]string{strconv.FormatInt(x.Open.LastStable, 10), strconv.FormatInt(x.Open.HighWatermark, 10)}
		})
}

// openAsked is what of all that is open was asked for.
type openAsked struct {
	hanging bool // only what hangs
	some    bool // only in some topics
	preview bool // before the command that ends it
}

func (t *groupTable) openTxns(l *server.OpenTxnList, asked openAsked) {
	if len(l.Open) == 0 {
		what, where := "is open", "any partition"
		if asked.hanging {
			what = "hangs"
		}
		if asked.some {
			where += " that was asked for"
		}
		t.printf("no transaction %s in %s\n", what, where)
		return
	}
	t.rows([]string{"TOPIC", "PARTITION", "FIRST", "HELD BACK", "SINCE", "PRODUCER", "TRANSACTIONAL ID", "STATE", "ENDS", "NOTE"},
		[]string{"EPOCH", "STABLE", "END", "CLIENT", "HOST"},
		len(l.Open), func(i int) (cells, more []string) {
			x := &l.Open[i]
			cells = []string{
				words.Quoted(x.Topic), strconv.Itoa(int(x.Partition)), strconv.FormatInt(x.First, 10), heldBack(x), t.ago(x.Since),
				strconv.FormatInt(x.ProducerID, 10), nameText(x.ID), nameText(x.State), t.openEnds(x), openNote(x, nil),
			}
			return cells, []string{
				strconv.Itoa(int(x.ProducerEpoch)), strconv.FormatInt(x.LastStable, 10), strconv.FormatInt(x.HighWatermark, 10),
				nameText(x.ClientID), hostText(x.ClientHost),
			}
		})
	for i := range l.Open {
		if x := &l.Open[i]; x.Hanging && !asked.preview && t.err == nil {
			t.printf("\na hanging transaction is ended by: mainstem txn abort --topic %s --partition %d --producer %d\n", words.Quoted(x.Topic), x.Partition, x.ProducerID)
			break // one shows how
		}
	}
}

// openEnds is when a transaction ends that is open in a partition.
func (t *groupTable) openEnds(x *server.OpenTxnDetail) string {
	switch {
	case x.Hanging:
		return "never"
	case x.State == "PrepareCommit", x.State == "PrepareAbort":
		return "with its marker"
	}
	return t.ends(x.AbortedAt)
}

// openSince is for how long a transaction is open; those that are over keep their
// start.
func (t *groupTable) openSince(x *server.TxnSummary) string {
	switch x.State {
	case "Ongoing", "PrepareCommit", "PrepareAbort":
		return t.ago(x.Started)
	}
	return "-"
}

// ends is how soon the broker aborts a transaction.
func (t *groupTable) ends(at time.Time) string {
	switch {
	case at.IsZero():
		return "-"
	case !at.After(t.now):
		return "now"
	}
	return "in " + words.Span(at.Sub(t.now))
}

func timeoutText(x *server.TxnSummary) string {
	return words.Span(time.Duration(x.TimeoutSeconds * float64(time.Second)))
}

// heldBack is how many records who reads committed data does not get yet, because
// of this transaction or an older one.
func heldBack(o *server.OpenTxnDetail) string {
	return strconv.FormatInt(max(o.HighWatermark-o.LastStable, 0), 10)
}

// openNote says what a transaction does to readers of a partition; by is the one that
// they wait for first, where that is known.
func openNote(o, by *server.OpenTxnDetail) string {
	switch {
	case o.Hanging && o.Holds:
		return "holds, hanging"
	case o.Holds:
		return "holds"
	case by != nil:
		return heldByText(by)
	case o.Hanging:
		return "behind an older one, hanging"
	}
	return "behind an older one"
}

func heldByText(by *server.OpenTxnDetail) string {
	if by.ID != "" && !by.Hanging {
		return "behind that of " + words.Quoted(by.ID)
	}
	text := fmt.Sprintf("behind that of producer %d", by.ProducerID)
	if by.Hanging {
		text += ", which hangs"
	}
	return text
}
