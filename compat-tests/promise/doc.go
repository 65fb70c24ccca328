// Package promise holds a broker to what it has acknowledged: idempotent
// producers number their records, a member of a group reads and commits, and
// after any number of restarts each partition must hold exactly what was
// acknowledged, and committed offsets must be right. The topic loses nothing by
// compaction, and by retention only where the ledger says so.
//
// Files in reading order: load.go (the producers and the consumer, which live
// on over kills), ledger.go (what the broker must have), read.go (what it has),
// check.go (the two compared), verify.go (all of it together), plants.go (what
// the check must find); of many groups, history.go (what a broker owes them) and
// crowd.go and crowdmember.go (their members, and a producer).
//
// Goroutines: one per producer and one for the consumer, ended by Workers.Stop;
// one per member of a crowd and one for its producer, ended by Crowd.Stop.
package promise
