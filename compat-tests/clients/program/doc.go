// Package program has the small programs by which clients take part in scenarios
// run under a test: each is a process (package child) that ends with the test.
//
// Files: program.go (a program), supervised.go (one that is started again), app.go (one that a test starts again, and that says how far it is), installed.go (how a program's command is found, and
// its client library installed).
//
// Goroutines: one for each supervised program, ended by the test.
package program
