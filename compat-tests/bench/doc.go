// Command bench measures Mainstem and Apache Kafka in turn, with the same
// client and on the same disk, and prints medians, spread, ratios, and which
// of the targets are met.
//
//	go run ./bench -rows produce1m,e2e* -rounds 3 -out table.md
//
// There are two tables: speed (make bench) and storage (make bench-storage).
//
// Files in reading order: main.go (flags), table.go and rows.go (what is
// measured), targets.go (what is to be reached), run.go (the run: brokers, rows,
// rounds), turns.go (a row's rounds), rounds.go (those that are more than one
// load), stand.go (one target's broker and its topics), warm.go (until it is
// warm), pause.go (the one that is not measured), measure.go (what a load cost),
// child.go and load.go (the load, in a process of its own), produce.go,
// consume.go, endtoend.go, disk.go and machine.go (what it ran on), memory.go,
// stats.go, judge.go, report.go and tables.go (samples to a table), progress.go.
//
// Of groups: groups.go (their rows and targets), groupsrun.go (rounds that are
// more than one load), groupload.go, groupmember.go, groupcommit.go,
// grouprebalance.go and grouprebalance848.go (the load process's part).
//
// Of transactions: txn.go (their rows and targets), txnload.go.
//
// Of the storage table: storage.go (its rows), storagetargets.go, batch.go and
// batches.go (a load that costs the same wherever it goes), spread.go and watch.go
// (many partitions), syncasync.go, restart.go and recovery.go (until a broker answers
// again), backlog.go, backlogload.go and memgroup.go (a cold backlog),
// compaction.go, amplify.go (the mixed retention test), soak.go, soaksample.go,
// flat.go and lasts.go (the soak: its lives, its figures, what is flat, and a
// compacted topic read back), scrape.go (metrics) and taken.go (files).
//
// Invariants: a broker is measured only while the other one is idle or stopped;
// every figure of the report is from this run; a target stands in targets.go,
// groups.go, txn.go or storagetargets.go and nowhere else.
//
// Goroutines: those of harness (one per broker process, one per Sampler), one per
// load process, which ends with it, and one per watch, here; those of promise in a
// soak; in a load process one or two per producer,
// and one per connection of groups.
package main
