// Package tape writes a topic, and records what is in one as a reader of what is committed
// sees it, for tests of pipelines.
//
// Files: load.go (what is written), tape.go (what is read meanwhile), numbered.go (of
// what has numbers: which are missing, which come again), whole.go (what is read once
// more, from the start to the end).
//
// Goroutines: one per load, ended by Load.Stop or soon after its test, and one per tape, ended with its test.
package tape
