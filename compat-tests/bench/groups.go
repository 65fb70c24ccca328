package main

import (
	"fmt"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
)

// groupLoad is what a load does with groups.
type groupLoad struct {
	Groups  int // How many there are.
	Each    int // Partitions of a commit.
	Members int // Of each group; without any, commits are those of a simple consumer.
	// IDs are the members that live already, one a group.
	IDs []string
}

const (
	offsetsPerCommit = 100
	// commitConnections have one request in flight each, as clients have.
	commitConnections = 64
	// rebalanceMembers have a connection each, as a JoinGroup waits for the others.
	rebalanceMembers = 100

	loadedGroups  = 10_000
	manyGroups    = 5_000
	beatEvery     = 3 * time.Second // heartbeat.interval.ms, as clients have it by default.
	beatFor       = 20              // Seconds.
	idleFor       = 20 * time.Second
	offsetsTopics = 50 // offsets.topic.num.partitions.
)

func committing(records, groups, each int) load {
	return load{Op: "commit", Records: records, Producers: commitConnections, Group: groupLoad{Groups: groups, Each: each, Members: 1}}
}

// groupRows are the rows of groups. Offsets and group records are synced before
// the answer by Mainstem, and left to the page cache by Kafka.
func groupRows() []row {
	both := map[harness.Target]map[string]string{}
	for _, target := range []harness.Target{harness.Kafka, harness.Mainstem} {
		both[target] = map[string]string{"offsets.topic.num.partitions": fmt.Sprint(offsetsTopics)}
	}
	rebalance := load{Op: "rebalance", Records: 300 * rebalanceMembers, Group: groupLoad{Members: rebalanceMembers}}
	consumer := rebalance
	consumer.Op = "rebalance848"
	return []row{
		{
			name: "groups-commit100", title: "commits of 100 partitions each, 64 groups on a connection each; a record is an offset; Mainstem syncs",
			load: committing(6e6, commitConnections, offsetsPerCommit), partitions: offsetsPerCommit, seconds: 20, makeOnce: true, extra: true, gib: 1, cost: 40, run: runGroupLoad,
		},
		{
			name: "groups-commit1", title: "commits of one partition each, 512 groups over 64 connections; a record is an offset; Mainstem syncs",
			load: committing(1e6, 8*commitConnections, 1), partitions: offsetsPerCommit, seconds: 20, makeOnce: true, extra: true, gib: 1, cost: 40, run: runGroupLoad,
		},
		{
			name: "groups-rebalance", title: "100 members of a classic group join anew at once: from the first JoinGroup until all have synced; a record is a member",
			load: rebalance, partitions: rebalanceMembers, seconds: 10, makeOnce: true, extra: true, gib: 0.1, cost: 30, run: runGroupLoad,
		},
		{
			name: "groups-rebalance848", title: "consumer protocol: a member comes to 100 others, or leaves them, 1,000 partitions: until all own what they are to; a record is a member",
			load: consumer, partitions: 10 * rebalanceMembers, seconds: 10, makeOnce: true, extra: true, needs: harness.ConsumerGroupHeartbeat, gib: 0.1, cost: 30, run: runGroupLoad,
		},
		{
			name: "groups-load", title: "1 million offsets of 10,000 groups: from the start of the process until a group in each partition of __consumer_offsets has its offsets; fresh brokers",
			load: committing(loadedGroups*offsetsPerCommit, loadedGroups, offsetsPerCommit), partitions: offsetsPerCommit, cold: true, props: both, extra: true, gib: 0.2, cost: 60, run: runOffsetsLoad,
		},
		{
			name: "groups-many", title: "5,000 groups with a member each: at rest, and when each member heartbeats every 3 s; a record is a heartbeat; fresh brokers",
			load:       load{Op: "beat", Rate: int(manyGroups / beatEvery.Seconds()), Seconds: beatFor, Producers: 16, Group: groupLoad{Groups: manyGroups, Members: 1}},
			partitions: 1, cold: true, props: both, extra: true, gib: 0.1, cost: 120, run: runManyGroups,
		},
	}
}

// runGroupLoad measures the load on the topics that all rounds share.
func runGroupLoad(s *stand) (sample, error) { return s.measure(s.row.load) }

func groupGoals() []goal {
	return []goal{
		{row: "groups-commit100", metric: mRate, rule: atLeast, by: 100_000},
		{row: "groups-commit100", metric: mRate, rule: timesAtLeast, by: 1},
		{row: "groups-commit100", metric: mPerRecord, rule: timesAtMost, by: 0.5},
		{row: "groups-commit1", metric: mRate, rule: atLeast, by: 20_000},
		{row: "groups-commit1", metric: mRate, rule: timesAtLeast, by: 1},
		{row: "groups-commit1", metric: mPerRecord, rule: timesAtMost, by: 0.5},
		{row: "groups-rebalance", metric: mP50, rule: timesAtMost, by: 1},
		{row: "groups-rebalance", metric: mPerRecord, rule: timesAtMost, by: 0.5},
		{row: "groups-rebalance848", metric: mP50, rule: timesAtMost, by: 1},
		{row: "groups-rebalance848", metric: mPerRecord, rule: timesAtMost, by: 0.5},
		{row: "groups-load", metric: mLoadClean, rule: atMost, by: 1},
		{row: "groups-load", metric: mLoadKill, rule: atMost, by: 1},
		{row: "groups-many", metric: mGroupsIdle, rule: timesAtMost, by: 0.5},
		{row: "groups-many", metric: mPerRecord, rule: timesAtMost, by: 0.5},
	}
}

// The metrics that only groups have.
const (
	mLoadClean  = "all offsets after a clean stop s"
	mFirstClean = "first offsets after a clean stop s"
	mLoadKill   = "all offsets after kill -9 s"
	mFirstKill  = "first offsets after kill -9 s"
	mCPUClean   = "CPU s from a clean stop to all offsets"
	mCPUKill    = "CPU s from kill -9 to all offsets"
	mBareIdle   = "% of a core without groups"
	mGroupsAnon = "anon MiB with groups"
	mGroupsIdle = "% of a core with groups"
)

func groupMetrics() []string {
	return []string{mFirstClean, mLoadClean, mCPUClean, mFirstKill, mLoadKill, mCPUKill, mBareIdle, mGroupsIdle, mGroupsAnon}
}
