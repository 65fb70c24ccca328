package observe

import (
	"testing"
	"time"
)

// TestStands: an offset that stands still for too long is found, also over a kill.
func TestStands(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	type look struct {
		at          int
		stable, end int64
		down, wrong bool
	}
	for _, c := range []struct {
		name  string
		looks []look
	}{
		{"goes on", []look{{at: 0, stable: 1, end: 5}, {at: 8, stable: 2, end: 9}, {at: 16, stable: 9, end: 9}}},
		{"nothing is open", []look{{at: 0, stable: 5, end: 5}, {at: 99, stable: 5, end: 5}, {at: 100, stable: 5, end: 6}, {at: 105, stable: 5, end: 7}}},
		{"stands still", []look{{at: 0, stable: 1, end: 5}, {at: 9, stable: 1, end: 5}, {at: 11, stable: 1, end: 5, wrong: true}}},
		{"over a kill", []look{{at: 0, stable: 1, end: 5}, {at: 6, stable: 1, end: 5}, {at: 7, down: true}, {at: 60, stable: 1, end: 5}, {at: 63, stable: 1, end: 5}, {at: 66, stable: 1, end: 5, wrong: true}}},
		{"goes back", []look{{at: 0, stable: 4, end: 5}, {at: 1, stable: 3, end: 5, wrong: true}}},
		{"goes back over a kill", []look{{at: 0, stable: 4, end: 5}, {at: 1, down: true}, {at: 2, stable: 3, end: 4, wrong: true}}},
		{"behind the end", []look{{at: 0, stable: 6, end: 5, wrong: true}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStands(1, 10*time.Second)
			for _, l := range c.looks {
				if l.down {
					s.away(true)
					if err := s.saw(at(l.at), 0, 9, 1); err != nil {
						t.Errorf("at %d, while the broker is away: %v", l.at, err)
					}
					s.away(false)
					continue
				}
				if err := s.saw(at(l.at), 0, l.stable, l.end); (err != nil) != l.wrong {
					t.Errorf("at %d: %v", l.at, err)
				}
			}
		})
	}
}
