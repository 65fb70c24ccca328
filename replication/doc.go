// Package replication owns what Kafka calls a partition on the broker that
// leads it: the gate for leader epochs, the idempotent producers' sequence
// check, the high watermark, and the one mechanism by which acks and long
// polls wait for it. Today each partition has one replica; the followers'
// streams will raise the same high watermark.
//
// Reading order: api.go (what is asked and answered), env.go,
// partition.go (the state), check.go and sequence.go (what is refused),
// append.go (the way in), completion.go and waiters.go (the way to the ack),
// read.go, lookup.go, backlog.go (how far behind a reader is), trim.go (log start, retention), deletion.go (log starts
// that clients raise), oldest.go (retention by the disk), partitions.go (all of
// them). Compaction: compaction.go (how dirty a
// partition is, and how far it may be cleaned), compactor.go (one after the
// other), compaction_stats.go.
//
// Invariants:
//   - Offsets are given under the partition's lock, and the append is queued
//     under the same lock, so queue order is offset order.
//   - The high watermark never falls. With sync flush it is the durable end,
//     with async flush the written end; nothing above it is fetched, and
//     neither acks=1 nor acks=all is answered before it covers the batch.
//   - Producer state is the log's written state plus the pending list; a
//     failed append drops the pending part behind it and everything that
//     waited on that part, duplicates too.
//
// The room starts no goroutine of its own: callbacks arrive on the log's, and
// Compactor.Round runs in its caller's.
// Lock order: Partition.mu, then the log's own. No callback is called with a
// partition's lock held.
package replication
