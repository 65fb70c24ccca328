package main

import (
	"fmt"
	"time"
)

// txnRows are the rows of transactions: one producer commits what it has sent
// whenever an interval is over. Markers and the coordinator's records are synced
// before the answer by Mainstem, as its batches are, and left to the page cache
// by Kafka.
func txnRows() []row {
	var rows []row
	for _, shape := range txnShapes() {
		l := producing(2e6, kib, smallMax, 1)
		l.Op, l.CommitEvery = "txn", shape.every
		rows = append(rows, row{
			name:  shape.name(),
			title: fmt.Sprintf("produce 1 KiB in transactions of %v each, 16 KiB batches over partitions: %d; latencies are of EndTxn; Mainstem syncs, Kafka page cache", shape.every, shape.partitions),
			load:  l, partitions: shape.partitions, seconds: 10, makeOnce: true, extra: true, gib: 1, cost: 30, run: runGroupLoad,
		})
	}
	return rows
}

type txnShape struct {
	every      time.Duration
	partitions int
}

func (s txnShape) name() string { return fmt.Sprintf("txn-%v-%d", s.every, s.partitions) }

func txnShapes() []txnShape {
	var shapes []txnShape
	for _, every := range []time.Duration{10 * time.Millisecond, 100 * time.Millisecond} {
		for _, partitions := range []int{1, 10, 100} {
			shapes = append(shapes, txnShape{every, partitions})
		}
	}
	return shapes
}

func txnGoals() []goal {
	var goals []goal
	for _, shape := range txnShapes() {
		goals = append(goals,
			goal{row: shape.name(), metric: mRate, rule: timesAtLeast, by: 1},
			goal{row: shape.name(), metric: mPerRecord, rule: timesAtMost, by: 0.5},
			goal{row: shape.name(), metric: mP99, rule: timesAtMost, by: 1},
		)
	}
	return goals
}

// mCommits is how many transactions were committed in a second.
const mCommits = "txn/s"
