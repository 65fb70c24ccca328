// Package program runs the small programs by which clients take part in scenarios:
// each is a process that takes commands on stdin, one a line, and prints lines.
//
// Files: program.go (a process), installed.go (how a program's command is found, and
// its client library installed).
//
// Goroutines: one for each process, ended by the process (program.go).
package program
