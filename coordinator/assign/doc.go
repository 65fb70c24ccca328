// Package assign deals the partitions of topics to the members of a consumer
// group: the broker's side of KIP-848. It is arithmetic only: no state, no
// clock, no I/O, and the same Spec always gives the same assignment.
//
// Reading order:
//
//	spec.go     what is dealt, and to whom
//	plan.go     a Spec by numbers: pools of topics that have the same subscribers
//	uniform.go  Uniform: how many each member gets, if all subscribe to the same
//	mixed.go    the same, if they do not
//	deal.go     which partitions a member gets, once it is known how many
//	range.go    Range: neighbours stay together, and so do topics that are joined
//	racks.go    members near the brokers that hold a partition
//	flow.go     the most matches that can be had
//
// What comes first: an even spread, then racks, then that a member keeps what
// it has. So how many partitions a member gets of a pool is settled without a
// look at racks, and racks only say which.
//
// Invariants:
//
//   - Each partition with a subscriber goes to exactly one of them; nobody gets
//     a partition of a topic it did not subscribe to or that does not exist.
//   - Uniform, and members of the same subscriptions: nobody has two more than
//     another, and if racks say nothing, as many partitions stay where they are
//     as that allows.
//   - Uniform, dealt again with its own result as Owned, changes nothing (but see
//     roundsMax in mixed.go).
//   - No fewer partitions are in their member's rack than if racks were unknown.
//
// The package starts no goroutines. A Spec is only read: one may be dealt from
// several goroutines at once.
package assign
