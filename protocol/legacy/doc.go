// Package legacy turns the message formats of Kafka before 0.11 (magic 0 and 1)
// into record batches and back: bytes to bytes, no I/O. What is stored is format
// v2 alone; this is for the clients that neither write nor read it, and for nobody
// else: all that today's clients send and get passes it by.
//
// Files in reading order:
//
//	message.go  a message, drawn; bytes to fields and back
//	lz4.go      the frame header of LZ4 that magic 0 has wrong
//	up.go       a message set of a producer becomes one record batch
//	unfold.go   the messages in a compressed one
//	down.go     record batches become messages for a consumer
//	wrap.go     a compressed batch becomes a compressed message
//
// Who converts for a consumer must have checked the batches' CRCs: the messages'
// own would vouch for damage.
//
// Invariants:
//
//   - No input makes this package panic, or take more memory than the limits that
//     the caller gives, and of those no more than bytes come.
//   - A set is converted whole or not at all: what cannot be read is an error, and
//     nothing is left out in silence.
//   - The set of a producer is not changed, but for one byte of an LZ4 header while
//     it is read.
//
// There are no goroutines, and there is no state.
package legacy
