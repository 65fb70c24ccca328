// Package bank holds a broker to what it promises about transactions: clerks move
// money between accounts, each transfer a transaction with legs in several partitions,
// and observers read committed. Clerks commit, abort, go away in the middle, come back
// as zombies, and end transactions too late, while the broker may be killed. Their clients
// have an epoch for each transaction (KIP-890) or not, by chance, also under one id.
//
// A transfer whose commit was acknowledged is read whole, once; one that was not to be
// committed is not read at all; one whose commit was asked for and never answered is
// read whole or not at all, by all observers alike. So the sum of all accounts stays
// what it was. No commit is acknowledged of a clerk that another one has taken the id from,
// or of a transfer that the broker has aborted for its age. And no partition's last stable
// offset falls, or stands still for longer than a transaction may take.
//
// Files in reading order: entry.go (a leg as bytes), books.go (what became of each
// transfer), reader.go (what one observer read, and the check), commits.go (those that a
// kill meets), clerk.go, late.go (one who comes too late), observer.go, bank.go (all of it
// together); reader_test.go plants what the check must find.
//
// Goroutines: one per clerk, one for the observer and one that looks at last stable
// offsets (package observe), all ended by Bank.Stop, or by the first that finds the
// broker wrong.
package bank
