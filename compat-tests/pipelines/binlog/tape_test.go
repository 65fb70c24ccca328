package binlog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// tape is what is in a topic, as it comes in.
type tape struct {
	mu      sync.Mutex
	changes []change
	deleted map[int]bool // by id: the newest record is a tombstone
	err     error
}

// record begins to read a topic, as committed, until the test ends.
func record(t *testing.T, topic string) *tape {
	t.Helper()
	cl := shared.Client(t, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	tp := &tape{deleted: map[int]bool{}}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			// What goes wrong while the broker is away is tried again.
			cl.PollFetches(ctx).EachRecord(tp.add)
		}
	}()
	t.Cleanup(func() { cancel(); <-ended })
	return tp
}

// envelope is how Debezium, and the light reader, write a change.
type envelope struct {
	Op            string
	Before, After *row
}

func (tp *tape) add(r *kgo.Record) {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	id, err := keyOf(r.Key)
	if err != nil {
		tp.err = fmt.Errorf("offset %d has the key %q: %w", r.Offset, r.Key, err)
		return
	}
	tp.deleted[id] = r.Value == nil
	if r.Value == nil {
		return
	}
	var e envelope
	if err := json.Unmarshal(r.Value, &e); err != nil {
		tp.err = fmt.Errorf("offset %d: %w: %s", r.Offset, err, r.Value)
		return
	}
	now := e.After
	if e.Op == "d" {
		now = e.Before
	}
	if now == nil {
		tp.err = fmt.Errorf("offset %d has no row: %s", r.Offset, r.Value)
		return
	}
	tp.changes = append(tp.changes, change{e.Op, *now})
}

// keyOf is the id in a key: alone, or as Debezium has it.
func keyOf(key []byte) (int, error) {
	var columns struct{ ID *int }
	if json.Unmarshal(key, &columns) == nil && columns.ID != nil {
		return *columns.ID, nil
	}
	return strconv.Atoi(string(key))
}

// length is how many changes there are.
func (tp *tape) length() int {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	return len(tp.changes)
}

// until waits until the tape is so long, while the writer goes on.
func (tp *tape) until(t *testing.T, count int) {
	t.Helper()
	testbroker.Eventually(t, troubleTime, func() error {
		tp.mu.Lock()
		defer tp.mu.Unlock()
		if tp.err != nil {
			t.Fatal(tp.err)
		}
		if len(tp.changes) < count {
			return fmt.Errorf("%d changes of %d are in the topic", len(tp.changes), count)
		}
		return nil
	})
}

// whole waits until the table made from the tape is the database's, and then checks
// all of the tape.
func (tp *tape) whole(t *testing.T, h *history, db *mariaDB, repeats bool) {
	t.Helper()
	want, err := db.rows(t)
	if err != nil {
		t.Fatal(err)
	}
	if made := h.rows(); !reflect.DeepEqual(made, want) {
		t.Fatalf("the database has %v, expected %v", want, made)
	}
	testbroker.Eventually(t, troubleTime, func() error { return tp.complete(h) })
	tp.mu.Lock()
	defer tp.mu.Unlock()
	if got := tp.rows(); !reflect.DeepEqual(got, want) {
		t.Errorf("the table made from the topic has %v, the database has %v", got, want)
	}
	again, err := tp.check(h, repeats)
	if err != nil {
		t.Error(err)
	}
	t.Logf("%d changes, %d delivered again", h.count, again)
}

// complete tells what is not there yet: the last change of each id, and after a
// delete its tombstone.
func (tp *tape) complete(h *history) error {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	last := map[int]int{}
	for _, c := range tp.changes {
		last[c.row.ID] = c.number()
	}
	for id, changes := range h.changes {
		if last[id] != len(changes) {
			return fmt.Errorf("row %d: change %d of %d is the last in the topic (%d changes of %d in all)", id, last[id], len(changes), len(tp.changes), h.count)
		}
		if gone := changes[len(changes)-1].op == "d"; gone != tp.deleted[id] {
			return fmt.Errorf("row %d: deleted %t, and its last record is a tombstone: %t", id, gone, tp.deleted[id])
		}
	}
	return tp.err
}

// rows is the table that whoever applies the topic has.
func (tp *tape) rows() map[int]row {
	all := map[int]row{}
	for _, c := range tp.changes {
		if c.op == "d" {
			delete(all, c.row.ID)
		} else {
			all[c.row.ID] = c.row
		}
	}
	return all
}

// check compares each change with the one that was made. Those of an id come one by
// one in their order; where a reader may begin again from an earlier position, after
// one comes the next or an earlier one. It returns how many were there before.
func (tp *tape) check(h *history, repeats bool) (again int, err error) {
	last := map[int]int{}
	for i, c := range tp.changes {
		id, n := c.row.ID, c.number()
		made := h.changes[id]
		switch {
		case n < 1 || n > len(made) || !c.same(made[n-1]):
			err = errors.Join(err, fmt.Errorf("record %d: %v was never made", i, c))
		case n > last[id]+1:
			err = errors.Join(err, fmt.Errorf("record %d: change %d of row %d comes after %d", i, n, id, last[id]))
		case n <= last[id] && !repeats:
			err = errors.Join(err, fmt.Errorf("record %d: change %d of row %d comes again after %d", i, n, id, last[id]))
		case n <= last[id]:
			again++
		}
		last[id] = n
	}
	for id, made := range h.changes {
		if last[id] != len(made) {
			err = errors.Join(err, fmt.Errorf("row %d: its last change is %d, expected %d", id, last[id], len(made)))
		}
	}
	return again, err
}

// copyOf is a tape of a history without a broker.
func copyOf(h *history) *tape {
	tp := &tape{}
	for id := range h.changes {
		tp.changes = append(tp.changes, slices.Clone(h.changes[id])...)
	}
	return tp
}
