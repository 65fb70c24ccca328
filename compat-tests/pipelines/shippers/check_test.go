package shippers

import "testing"

// TestCheck: what is missing or there again is found out.
func TestCheck(t *testing.T) {
	tp := &topic{times: map[int]int{1: 1, 2: 2, 4: 1}}
	if count, example := tp.missing(1, 5); count != 2 || example != 5 {
		t.Errorf("%d are missing, %d for one; expected 2, 5", count, example)
	}
	if count, _ := tp.missing(1, 2); count != 0 {
		t.Errorf("%d of the first 2 are missing", count)
	}
	if got := tp.repeats(); got != 1 {
		t.Errorf("%d are there again, expected 1", got)
	}
}

// TestNumber: a line that is not as it was written is found out.
func TestNumber(t *testing.T) {
	for _, text := range []string{text(7) + " ", "app: line 7 of a log", "", "x" + text(7)} {
		if n, err := number([]byte(text)); err == nil {
			t.Errorf("%q is taken for line %d", text, n)
		}
	}
	if n, err := number([]byte(text(7))); n != 7 || err != nil {
		t.Errorf("line 7 is taken for %d: %v", n, err)
	}
}
