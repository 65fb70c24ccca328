// Package promise holds a broker to what it has acknowledged: idempotent
// producers number their records, a member of a group reads and commits, and
// after any number of restarts each partition must hold exactly what was
// acknowledged, and committed offsets must be right. The topic may lose nothing
// by retention or compaction.
//
// Files in reading order: load.go (the producers and the consumer, which live
// on over kills), read.go (what the broker has), ledger.go (what it must have,
// and the check), verify.go (both together).
//
// Goroutines: one per producer and one for the consumer, ended by Workers.Stop.
package promise
