// Package telemetry has the metrics that clients push about themselves (KIP-714): it
// tells each client what it is asked for, takes what it pushes, keeps the newest
// values for a while, and shows them to prometheus. docs/decisions/0014-client-metrics.md
// has the choices.
//
// Files in reading order: client.go (who pushes), plan.go (what a client is asked
// for, by the subscriptions it matches), instances.go (what is known of a client
// between its requests, and which of them come too early), telemetry.go (the requests),
// payload.go and guard.go (bytes to a message, and how much memory it may take),
// points.go (the message to points), name.go (names and labels for prometheus),
// series.go (what is kept), collector.go (how it is shown).
//
// Time comes as an argument. No goroutines of its own.
//
// Invariants:
//   - Whatever clients send, a scrape succeeds: a family has one type, a series
//     comes once, and names and labels are prometheus's. No name that a client
//     chose is one of the broker's own.
//   - What clients push is bounded, however many names they invent: the clients
//     known, the series of one and of all, their bytes, and the memory in which a
//     push is decoded, one at a time.
//   - What no subscription asks for is not kept.
//   - A series that is not pushed again goes.
package telemetry
