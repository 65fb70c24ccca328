// Package clock is the only way to the time of day and to timers outside
// cmd/: rules take time as an argument or ask a Clock, so that tests and the
// simulator can drive them without sleeping.
//
// Files: clock.go (the interface and the real one), manual.go (driven by hand).
//
// Invariant: a Manual moves only in Advance and Set, and what it fires there
// has returned before they do. No goroutines of its own.
package clock
