// Package compact decides what stays of a compacted partition: the newest
// record of each key, and of tombstones those that readers may not have seen.
// It reads and makes batches, and knows neither files nor clocks; the log hands
// it the bytes.
//
// Files in reading order:
//
//	keymap.go   the newest offset of each key, in bounded memory
//	cleaner.go  what is kept of a batch
//	markers.go  what is kept of the ends of transactions
//
// One compaction of a partition is one Cleaner: it learns the keys of batches
// that no compaction has seen, as many as the map has room for, and then goes
// through everything up to there. What did not fit is for the next compaction.
//
// Invariants:
//
//   - A record goes only if a later one with its key has been learnt, if it is
//     a tombstone whose time has passed, if it has no key, or if its transaction
//     was aborted; then its key counts for nothing.
//   - A tombstone goes only once nothing older with its key is left: all older
//     records of the key went in the compaction that kept the tombstone first,
//     or before. Where a batch could not be looked into, no tombstone behind it
//     goes.
//   - A marker goes only once no record is left that it ends, and its time has
//     passed since.
//   - No batch comes out empty, none changes its place, and what was not
//     changed comes out as the bytes that went in.
//   - The memory is that of the map, one record, one batch, a compressor, and a mark
//     for each producer whose transaction was met without its marker yet. What
//     Config.Aborted knows is its owner's: it has all aborted transactions below the
//     limit, and neither of the two has a bound.
//
// There are no goroutines; neither type may be used by several at once.
package compact
