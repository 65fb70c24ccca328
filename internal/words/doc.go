// Package words puts figures and names into the sentences and tables that people read:
// what the broker tells operators and clients, and what the commands print.
//
// name.go is about what somebody else chose or wrote, figure.go about amounts.
//
// Invariants: a name that somebody else chose ends where it seems to, and does nothing
// to a terminal.
package words
