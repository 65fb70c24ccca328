// Package importer copies topics from any Kafka cluster to a Mainstem broker, with
// their offsets, timestamps and settings, and the positions of consumer groups; and
// compares the copy with the source. docs/decisions/0015 says how offsets are kept.
//
// Files, in reading order: importer.go (what is to be done, and its order), report.go
// (what came of it), side.go (a cluster: who leads what) and refusal.go (what it said
// no to), retry.go (what is tried again), topics.go (the topics of the target), configs.go
// (their settings), offsets.go (where partitions begin and end), fetch.go (batches of a
// source), copier.go (from batches to batches), round.go (all partitions, side by side),
// verify.go and records.go (the comparison), groups.go (positions), finish.go (topics are
// opened for producers).
//
// Invariants: nothing is kept beside the target: an importer goes on where that ends.
// A batch is sent with the offset that it has at the source, or not at all. Producers may
// write to no topic that was not compared as a whole with its source.
//
// Goroutines: as many as partitions are copied or compared side by side; Run waits for
// all of them.
package importer
