// Command killtest kills the broker with SIGKILL again and again under load
// and checks after every restart that nothing acknowledged is lost, doubled,
// moved or out of order, and that committed offsets are right.
//
//	go run ./killtest -cycles 200
//	go run ./killtest -selfcheck
//	go run ./killtest -groups 200 -cycles 10
//	go run ./killtest -txn 6 -cycles 50
//	go run ./killtest -txn 6 -loops java,franzgo -for 10m
//
// With -groups it looks at many groups that consume and commit instead: no
// commit goes back, no record is left out, no partition stands still in a group.
//
// With -txn it looks at transactions: each is read whole or not at all, as it was ended.
// With -loops as well, programs of real clients copy topics by transactions: each record
// stands in the copy once, in order.
//
// The load and the check are package promise, for transactions packages bank and loop.
// Files: main.go, kill.go, span.go (how long a run lasts), groups.go, txn.go, loops.go.
//
// A kill takes the process and leaves the kernel's page cache. What a power cut
// leaves is tested in the log's own crash tests.
package main
