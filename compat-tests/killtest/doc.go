// Command killtest kills the broker with SIGKILL again and again under load
// and checks after every restart that nothing acknowledged is lost, doubled,
// moved or out of order, and that committed offsets are right.
//
//	go run ./killtest -cycles 200
//	go run ./killtest -selfcheck
//	go run ./killtest -groups 200 -cycles 10
//	go run ./killtest -txn 6 -cycles 50
//
// With -groups it looks at many groups that consume and commit instead: no
// commit goes back, no record is left out, no partition stands still in a group.
//
// With -txn it looks at transactions: each is read whole or not at all, as it was ended.
//
// The load and the check are package promise, for transactions package bank. Files:
// main.go, groups.go, txn.go.
//
// A kill takes the process and leaves the kernel's page cache. What a power cut
// leaves is tested in the log's own crash tests.
package main
