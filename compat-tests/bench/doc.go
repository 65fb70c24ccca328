// Command bench measures Mainstem and Apache Kafka in turn, with the same
// client and on the same disk, and prints medians, spread, ratios, and which
// of the targets are met.
//
//	go run ./bench -rows produce1m,e2e* -rounds 3 -out table.md
//
// Files in reading order: main.go (flags), rows.go (what is measured),
// targets.go (what is to be reached), run.go (the run: brokers, rows, rounds),
// rounds.go (the rounds that are more than one load), stand.go (one target's
// broker and its topics), warm.go (until it is warm), pause.go (the one that is
// not measured), measure.go (what a load cost), child.go and load.go (the load,
// in a process of its own), produce.go, consume.go, endtoend.go, disk.go and
// machine.go (what it ran on), stats.go, judge.go and report.go (samples to a
// table), progress.go.
//
// Invariants: a broker is measured only while the other one is idle or stopped;
// every figure of the report is from this run; a target stands in targets.go
// and nowhere else.
//
// Goroutines: those of harness (one per broker process, one per Sampler) here;
// in a load process one per producer.
package main
