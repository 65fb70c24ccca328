// Package txn has the scenarios of transactions that all clients play: a client is
// a small program, started once for each producer, that does what it is told.
//
// A program takes KEY=VALUE arguments: bootstrap, id (transactional), timeout (of
// transactions, ms), and for one that takes part in a group: group, session (ms),
// from and to (topics). It leaves everything else as the client has it. On stdin it
// takes commands, one a line, and answers each on stdout by one JSON object: "ok", or
// "error" with a text, which is an answer like any other: the program goes on.
//
//	init                          the producer gets its id and epoch
//	begin                         a transaction
//	send TOPIC PARTITION NAME N   records NAME.0 to NAME.N-1, and waits until all are acknowledged
//	take                          at least a record of "from", and what else is there: a transaction
//	                              with each of them written to "to", to the same partition; "count"
//	                              says how many; 0: none came for a while, and nothing has begun
//	offsets                       of what was taken, into the transaction
//	commit, abort                 the transaction; after an abort what was taken is taken again
//	read TOPIC LEVEL N            "records" from the start until each of N partitions gave the record "end";
//	                              LEVEL is committed or uncommitted
//
// What programs in Go have in common is in commands, those in Python in python.
//
// Files in reading order: client.go (the clients), worker.go (one process, by package told), world.go
// (topics, and how scenarios wait), ledger.go (what was written, and the check of what
// is read), endings.go, zombie.go, timeout.go, transform.go, turns.go (the scenarios), txn_test.go,
// check_test.go (the check finds what is planted).
package txn
