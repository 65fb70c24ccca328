package main

import (
	"testing"
	"time"
)

// TestDue leaves a load time to start, but never more than half of it.
func TestDue(t *testing.T) {
	l := load{Rate: 1000}
	for _, tc := range []struct {
		after time.Duration
		want  float64
	}{{time.Second, 500}, {4 * time.Second, 2000}, {102 * time.Second, 100_000}} {
		if got := l.due(tc.after); got != tc.want {
			t.Errorf("after %v: %v, want %v", tc.after, got, tc.want)
		}
	}
}
