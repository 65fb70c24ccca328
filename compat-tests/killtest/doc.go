// Command killtest kills the broker with SIGKILL again and again under load
// and checks after every restart that nothing acknowledged is lost, doubled,
// moved or out of order, and that committed offsets are right.
//
//	go run ./killtest -cycles 200
//	go run ./killtest -selfcheck
//
// The load and the check are package promise.
//
// A kill takes the process and leaves the kernel's page cache. What a power cut
// leaves is tested in the log's own crash tests.
package main
