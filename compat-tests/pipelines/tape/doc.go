// Package tape records what is in a topic, as a reader of what is committed sees it, for
// tests of pipelines.
//
// Files: tape.go (while it is written), whole.go (once more, from the start to the end).
//
// Goroutines: one per tape, ended with its test.
package tape
