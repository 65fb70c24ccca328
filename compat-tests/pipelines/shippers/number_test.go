package shippers

import "testing"

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
