// Package shard runs the state machines of coordinators: one for each partition of
// an internal topic, which is its memory. It knows neither groups nor transactions;
// a coordinator gives it a machine and a step of its own kind.
//
// Reading order:
//
//	journal.go   the durable memory of one shard, an interface
//	shards.go    all shards of a coordinator; what a machine has to do
//	turn.go      what goes into one turn of a machine, and what comes out; Apply
//	shard.go     a mailbox and whoever drains it
//	outbox.go    on the way to the journal: one append for many steps, held answers
//	load.go      load, failure and reload, unload
//	timers.go    deadlines; gather.go: one answer of many shards
//	workers.go   the goroutines; event.go: what happens, for the log
//	cursor.go    reading a record; memory.go: a journal for tests
//
// Invariants:
//
//   - Only replay changes what is durable in a machine, live as at a load: what a
//     task records is applied when it is done or asks for it (Apply), before it goes
//     to the outbox. Replaying all records of a journal gives the live machine's
//     durable state.
//   - What lies between two cuts goes into one append: a crash keeps all of it or
//     nothing. Each task and each deadline ends with a cut.
//   - An answer, a read's too, leaves when all that it may have seen, be it held
//     or under way, is below the high watermark. If an append is lost, the shard
//     drops its machine and what is held first, answers
//     COORDINATOR_LOAD_IN_PROGRESS, and loads again.
//   - Every task is run or refused exactly once, and every answer is called exactly
//     once, also when the shard is dropped.
//   - Tasks of a shard run one at a time, in the order in which they were posted.
//
// Goroutines: a shard's mailbox is drained by whoever posts to it while it is
// idle. Workers run loads, a shard that keeps its caller too long, one whose held
// records an end of an append lets go, and what is posted aside. A few of them wait
// for their next task until Close, which waits for all. Timers of the clock only post.
package shard
