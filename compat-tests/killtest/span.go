package main

import (
	"fmt"
	"time"
)

// span is how long a run lasts: so many cycles, or the first that ends after a time.
type span struct {
	cycles int
	length time.Duration // 0: as many cycles
	begun  time.Time
}

// span begins now.
func (o options) span() span { return span{o.cycles, o.length, time.Now()} }

func (s span) String() string {
	if s.length > 0 {
		return s.length.String()
	}
	return fmt.Sprintf("%d cycles", s.cycles)
}

// last tells whether a cycle, which is at its end, is the last one.
func (s span) last(cycle int) bool {
	if s.length > 0 {
		return time.Since(s.begun) >= s.length
	}
	return cycle >= s.cycles
}
