// Package quota says how long a client has to pause that takes more than it may:
// bytes sent, bytes fetched, time, partitions made and deleted. It is pure: time
// comes as an argument, and nothing here waits.
//
// Files in reading order: kind.go (what is limited), limits.go (who has which
// limit), bucket.go (one client's account), quotas.go (all of them).
//
// Invariants:
//   - What a client takes in any stretch of time is at most limit x time, one
//     burst, and its last request: that one may pass the limit, as nobody knows
//     beforehand how large it is, and is paid for by a pause.
//   - A client's account is touched by nobody that has another one.
//   - The accounts are bounded, however many names clients invent; see
//     Quotas.account.
//   - With no limits set a question costs one atomic load.
//
// No goroutines of its own.
package quota
