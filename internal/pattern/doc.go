// Package pattern has the patterns by which clients choose names: RE2's language,
// as Kafka takes it.
//
// pattern.go is all there is.
//
// Invariants: what a pattern may cost is bounded by its length and its steps, and
// known before it is tried. Whoever tries one on many names bounds the sum.
package pattern
