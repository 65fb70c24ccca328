package binlog

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
)

// row is one of the table. Version counts the changes of its id.
type row struct {
	ID      int     `json:"id"`
	Version int     `json:"version"`
	Name    string  `json:"name"`
	Note    *string `json:"note"`
	Balance int64   `json:"balance"`
}

func (r row) String() string {
	note := "NULL"
	if r.Note != nil {
		note = fmt.Sprintf("%q", *r.Note)
	}
	return fmt.Sprintf("(%d, %d, %q, %s, %d)", r.ID, r.Version, r.Name, note, r.Balance)
}

// change is what one statement did to a row, in the words of Debezium: c, u, d, and r
// for what was there before. A delete has the row that was deleted.
type change struct {
	op  string
	row row
}

// number is which change of its id this is: the first is 1.
func (c change) number() int {
	if c.op == "d" {
		return c.row.Version + 1
	}
	return c.row.Version
}

// same tells whether two are one change; a row that was there before was created.
func (c change) same(other change) bool {
	if c.op == "r" {
		c.op = "c"
	}
	return c.op == other.op && reflect.DeepEqual(c.row, other.row)
}

// ids are of the rows that change.
const ids = 40

// history is what was done to the table, by id and in order.
type history struct {
	changes map[int][]change
	rng     *rand.Rand
	count   int
}

func newHistory(seed uint64) *history {
	return &history{changes: map[int][]change{}, rng: rand.New(rand.NewPCG(seed, 0))}
}

// rows is what the table must hold.
func (h *history) rows() map[int]row {
	all := map[int]row{}
	for id, changes := range h.changes {
		if last := changes[len(changes)-1]; last.op != "d" {
			all[id] = last.row
		}
	}
	return all
}

// insertAll is the statements that insert all rows.
func (h *history) insertAll() string {
	var b strings.Builder
	for id := range ids {
		b.WriteString(h.change(id, "c"))
	}
	return b.String()
}

// transaction is the statements of a transaction, on one to four rows. One in ten is
// rolled back, and is in no binlog.
func (h *history) transaction() string {
	if h.rng.IntN(10) == 0 {
		return "START TRANSACTION; UPDATE accounts SET balance = 0, version = -1; ROLLBACK;"
	}
	var b strings.Builder
	b.WriteString("START TRANSACTION;")
	for range 1 + h.rng.IntN(4) {
		id := h.rng.IntN(ids)
		last := h.changes[id][len(h.changes[id])-1]
		switch {
		case last.op == "d":
			b.WriteString(h.change(id, "c"))
		case h.rng.IntN(4) == 0:
			b.WriteString(h.change(id, "d"))
		default:
			b.WriteString(h.change(id, "u"))
		}
	}
	b.WriteString("COMMIT;")
	return b.String()
}

// change notes a change of a row, and returns its statement.
func (h *history) change(id int, op string) string {
	r := row{ID: id, Version: len(h.changes[id]) + 1, Name: fmt.Sprintf("Zoë %d 東京 '☂'", h.rng.IntN(1000)), Balance: h.rng.Int64() - 1<<62}
	if h.rng.IntN(3) > 0 {
		note := strings.Repeat("of some length, ", h.rng.IntN(20))
		r.Note = &note
	}
	note := "NULL"
	if r.Note != nil {
		note = quote(*r.Note)
	}
	values := fmt.Sprintf("version = %d, name = %s, note = %s, balance = %d", r.Version, quote(r.Name), note, r.Balance)
	statement := ""
	switch op {
	case "c":
		statement = fmt.Sprintf("INSERT INTO accounts SET id = %d, %s;", id, values)
	case "u":
		statement = fmt.Sprintf("UPDATE accounts SET %s WHERE id = %d;", values, id)
	default:
		changes := h.changes[id]
		r = changes[len(changes)-1].row
		statement = fmt.Sprintf("DELETE FROM accounts WHERE id = %d;", id)
	}
	h.changes[id] = append(h.changes[id], change{op, r})
	h.count++
	return statement
}

// quote is a text in a statement.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
