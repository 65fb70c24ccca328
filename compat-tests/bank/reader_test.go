package bank

import (
	"strings"
	"testing"
)

// read is a leg where an observer read it.
type read struct {
	at place
	e  entry
}

func leg(p int32, offset int64, clerk int, n int64, leg int, amount int64) read {
	return read{place{p, offset}, entry{transfer{clerk, n}, leg, 2, amount}}
}

// TestReader plants what a broker could do wrong, and wants each found.
func TestReader(t *testing.T) {
	fates := map[transfer]fate{{0, 1}: committed, {0, 2}: aborted, {0, 3}: asked, {1, 1}: committed, {1, 2}: open}
	a1, a2 := leg(0, 0, 0, 1, 0, -5), leg(1, 0, 0, 1, 1, 5)
	b1, b2 := leg(0, 5, 1, 1, 0, -7), leg(1, 4, 1, 1, 1, 7)
	u1, u2 := leg(0, 7, 0, 3, 0, 1), leg(1, 8, 0, 3, 1, -1)
	for _, c := range []struct {
		name  string
		reads []read
		want  string
	}{
		{"right, the unknown one not committed", []read{a1, b1, a2, b2}, ""},
		{"right, the unknown one committed", []read{a1, b1, a2, b2, u1, u2}, ""},
		{"a committed one is missing", []read{a1, a2}, "nothing of it is read"},
		{"half of a committed one", []read{a1, a2, b1}, "1 of its 2 legs"},
		{"half of an unknown one", []read{a1, b1, a2, b2, u1}, "1 of its 2 legs"},
		{"an aborted one", []read{a1, leg(0, 1, 0, 2, 0, 3), b1, a2, b2}, "was aborted"},
		{"one that is open", []read{a1, b1, leg(0, 6, 1, 2, 0, 3), a2, b2}, "nobody has asked"},
		{"one of nobody", []read{a1, b1, leg(0, 6, 9, 1, 0, 3), a2, b2}, "no clerk knows"},
		{"a leg twice", []read{a1, leg(0, 1, 0, 1, 0, -5), b1, a2, b2}, "is at"},
		{"an offset twice", []read{a1, a1}, "is read after"},
		{"another order", []read{a1, a2, b1, b2, leg(0, 8, 0, 3, 0, 1), leg(0, 9, 0, 1, 2, -5)}, "stands behind"},
		{"another amount", []read{a1, b1, a2, leg(1, 4, 1, 1, 1, 8)}, "sum up to 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			books := newBooks()
			for tr, f := range fates {
				books.set(tr, f)
			}
			found := check(newReader(books, 2), c.reads)
			if (found == "") != (c.want == "") || !strings.Contains(found, c.want) {
				t.Errorf("found %q, want %q", found, c.want)
			}
		})
	}
}

// check is what a reader finds; that one transfer is under way, it finds as well.
func check(r *Reader, reads []read) string {
	for _, rd := range reads {
		if err := r.saw(rd.at, rd.e); err != nil {
			return err.Error()
		}
	}
	var found []string
	for line := range strings.Lines(r.check().Error()) {
		if !strings.Contains(line, "still under way") {
			found = append(found, line)
		}
	}
	return strings.Join(found, "")
}

func TestAgrees(t *testing.T) {
	books := newBooks()
	books.set(transfer{0, 1}, asked)
	filled := func(reads ...read) *Reader {
		r := newReader(books, 2)
		for _, rd := range reads {
			if err := r.saw(rd.at, rd.e); err != nil {
				t.Fatal(err)
			}
		}
		return r
	}
	one, two := leg(0, 0, 0, 1, 0, -5), leg(1, 0, 0, 1, 1, 5)
	moved := leg(1, 3, 0, 1, 1, 5)
	r := filled(one, two)
	for _, c := range []struct {
		name  string
		other *Reader
		ok    bool
	}{
		{"alike", filled(one, two), true},
		{"one saw nothing", filled(), false},
		{"one saw half", filled(one), false},
		{"one saw it elsewhere", filled(one, moved), false},
	} {
		if err := r.agrees(c.other); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
