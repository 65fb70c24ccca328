package binlog

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
	"github.com/mainstem-mq/mainstem/compat-tests/pipelines/tape"
)

// topic is what a pipeline writes to, as it comes in.
type topic struct{ tape *tape.Tape }

// record begins to read a topic, as committed, until the test ends.
func record(t *testing.T, name string) topic {
	t.Helper()
	return topic{tape.Record(t, shared.Addr(), name)}
}

// changes are those in a topic, in the order in which they are there.
type changes struct {
	list    []change
	deleted map[int]bool // by id: the newest record is a tombstone
}

// changesIn reads the changes of some records.
func changesIn(records []*kgo.Record) (changes, error) {
	cs := changes{deleted: map[int]bool{}}
	for _, r := range records {
		if err := cs.add(r); err != nil {
			return changes{}, fmt.Errorf("offset %d, key %q, value %s: %w", r.Offset, r.Key, r.Value, err)
		}
	}
	return cs, nil
}

// envelope is how Debezium, and the light reader, write a change.
type envelope struct {
	Op            string
	Before, After *row
}

func (cs *changes) add(r *kgo.Record) error {
	id, err := keyOf(r.Key)
	if err != nil {
		return err
	}
	cs.deleted[id] = r.Value == nil
	if r.Value == nil {
		return nil
	}
	var e envelope
	if err := json.Unmarshal(r.Value, &e); err != nil {
		return err
	}
	now := e.After
	if e.Op == "d" {
		now = e.Before
	}
	if now == nil {
		return errors.New("it has no row")
	}
	cs.list = append(cs.list, change{e.Op, *now})
	return nil
}

// keyOf is the id in a key: alone, or as Debezium has it.
func keyOf(key []byte) (int, error) {
	var columns struct{ ID *int }
	if json.Unmarshal(key, &columns) == nil && columns.ID != nil {
		return *columns.ID, nil
	}
	return strconv.Atoi(string(key))
}

// changes are those that were read so far.
func (tp topic) changes(t *testing.T) changes {
	t.Helper()
	cs, err := changesIn(tp.tape.Records())
	if err := errors.Join(tp.tape.Err(), err); err != nil {
		t.Fatal(err)
	}
	return cs
}

// length is how many changes there are.
func (tp topic) length(t *testing.T) int {
	t.Helper()
	return len(tp.changes(t).list)
}

// until waits until there are so many changes, while the writer goes on.
func (tp topic) until(t *testing.T, count int) {
	t.Helper()
	testbroker.Eventually(t, troubleTime, func() error {
		if n := tp.length(t); n < count {
			return fmt.Errorf("%d changes of %d are in the topic", n, count)
		}
		return nil
	})
}

// whole waits until the table made from the topic is the database's, and then checks
// all of the topic.
func (tp topic) whole(t *testing.T, h *history, db *mariaDB, repeats bool) {
	t.Helper()
	want, err := db.rows(t)
	if err != nil {
		t.Fatal(err)
	}
	if made := h.rows(); !reflect.DeepEqual(made, want) {
		t.Fatalf("the database has %v, expected %v", want, made)
	}
	testbroker.Eventually(t, troubleTime, func() error { return tp.changes(t).complete(h) })
	cs := tp.changes(t)
	if got := cs.rows(); !reflect.DeepEqual(got, want) {
		t.Errorf("the table made from the topic has %v, the database has %v", got, want)
	}
	again, err := cs.check(h, repeats)
	if err != nil {
		t.Error(err)
	}
	t.Logf("%d changes, %d delivered again", h.count, again)
}

// complete tells what is not there yet: the last change of each id, and after a
// delete its tombstone.
func (cs changes) complete(h *history) error {
	last := map[int]int{}
	for _, c := range cs.list {
		last[c.row.ID] = c.number()
	}
	for id, changes := range h.changes {
		if last[id] != len(changes) {
			return fmt.Errorf("row %d: change %d of %d is the last in the topic (%d changes of %d in all)", id, last[id], len(changes), len(cs.list), h.count)
		}
		if gone := changes[len(changes)-1].op == "d"; gone != cs.deleted[id] {
			return fmt.Errorf("row %d: deleted %t, and its last record is a tombstone: %t", id, gone, cs.deleted[id])
		}
	}
	return nil
}

// rows is the table that whoever applies the topic has.
func (cs changes) rows() map[int]row {
	all := map[int]row{}
	for _, c := range cs.list {
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
func (cs changes) check(h *history, repeats bool) (again int, err error) {
	last := map[int]int{}
	for i, c := range cs.list {
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

// copyOf is a history as it would be in a topic.
func copyOf(h *history) (cs changes) {
	for id := range h.changes {
		cs.list = append(cs.list, slices.Clone(h.changes[id])...)
	}
	return cs
}
