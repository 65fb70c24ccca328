// Package coordinator holds the group coordinator: groups of the classic and of
// the consumer protocol (KIP-848) and their
// committed offsets as pure state machines. It does no I/O and has no
// clock of its own; its memory is a Journal that the owner implements over the
// partitions of __consumer_offsets, in Kafka's own record formats.
//
// Reading order:
//
//	shard/           a room of its own: what runs a shard, be it of groups or of
//	                 transactions: the mailbox, the way to the journal, loads
//	groups.go        the coordinator as the server sees it: shards by group id
//	ask.go           how requests reach the shards
//	config.go        the settings; view.go: the metadata; event.go: what happens, for the log
//	step.go          what goes into one turn of a machine, and what comes out
//	machine.go       the state of a shard; replay, the only way to change what is durable
//	group.go         one group; roster.go, member.go: who is in it
//	join.go          JoinGroup; static.go: static members that come back
//	rebalance.go     from the first join to the next generation, and time-outs
//	session.go       connections; slots.go: the places of a broadcast group's members
//	broadcast.go     which member a request is about; modes.go: to broadcast and back; marks.go: what is kept of it
//	cellmembers.go   members by their ids; lowest.go: how far all have come
//	broadcast_consumer.go   members of the consumer protocol in them
//	facade.go        broadcast groups as tools see them; facade_consumer.go: with such members
//	sync.go          SyncGroup; heartbeat.go, leave.go
//	commit.go        OffsetCommit; offsets.go: the table; fetch.go: OffsetFetch
//	txncommit.go     offsets that are committed in transactions: who may; txnend.go:
//	                 the end; txnoffsets.go: what is pending until then
//	topics.go        which offsets outlive their topic: none
//	delete.go        DeleteGroups, OffsetDelete; expiry.go
//	describe.go      DescribeGroups and ListGroups
//	inspect.go       what operators see of groups, inspect_all.go: of all of them, in
//	                 short turns; inspect_consumer.go: of the other kind;
//	                 blockers.go: what a rebalance waits for; assignment.go: what
//	                 consumers were given
//	records.go       the record formats; subscription.go: what consumers subscribe to
//	consumer.go      a consumer group; consumer_member.go, partitions.go
//	consumer_replay.go   how records change it, in any order
//	consumer_restore.go  what a load makes of it, and mends
//	consumer_heartbeat.go   a heartbeat, step by step; consumer_check.go: what it may say
//	consumer_room.go     how much members may say together
//	consumer_join.go     who joins, also in another's place; what members subscribe to
//	reconcile.go         how a member comes to its target without ever sharing it
//	consumer_target.go   when there is another assignment, and what it is; consumer_hash.go: what it depends on;
//	                 consumer_pace.go: how often
//	regex.go             subscriptions by pattern; patterns.go: what topics they stand for
//	consumer_leave.go    who leaves or is put out
//	migrate.go       a group at work changes its kind; classic_on_consumer.go: members
//	                 of the other protocol in a consumer group; migrate_back.go: not at once
//	consumer_commit.go   offsets by member epochs; consumer_describe.go
//	consumer_records.go  its record formats; records_codec.go: their parts
//	rewind.go        a rewind of a running group; rewind_classic.go: its two
//	                 rebalances; rewind_consumer.go: its two assignments;
//	                 rewind_records.go: what is kept of it; rewind_undo.go: the
//	                 way back
//	deadlines.go     what timers there are; metrics.go: counts
//	assign/          a room of its own: who gets which partition, by KIP-848
//
// Invariants:
//
//   - Replaying all records of a journal gives the durable state of the live
//     machine (group.stored, offsets, pending, rewind, consumer but for what it calls soft,
//     and the marks of broadcast groups): handlers return records, and only replay applies them, when the
//     handler is done or asks for it (machine.apply), before they go to the outbox.
//   - What one request or one deadline changes in a group is one append: a crash keeps
//     all of it or nothing. Changes of many groups, and of offsets by themselves, may be
//     several.
//   - A group is of one kind at any time. It changes it in one step, in which nobody
//     is put out; generations and epochs go on as one ascending row.
//   - No two members of a consumer group hold the same partition: a member that
//     is to have one that another holds waits until that has shown that it let go.
//   - What a transaction commits is pending until its marker, which stands behind it
//     in the shard's partition: then it is committed as a whole, or gone. The later
//     record wins over the earlier one, whichever transaction ends first; a rewind's
//     marks are such records. While something is pending it is neither expired nor
//     is its group forgotten.
//   - What the partition would refuse of a transaction is not recorded: nobody but the
//     producer, or whoever wants its transaction ended, notices that.
//   - What is soft (who waits, who has a member id only, deadlines) dies with
//     the machine; an Empty or Stable group is what its record says.
//   - Every request is answered exactly once, also when its shard is dropped.
//   - A member of a broadcast group is alone in a group of its own, the cell. Which
//     connections a cell has is soft: heartbeats tell it anew after a load. While it is
//     in force, so that there are cells, the group has a mark.
//   - No group waits for another: a handler never blocks.
//
// Goroutines: none but those of the shards (room shard), which Groups.Close waits
// for. What is said there of answers and lost appends holds here.
package coordinator
