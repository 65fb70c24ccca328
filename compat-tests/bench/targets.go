package main

import "slices"

// goal is what Mainstem has to reach in one metric of one row.
type goal struct {
	row, metric string
	rule        rule
	by          float64
	// own names the row whose metric ownMetric is Mainstem's own bar.
	own, ownMetric string
}

// rule says what `by` is measured against.
type rule int

const (
	// timesAtLeast is at least `by` times Kafka's figure.
	timesAtLeast rule = iota
	// syncTimesAtLeast is the same for a rate with a sync before every
	// acknowledgement: no broker is faster than its disk, so 90 % of the disk's
	// own rate will do as well, and so will Kafka's rate, which is then named.
	syncTimesAtLeast
	// timesAtMost is at most `by` times Kafka's figure.
	timesAtMost
	// plusAtMost is at most Kafka's figure and `by` more.
	plusAtMost
	// atMost is at most `by`, whatever Kafka does.
	atMost
	// atLeast is at least `by`, whatever Kafka does.
	atLeast
	// diskPlusAtMost is at most the disk's fdatasync p99 and `by` more.
	diskPlusAtMost
	// timesOrOwn is at least `by` times Kafka's figure, or 90 % of the own bar.
	timesOrOwn
	// ownAtMost is at most `by` times the own bar.
	ownAtMost
)

// metrics by name; a row has some of them.
const (
	mRate       = "rec/s"
	mBytes      = "MB/s"
	mPerGB      = "CPU s/GB"
	mPerRecord  = "us CPU/rec"
	mPerBatch   = "us CPU/batch"
	mRecords    = "rec/batch"
	mBatches    = "batches/request"
	mAmount     = "records"
	mP50        = "p50 ms"
	mP99        = "p99 ms"
	mCreate     = "create s"
	mTouch      = "first touch s"
	mReadRate   = "consume rec/s"
	mReadPerGB  = "consume CPU s/GB"
	mReadRecord = "consume us CPU/rec"
	mOnePer     = "us CPU/batch, one partition"
	mOneRecords = "rec/batch, one partition"
	mOneRate    = "rec/s, one partition"
	mRestAnon   = "rest anon MiB"
	mRestFile   = "rest file MiB"
	mPeakAnon   = "peak anon MiB"
	mPeakFile   = "peak file MiB"
	mFiles      = "descriptors"
	mStart      = "start s"
	mStartKill  = "start after kill -9 s"
	mAckKill    = "first ack after kill -9 s"
)

// metricOrder is that of the table.
func metricOrder() []string {
	order := []string{
		mAmount, mRecords, mBatches, mRate, mCommits, mBytes, mPerGB, mPerRecord, mPerBatch, mOneRecords, mOneRate, mOnePer,
		mP50, mP99, mCreate, mTouch, mReadRate, mReadPerGB, mReadRecord,
		mRestAnon, mRestFile, mPeakAnon, mPeakFile, mFiles, mStart, mStartKill, mAckKill,
	}
	order = append(order, storageMetrics()...)
	order = append(order, groupMetrics()...)
	return append(order, backlogMetrics()...)
}

// isPeak tells of metrics that are the most of what was seen in a round.
func isPeak(metric string) bool {
	switch metric {
	case mPeakAnon, mPeakFile, mFiles, mGrown:
		return true
	}
	return false
}

// goals is the whole claim: that of both tables.
func goals() []goal { return slices.Concat(speedGoals(), groupGoals(), txnGoals(), storageGoals()) }

func speedGoals() []goal {
	return []goal{
		{row: "produce1m", metric: mRate, rule: syncTimesAtLeast, by: 1.2},
		{row: "produce1m", metric: mPerGB, rule: timesAtMost, by: 0.5},
		{row: "produce1m-fsync", metric: mRate, rule: syncTimesAtLeast, by: 1.6},
		{row: "produce1m-fsync", metric: mPerGB, rule: timesAtMost, by: 0.4},
		{row: "produce16k-1", metric: mRate, rule: timesAtLeast, by: 1},
		{row: "produce16k-1", metric: mPerGB, rule: timesAtMost, by: 0.5},
		{row: "produce16k-16", metric: mRate, rule: timesAtLeast, by: 1},
		{row: "produce16k-16", metric: mPerGB, rule: timesAtMost, by: 0.5},
		// With one producer only the CPU has a target: each batch waits for a sync.
		{row: "produce16k-1-sync", metric: mPerGB, rule: timesAtMost, by: 0.9},
		{row: "produce16k-16-sync", metric: mRate, rule: syncTimesAtLeast, by: 1},
		{row: "produce16k-16-sync", metric: mPerGB, rule: timesAtMost, by: 0.9},
		{row: "consume1m", metric: mRate, rule: timesAtLeast, by: 1},
		{row: "consume1m", metric: mPerGB, rule: timesAtMost, by: 0.5},
		{row: "consume16k", metric: mRate, rule: timesAtLeast, by: 1},
		{row: "consume16k", metric: mPerGB, rule: timesAtMost, by: 0.5},
		{row: "produce100b", metric: mRate, rule: syncTimesAtLeast, by: 1},
		{row: "produce100b", metric: mPerRecord, rule: timesAtMost, by: 0.4},
		{row: "e2e1k", metric: mP50, rule: plusAtMost, by: 0.2},
		{row: "e2e1k", metric: mP99, rule: diskPlusAtMost, by: 2},
		{row: "e2e1k", metric: mPerRecord, rule: timesAtMost, by: 0.5},
		{row: "e2e10k", metric: mP50, rule: plusAtMost, by: 0.2},
		{row: "e2e10k", metric: mP99, rule: diskPlusAtMost, by: 2},
		{row: "e2e10k", metric: mPerRecord, rule: timesAtMost, by: 0.5},
		{row: "partitions1000", metric: mCreate, rule: atMost, by: 0.5},
		{row: "partitions1000", metric: mRate, rule: syncTimesAtLeast, by: 2.5},
		{row: "partitions1000", metric: mPerRecord, rule: timesAtMost, by: 1. / 5},
		{row: "partitions1000", metric: mReadRate, rule: timesAtLeast, by: 1},
		{row: "partitions1000", metric: mReadRecord, rule: timesAtMost, by: 0.5},
		{row: "partitions1000", metric: mFiles, rule: atMost, by: 999},
		{row: "partitions10000", metric: mCreate, rule: atMost, by: 2},
		{row: "partitions10000", metric: mRate, rule: syncTimesAtLeast, by: 10},
		{row: "partitions10000", metric: mPerRecord, rule: timesAtMost, by: 1. / 15},
		{row: "partitions10000", metric: mReadRate, rule: timesOrOwn, by: 10, own: "consume16k", ownMetric: mRate},
		{row: "partitions10000", metric: mPeakAnon, rule: atMost, by: 200},
		{row: "partitions10000", metric: mFiles, rule: atMost, by: 999},
		{row: "equal1000", metric: mPerBatch, rule: ownAtMost, by: 1.15, own: "equal1000", ownMetric: mOnePer},
		{row: "equal10000", metric: mPerBatch, rule: ownAtMost, by: 1.15, own: "equal10000", ownMetric: mOnePer},
		{row: "memory", metric: mRestAnon, rule: atMost, by: 40},
		{row: "memory", metric: mPeakAnon, rule: atMost, by: 200},
		{row: "startup", metric: mStart, rule: atMost, by: 0.3},
		{row: "startup", metric: mStartKill, rule: atMost, by: 1},
	}
}
