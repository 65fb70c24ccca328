// Command killtest kills the broker with SIGKILL again and again under load
// and checks after every restart that nothing acknowledged is lost, doubled,
// moved or out of order, and that committed offsets are right.
//
//	go run ./killtest -cycles 200
//	go run ./killtest -selfcheck
//
// Files in reading order: main.go (the cycles), load.go (idempotent producers
// and a committing group consumer, which live on over the kills), read.go (what
// the broker has), ledger.go (what it must have, and the check).
//
// A kill takes the process and leaves the kernel's page cache. What a power cut
// leaves is tested in the log's own crash tests.
package main
