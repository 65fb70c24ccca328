package binlog

import (
	"slices"
	"testing"
)

// TestCheck: changes of which something is missing, altered or in disorder is found out.
func TestCheck(t *testing.T) {
	h := newHistory(1)
	h.insertAll()
	for range 100 {
		h.transaction()
	}
	busy := 0
	for id, changes := range h.changes {
		if len(changes) > len(h.changes[busy]) {
			busy = id
		}
	}
	only := func() []change { return slices.Clone(h.changes[busy]) }
	for _, c := range []struct {
		name         string
		change       func() []change // of the busy id
		once, repeat bool            // passes
	}{
		{"whole", only, true, true},
		{"lost", func() []change { return slices.Delete(only(), 2, 3) }, false, false},
		{"lost at the end", func() []change { return only()[:len(only())-1] }, false, false},
		{"swapped", func() []change { l := only(); l[2], l[3] = l[3], l[2]; return l }, false, false},
		{"again from before", func() []change { return slices.Insert(only(), 4, only()[2:4]...) }, false, true},
		{"again at the end", func() []change { return append(only(), only()[0]) }, false, false},
		{"changed", func() []change { l := only(); l[1].row.Balance++; return l }, false, false},
		{"other op", func() []change { l := only(); l[0].op = "u"; return l }, false, false},
	} {
		cs := copyOf(h)
		cs.list = slices.DeleteFunc(cs.list, func(x change) bool { return x.row.ID == busy })
		cs.list = append(cs.list, c.change()...)
		for _, repeats := range []bool{false, true} {
			want := c.once
			if repeats {
				want = c.repeat
			}
			if _, err := cs.check(h, repeats); (err == nil) != want {
				t.Errorf("%s, repeats %t: %v", c.name, repeats, err)
			}
		}
	}
}
