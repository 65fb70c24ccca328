package groups

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// Rewind takes a group of three that commits by itself back with `mainstem group
// rewind` while it works. Each record from the mark on is delivered again
// once for each rewind, and none before it; --dry-run says what will be done, and
// --undo takes it back.
func Rewind(t *testing.T, shared *testbroker.Shared, c *Client) {
	testbroker.Quick(t)
	mainstemOnly(t, shared)
	each(t, shared, c, c.Flavours, rewind)
}

// old is how many records each partition has before the group starts.
const old = 100

func rewind(_ *testing.T, w *world) {
	w.join(earliest, earliest, earliest)
	// Before there is anything: some clients repeat records when others join.
	w.awaitShared("three join", w.members...)
	l := w.newLoad()
	begin := time.Now().Add(-time.Hour).Truncate(time.Second)
	l.write(old, func(o int64) time.Time { return begin.Add(time.Duration(o) * time.Second) })
	first := l.sent()
	w.awaitDelivered("the first time", w.start(), first, exactly(1), w.members...)
	w.awaitCommitted("the first time", first)

	said := w.rewindAsSaid(l)

	// Now while records come all the time, to an offset and to a time.
	l.run()
	back := w.takeTo(l, 40, "--to=40")
	since := l.sent()
	w.awaitDelivered("back to an offset", w.start(), since, deliveredBy(w.flavour.Repeats, said, back), w.members...)
	w.awaitBehind("before the next", since)
	backAgain := w.takeTo(l, 60, "--to="+begin.Add(60*time.Second).UTC().Format(time.RFC3339))
	l.stop()
	all := deliveredBy(w.flavour.Repeats, said, back, backAgain)
	w.awaitDelivered("back to a time", w.start(), l.sent(), all, w.members...)
	w.awaitCommitted("back to a time", l.sent())
	w.awaitDelivered("nothing came later", w.start(), l.sent(), all, w.members...)

	w.undone(l)
	w.checkOwners()
}

// again wants each record once, and once more for each mark at or before it.
func again(marks ...int64) bounds {
	return func(_ int, offset int64) (int, int) {
		n := 1
		for _, m := range marks {
			if m <= offset {
				n++
			}
		}
		return n, n
	}
}

// plan is what `mainstem group rewind --dry-run -o json` prints.
type plan struct {
	DryRun     bool
	Members    int
	Partitions []struct {
		Topic     string
		Partition int32
		Committed *int64
		To        *int64
		Again     int64
		Skipped   int64
	}
}

// status is what a rewind prints when it is done.
type status struct {
	Phase      string
	Undo       bool
	Partitions []struct {
		Topic     string
		Partition int32
		Before    *int64
		To        int64
	}
}

// rewindAsSaid asks first what a rewind would do, then rewinds: just that must
// come of it. Nothing is produced meanwhile.
func (w *world) rewindAsSaid(l *load) status {
	w.t.Helper()
	const back = 30
	ends := l.sent()
	moves := w.allMoves()
	var said plan
	w.groupVerb("rewind", &said, w.group, "--to=-30", "--dry-run")
	if !said.DryRun || said.Members != len(w.members) || len(said.Partitions) != len(ends) {
		w.t.Fatalf("--dry-run: %+v", said)
	}
	for i, p := range said.Partitions {
		end := ends[i]
		if p.Topic != w.topic || int(p.Partition) != i || p.Committed == nil || *p.Committed != end || p.To == nil || *p.To != end-back ||
			p.Again != back || p.Skipped != 0 {
			w.t.Errorf("--dry-run: partition %d: %+v, want %d records again up to %d", i, p, back, end)
		}
	}
	at, err := w.committedAt()
	if err != nil || !slices.Equal(at, ends) || w.allMoves() != moves {
		w.t.Errorf("--dry-run moved something: committed is %v, %v, partitions moved %d times", at, err, w.allMoves()-moves)
	}
	done := w.take("--to=-30")
	for i, p := range done.Partitions {
		if p.Before == nil || *p.Before != ends[i] || p.To != ends[i]-back {
			w.t.Errorf("rewound: partition %d: %+v; --dry-run said %+v", i, p, said.Partitions[i])
		}
	}
	w.awaitDelivered("as --dry-run said", w.start(), ends, again(ends[0]-back), w.members...)
	w.awaitCommitted("as --dry-run said", ends)
	w.awaitShared("after the rewind", w.members...)
	return done
}

// undone rewinds members that take their time, and takes that back: they do not
// get all again, and go on where they were.
func (w *world) undone(l *load) {
	w.t.Helper()
	ends := l.sent()
	had, err := deliveries(w.partitions, w.members...)
	if err != nil {
		w.t.Fatal(err)
	}
	// A partition's records take longer than the two rewinds and starting the
	// command twice.
	pace := fmt.Sprint("pace ", 1+(20*time.Second).Milliseconds()/slices.Max(ends))
	for _, m := range w.members {
		m.Tell(w.t, pace)
	}
	w.take("--to=earliest", "--topics="+w.topic)
	if done := w.take("--undo"); !done.Undo {
		w.t.Errorf("--undo: %+v", done)
	}
	for _, m := range w.members {
		m.Tell(w.t, "pace 0")
	}
	l.write(10, nil)
	w.awaitDelivered("after an undo", ends, l.sent(), exactly(1), w.members...)
	w.awaitCommitted("after an undo", l.sent())
	got, err := deliveries(w.partitions, w.members...)
	if err != nil {
		w.t.Fatal(err)
	}
	for p := range ends {
		if err := prefix(had, got, p, ends[p]); err != nil {
			w.t.Errorf("a rewind that was undone: partition %d: %v", p, err)
		}
	}
}

// prefix checks that of a partition some of the first records were delivered once
// more, and not all.
func prefix(had, got ledger, p int, end int64) error {
	more := int64(0)
	for more < end && got.times(p, more) == had.times(p, more)+1 {
		more++
	}
	if more == end {
		return fmt.Errorf("all %d records were delivered again", end)
	}
	for o := more; o < end; o++ {
		if n := got.times(p, o) - had.times(p, o); n != 0 {
			return fmt.Errorf("offset %d was delivered %d times more, those from %d on were not", o, n, more)
		}
	}
	return nil
}

func (w *world) allMoves() (n int) {
	for _, m := range w.members {
		n += m.moves()
	}
	return n
}

// awaitBehind waits until at least so much is committed.
func (w *world) awaitBehind(what string, least []int64) {
	w.t.Helper()
	w.await(what, func() error {
		at, err := w.committedAt()
		if err != nil {
			return err
		}
		for p := range at {
			if at[p] < least[p] {
				return fmt.Errorf("committed is %v, less than %v", at, least)
			}
		}
		return nil
	})
}

// take takes the group somewhere and waits until it is there.
func (w *world) take(where ...string) status {
	w.t.Helper()
	var done status
	w.rewound = true
	w.groupVerb("rewind", &done, append([]string{w.group, "--yes"}, where...)...)
	if done.Phase != "done" {
		w.t.Fatalf("rewind %v: %+v", where, done)
	}
	return done
}

// groupVerb runs `mainstem group` and reads what it prints.
func (w *world) groupVerb(verb string, v any, args ...string) {
	w.t.Helper()
	out, err := mainstem(w.ctx, w.shared, append([]string{"group", verb, "-o", "json"}, args...)...)
	if err != nil {
		w.t.Fatal(err)
	}
	if out.Code != 0 {
		w.t.Fatalf("mainstem group %s %v: exit code %d\n%s%s", verb, args, out.Code, out.Stdout, out.Stderr)
	}
	if err := json.Unmarshal([]byte(out.Stdout), v); err != nil {
		w.t.Fatalf("mainstem group %s %v: %v\n%s", verb, args, err, out.Stdout)
	}
}
