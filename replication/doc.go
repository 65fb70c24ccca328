// Package replication owns what Kafka calls a partition on the broker that
// leads it: the gate for leader epochs, the idempotent producers' sequence
// check, the high watermark, and the one mechanism by which acks and long
// polls wait for it; and of transactions what a partition has to know: the last
// stable offset, and which of them were aborted. Today each partition has one replica; the followers'
// streams will raise the same high watermark.
//
// Reading order: api.go (what is asked and answered), env.go,
// partition.go (the state), check.go and sequence.go (what is refused),
// append.go (the way in), import.go (the way in of what
// has its offsets already), completion.go and waiters.go (the way to the ack),
// txntracker.go (the last stable offset), transactions.go (who may begin one),
// markers.go (how they end), ahead.go (what a group's shard asks before), producers.go and opentxns.go (what is told of them), read.go, lookup.go, backlog.go (how far behind a reader is), trim.go (log start, retention), deletion.go (log starts
// that clients raise), oldest.go (retention by the disk), partitions.go (all of
// them). Compaction: compaction.go (how dirty a
// partition is, and how far it may be cleaned), compaction_txns.go, compactor.go (one after the
// other), compaction_stats.go.
//
// Invariants:
//   - Offsets are given under the partition's lock, and the append is queued
//     under the same lock, so queue order is offset order.
//   - Of a topic under import nothing goes but by DeleteRecords, and nothing comes but
//     what its source has at that offset.
//   - The high watermark never falls. With sync flush it is the durable end,
//     with async flush the written end; nothing above it is fetched, and
//     neither acks=1 nor acks=all is answered before it covers the batch.
//   - Producer state is the log's written state plus the pending list; a
//     failed append drops the pending part behind it and everything that
//     waited on that part, duplicates too.
//   - The last stable offset is never above the high watermark, and never falls.
//     It passes a transaction once the marker that ends it is below the
//     watermark, so a marker that can still be lost has decided nothing.
//   - The first batch of a transaction in a partition has the word of the
//     coordinator, given after the marker before it was queued.
//
// The room starts no goroutine of its own: callbacks arrive on the log's, and
// Compactor.Round runs in its caller's.
// Lock order: Partition.mu, then the log's own or openSet.mu; AppendMarkers alone
// holds several of the first, ascending by partition id. No callback is called with a
// partition's lock held.
package replication
