package main

import (
	"strings"
	"testing"
)

// got is a phase whose readers got so many MB in a second.
func got(mb int64) phase { return phase{read: outcome{Bytes: mb * 1e6, Seconds: 1}} }

func TestEnoughRead(t *testing.T) {
	for _, tc := range []struct {
		name             string
		alone, one, four []phase
		want             string // "": enough.
	}{
		{"as much as alone", []phase{got(200)}, []phase{got(200)}, []phase{got(250)}, ""},
		{"a tenth", []phase{got(100), got(200), got(300)}, []phase{got(20)}, []phase{got(20)}, ""},
		{"nothing", []phase{got(200)}, []phase{got(0)}, []phase{got(200)}, "1 readers got 0.0"},
		{"in one cycle only", []phase{got(200)}, []phase{got(200)}, []phase{got(100), got(19), got(100)}, "4 readers got 19.0"},
		{"nothing alone", []phase{got(0)}, []phase{got(0)}, []phase{got(0)}, "alone got nothing"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := enoughRead(map[int][]phase{0: {got(0)}, readersAlone: tc.alone, 1: tc.one, 4: tc.four})
			if (err == nil) != (tc.want == "") || (err != nil && !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}
