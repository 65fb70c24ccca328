// Package txn holds the transaction coordinator (KIP-98, KIP-360, KIP-890): which
// producer a transactional id belongs to, and how its transactions end, as a pure
// state machine. It does no I/O and has no clock of its own; its memory is a journal
// that the owner implements over the partitions of __transaction_state, in Kafka's
// own record formats, and markers are the owner's to write.
//
// Reading order:
//
//	coordinator.go   the coordinator as the server sees it: shards by transactional id
//	requests.go      its requests; config.go: the settings; event.go: what happens, for the log
//	transaction.go   one id: its states and all that a record says of it
//	records.go       the record formats; partitions.go: sets of partitions
//	machine.go       the state of a shard; replay, the only way to change what is durable
//	step.go          what goes into one turn of a machine, and what comes out
//	init.go          who gets which producer
//	add.go           partitions become part of a transaction, and who may ask whether they are
//	end.go           commit and abort, for clients of both transaction versions
//	markers.go       a decision is carried out
//	fence.go         aborts against the will of a producer; timeout.go: one reason for them
//	past.go          what is remembered of endings and fences; refusal.go: the words made of it
//	wait.go          requests that come while a transaction ends
//	expiry.go        ids that nobody uses any more
//	views.go         what operators and tools see; metrics.go: counts
//
// Invariants:
//
//   - Replaying all records of a journal gives the durable state of the live machine
//     (transaction.value): handlers decide, and only replay applies what they record.
//     What is soft (who waits, which markers are left, past) dies with the machine, and
//     decides nothing but words. Two that are soft decide a code, and may be forgotten:
//     without lastEpoch a client that repeats itself is fenced, without hasty one is
//     told once more to come again.
//   - A transaction ends by one record, PrepareCommit or PrepareAbort, and never in
//     two ways. Nobody is told, and no marker is written, before that is below the
//     high watermark. From then on its markers are written until all stand, also by
//     the next load; Complete follows them.
//   - A producer id with an epoch is given to one client only, but for one that
//     repeats a request whose answer it did not get.
//   - No client is given the last epoch: it is kept for the marker that fences it.
//   - An answer, a read's too, leaves when all that it may have seen is below the high
//     watermark. If an append is lost, the shard drops its machine, and loads again.
//   - Every request is answered exactly once, also when its shard is dropped. One that
//     waits does so for a bounded time, and few wait for the same transaction.
//
// Goroutines: those of the shards (coordinator/shard) and none besides. Timers of the
// clock only post.
package txn
