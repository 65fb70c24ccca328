package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mainstem-mq/mainstem/internal/words"
	"github.com/mainstem-mq/mainstem/server"
)

func (t *groupTable) rewindPlan(plan *server.RewindPlan) {
	moved, named := 0, false
	var again, skipped, bytes int64
	for i := range plan.Partitions {
		x := &plan.Partitions[i]
		if x.Moves() {
			moved++
		}
		named = named || x.Committed != nil
		again, skipped, bytes = again+x.Again, skipped+x.Skipped, bytes+x.Bytes
	}
	if !named {
		t.printf("group %s has committed nothing there: nothing moves\n", words.Quoted(plan.Group))
		return
	}
	t.rows([]string{"TOPIC", "PARTITION", "COMMITTED", "TO", "AGAIN", "BYTES", "SKIPPED", "NOTE"}, nil,
		len(plan.Partitions), func(i int) (cells, more []string) {
			x := &plan.Partitions[i]
			return []string{
				words.Quoted(x.Topic), strconv.Itoa(int(x.Partition)), numberText(x.Committed), numberText(x.To),
				strconv.FormatInt(x.Again, 10), aboutBytes(x.Bytes), strconv.FormatInt(x.Skipped, 10), noteText(x.Note),
			}, nil
		})
	if len(plan.Offsets()) == 0 {
		t.printf("group %s is there already: nothing moves\n", words.Quoted(plan.Group))
		return
	}
	t.printf("group %s: %s would be moved; %s again (%s), %s skipped\n", words.Quoted(plan.Group), words.Counted(moved, "partition", "partitions"),
		words.Counted(again, "record", "records"), aboutBytes(bytes), words.Counted(skipped, "record", "records"))
	switch {
	case plan.Members == 0:
	case plan.Type == consumerType:
		t.printf("%s give up what moves and get it back, and keep the rest; what they consumed of it after their last commit comes again, too\n",
			words.Counted(plan.Members, "member", "members"))
	default:
		t.printf("%s will rebalance twice; what they consumed after their last commit comes again, too\n", words.Counted(plan.Members, "member", "members"))
	}
}

// aboutBytes marks a size that counts whole batches, of which less may move.
func aboutBytes(n int64) string {
	if n == 0 {
		return words.Bytes(0)
	}
	return "~" + words.Bytes(n)
}

// undo shows what an undo does.
func (t *groupTable) undo(r *server.GroupRewind) {
	if r.Phase != "done" {
		t.printf("group %s: the rewind of %s that is under way would be called off; what is committed stays\n", words.Quoted(r.Group),
			words.Counted(len(r.Partitions), "partition", "partitions"))
		return
	}
	t.rows([]string{"TOPIC", "PARTITION", "COMMITTED", "UNDO TO", "AGAIN", "SKIPPED"}, nil, len(r.Partitions), func(i int) (cells, more []string) {
		x := &r.Partitions[i]
		again, skipped := int64(0), int64(0)
		if x.Committed != nil && x.Undo != nil {
			again, skipped = max(*x.Committed-*x.Undo, 0), max(*x.Undo-*x.Committed, 0)
		}
		return []string{
			words.Quoted(x.Topic), strconv.Itoa(int(x.Partition)), numberText(x.Committed), numberText(x.Undo),
			strconv.FormatInt(again, 10), strconv.FormatInt(skipped, 10),
		}, nil
	})
	t.printf("group %s: the rewind of %s would be undone; members rebalance twice\n", words.Quoted(r.Group), r.Started.Format(time.RFC3339))
}

func (t *groupTable) rewound(r *server.GroupRewind, what string) {
	if r.Undo {
		what = "undo of a rewind"
	}
	t.rows([]string{"TOPIC", "PARTITION", "BEFORE", "TO"}, nil, len(r.Partitions), func(i int) (cells, more []string) {
		x := &r.Partitions[i]
		return []string{words.Quoted(x.Topic), strconv.Itoa(int(x.Partition)), numberText(x.Before), strconv.FormatInt(x.To, 10)}, nil
	})
	var rest []string
	if r.Ignored > 0 {
		rest = append(rest, words.Counted(r.Ignored, "commit", "commits")+" of before ignored")
	}
	if !r.UndoUntil.IsZero() {
		rest = append(rest, fmt.Sprintf("`mainstem group rewind %s --undo` takes it back within an hour", words.Quoted(r.Group)))
	}
	state := "done"
	if r.Phase != "done" {
		state = "under way: the members give up partitions"
	}
	t.printf("group %s: %s of %s %s", words.Quoted(r.Group), what, words.Counted(len(r.Partitions), "partition", "partitions"), state)
	if len(rest) > 0 {
		t.printf("; %s", strings.Join(rest, "; "))
	}
	t.printf("\n")
}
