// Package log is the CommitLog: one sequence of entries for all partitions of
// a broker, in segment files, with an index and a state for each partition
// that are derived from it.
//
// # Files, in reading order
//
// What is stored: position.go, entry.go (the bytes of an entry), entry_check.go,
// segment_format.go, segment.go (one open file), segments.go (the chain),
// coldlog.go and coldwriter.go (where old data goes that lives),
// cleaned_format.go (what compaction left).
//
// Appending: append.go (the unit of work), queue.go, group.go (appends become
// entries), writer.go, layout.go, syncer.go, latch.go (what stops the log) and
// syncguard.go (a failed fsync).
//
// Partitions: seam.go (what they and the rest rely on), state.go,
// state_producers.go, state_txns.go, state_format.go, partition.go, partition_apply.go,
// partition_index.go, partition_cleaned.go, partition_checkpoint.go, partition_files.go,
// partitions.go, tombs.go.
//
// Reading: ring.go (what was appended last), read.go, run.go, cold.go (memory
// for what is read), fetch.go (from the disk), gate.go (when), quiet.go (for the
// log itself), ahead.go, behind.go (what leaves the page cache), readbatch.go,
// lookup.go, between.go, backlog.go, rolls.go (where Kafka would begin a new file).
//
// Keeping: keeper.go, checkpoint.go, checkpoint_format.go, liveness.go,
// expire.go, oldest.go, reclaim.go, patches.go (indexes of what moved).
// The cold log: coldlog.go, coldwriter.go, relocate.go, relocate_copy.go,
// relocate_install.go, relocate_policy.go, pacer.go.
// Compaction: cleanable.go, compact.go, compact_read.go, compact_write.go,
// compact_install.go.
//
// Starting: config.go, log.go (Open, Close), start_format.go, recovered.go
// (what was found), recovery.go,
// recovery_files.go, recovery_cold.go, smallfile.go, aside.go, scan.go,
// replay.go, copies.go, coldscan.go, recovery_cleaned.go, recovery_guess.go,
// settle.go, keepcut.go.
//
// Damage: damage.go, fences.go (what is fenced and what was given up),
// salvage_format.go, scrub.go, scrub_cold.go (looking for it),
// events_damage.go, versions.go (what must not be taken for damage).
//
// Looking: events.go, events_compact.go, stats.go, dump.go; check.go, check_report.go, look.go (a
// disk that can not be changed), check_files.go, check_audit.go,
// check_cold.go, check_judge.go, check_aside.go. Mending: salvage.go.
//
// # Invariants
//
//  1. The CommitLog is the only truth of records: delete every index, recovery
//     rebuilds the same offsets, batches and times. (TestIndexesRebuilt)
//  2. No index entry points past the written end. (writer: index entries are
//     made after the write; checkpoints: Position <= Synced)
//  3. Offsets of a partition have no gaps and ascend in log order; only a
//     truncate entry lowers an end. A gap is damage and answers as such, but
//     below the end of what was cleaned, where compaction leaves gaps.
//     A batch may take more offsets than it has records: those of imported
//     topics do, and those that compaction has been in.
//  4. Below the durable end an offset never shows two values.
//  5. What was reported durable survives a power cut; what was reported
//     written survives the end of the process.
//  6. Bytes of a file behind its successor's start are never looked at.
//  7. A checkpoint names only what is on disk already; nothing that either of
//     the two kept checkpoints names is removed.
//  8. An answer in flight holds the segment, or the buffers, that it points at.
//  9. Nothing old is appended to the main log again. Indexes speak of a copy in
//     the cold log only once it is durable, and what it was made from goes only
//     once two checkpoints speak of the copy.
//  10. A run of cleaned batches counts if an entry of the main log names it,
//     the newest that does; then nothing else of its partition counts below
//     its end. The entry is written once all of the run is durable.
//  11. What a partition knows of producers and transactions is made by its
//     entries alone, in log order, so that a start makes the same of them: an
//     aborted transaction is known as long as any of its records can be read.
//     It takes 32 bytes of memory for so long.
//
// The rules that make a damaged log different from a torn one are in replay.go.
//
// # Goroutines
//
//   - writer: one; assigns Positions, writes, applies. Ends with the queue.
//   - syncer: one; makes the log durable. Ends after the writer.
//   - keeper: one; checkpoints, counts what died, reclaims.
//   - merger: one; merges index files.
//   - scrub: one, if it is on; reads all of the log, slowly, and fences damage.
//   - compactor: one; runs Compact, for one partition at a time.
//   - relocator: one; copies what lives in old segments to the cold log.
//   - now and then one that allocates the next segment's file (segments.prepare).
//
// All are started by Open or by the writer, and Close waits for all. Completion
// callbacks come from the writer and the syncer; Read runs in its caller. A read
// of a segment that asks the disk has a turn of the gate, and waits for nothing
// but the disk while it has it; so do the scrub, compaction and relocation, but
// not reads of index files, and merges of these.
// Timers of the clock only wake one of these.
//
// # Locks
//
// Each guards the struct named after it (mu) and none is held across I/O, a
// channel or a callback. A partition's lock may be taken while the partition
// table's is held, not the other way round.
package log
