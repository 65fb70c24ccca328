package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
)

// row is one line of the comparison: a load, on topics made for it.
type row struct {
	name, title string
	load        load
	topics      int
	partitions  int // Of each topic.
	// configs are topic configs by target.
	configs map[harness.Target]map[string]string
	// preload is produced once before the rounds, for consuming rows.
	preload int
	// seconds, if any, is how long a round shall take: each target's amount is
	// cut to it by the rate of its warm-up, up to load.Records.
	seconds float64
	// makeOnce has all rounds use the same topics.
	makeOnce bool
	// cold rows get fresh brokers each round, one at a time, and no warm-up.
	cold bool
	// alone is the only target that is measured, if one is named.
	alone harness.Target
	// once is a target that is measured in the first round only: a remark.
	once harness.Target
	// extra rows are no part of "all".
	extra bool
	// needs names an API that a broker must have, or it is left out of the row.
	needs harness.API
	// most, if any, is how many rounds the row gets at most: long ones have few.
	most int
	// props are broker properties of a cold row by target.
	props map[harness.Target]map[string]string
	// gib is about how much a round writes on a target, to check the disk.
	gib float64
	// cost is about how many seconds a round takes, all targets together, for
	// the estimate of what is left.
	cost float64
	// run measures one round; nil means the load on fresh topics.
	run func(s *stand) (sample, error)
}

const (
	kib      = 1 << 10
	mibBatch = 1 << 20
	smallMax = 16 * kib
)

// The flush policies of a topic. Mainstem syncs unless told otherwise and
// Kafka does not, so each is told only where it differs.
func pageCacheOnBoth() map[harness.Target]map[string]string {
	return map[harness.Target]map[string]string{harness.Mainstem: {"flush.messages": "9223372036854775807"}}
}

func syncOnBoth() map[harness.Target]map[string]string {
	return map[harness.Target]map[string]string{harness.Kafka: {"flush.messages": "1"}}
}

// smallIndexes keeps Kafka from mapping 10 MiB of index for each partition: on
// kernels with large folios the first write to each can take 10 to 30 ms of CPU,
// which would flatter Mainstem with thousands of partitions.
func smallIndexes() map[harness.Target]map[string]string {
	return map[harness.Target]map[string]string{harness.Kafka: {"segment.index.bytes": "65536"}}
}

func producing(records, size, batch, producers int) load {
	return load{Op: "produce", Records: records, Size: size, BatchMax: batch, Producers: producers}
}

func consuming(records, size, batch int) load {
	return load{Op: "consume", Records: records, Size: size, BatchMax: batch}
}

func pacing(rate int) load {
	return load{Op: "e2e", Size: 100, BatchMax: mibBatch, Rate: rate, Seconds: 20}
}

// speedRows is the table of `make bench`. Mainstem syncs before every
// acknowledgement and Kafka leaves it to the page cache, unless a title says
// otherwise.
func speedRows() []row {
	rows := []row{
		{name: "produce1m", title: "produce 1 KiB, batches to 1 MiB; Mainstem syncs, Kafka page cache", load: producing(2e6, kib, mibBatch, 1), gib: 2, cost: 30},
		{name: "produce1m-fsync", title: "the same, both sync", load: producing(1e6, kib, mibBatch, 1), configs: syncOnBoth(), gib: 1, cost: 20},
		{name: "produce1m-cache", title: "the same, both page cache", load: producing(2e6, kib, mibBatch, 1), configs: pageCacheOnBoth(), gib: 2, cost: 30, extra: true},
		{name: "produce16k-1", title: "produce 1 KiB, 16 KiB batches, 1 producer, both page cache", load: producing(1e6, kib, smallMax, 1), configs: pageCacheOnBoth(), gib: 1, cost: 30},
		{name: "produce16k-16", title: "the same, 16 producers, both page cache", load: producing(2e6, kib, smallMax, 16), configs: pageCacheOnBoth(), gib: 2, cost: 35},
		{name: "produce16k-1-sync", title: "the same, 1 producer; Mainstem syncs, Kafka page cache", load: producing(1e6, kib, smallMax, 1), gib: 1, cost: 30},
		{name: "produce16k-16-sync", title: "the same, 16 producers; Mainstem syncs, Kafka page cache", load: producing(2e6, kib, smallMax, 16), gib: 2, cost: 40},
		{name: "consume1m", title: "consume 1 KiB from the start, 1 MiB batches", load: consuming(2e6, kib, mibBatch), preload: 2e6, gib: 1, cost: 12},
		{name: "consume16k", title: "consume 1 KiB from the start, 16 KiB batches", load: consuming(2e6, kib, smallMax), preload: 2e6, gib: 1, cost: 15},
		{name: "produce100b", title: "produce 100 B, batches to 1 MiB; Mainstem syncs, Kafka page cache", load: producing(10e6, 100, mibBatch, 1), gib: 1.2, cost: 30},
		{name: "e2e1k", title: "end to end, 100 B at 1,000 rec/s, linger 0", load: pacing(1000), gib: 0.1, cost: 50},
		{name: "e2e10k", title: "end to end, 100 B at 10,000 rec/s, linger 0", load: pacing(10000), gib: 0.1, cost: 50},
		{
			name: "partitions1000", title: "1,000 partitions over 10 topics, 1 KiB, 16 KiB batches spread over all; then consumed",
			load: producing(3e6, kib, smallMax, 1), topics: 10, partitions: 100, configs: smallIndexes(), seconds: 15, gib: 2, cost: 80, run: runPartitions,
		},
		{
			name: "partitions10000", title: "10,000 partitions over 10 topics, the same; topics made once for all rounds",
			load: producing(3e6, kib, smallMax, 1), topics: 10, partitions: 1000, configs: smallIndexes(), seconds: 20, makeOnce: true, gib: 2, cost: 90, run: runPartitions,
		},
	}
	for _, per := range []int{100, 1000} {
		l := producing(320_000, kib, smallMax, 1)
		l.OneBatch = true
		rows = append(rows, row{
			name: fmt.Sprintf("equal%d", 10*per), title: fmt.Sprintf("%d partitions against one at the same 16 KiB batches, one batch a request on both; Mainstem alone", 10*per),
			load: l, topics: 10, partitions: per, alone: harness.Mainstem, gib: 0.8, cost: 25, run: runEqual,
		})
	}
	rows = append(rows,
		row{name: "memory", title: "memory at rest, and while 1 KiB is produced and consumed; fresh brokers", load: producing(2e6, kib, mibBatch, 1), cold: true, gib: 2, cost: 60, run: runMemory},
		row{name: "startup", title: "start after a clean stop, and after kill -9 under load; fresh brokers", load: producing(4e6, kib, mibBatch, 1), cold: true, gib: 4, cost: 50, run: runStartup},
	)
	return slices.Concat(rows, groupRows(), txnRows())
}

// pick finds rows of a table by names, by prefixes ending in *, by what stands
// in front of a hyphen (groups) where no row has that name, or all.
func pick(t table, names string) ([]row, error) {
	rows := t.rows()
	var picked []row
	if names == "" || names == "all" {
		for _, r := range rows {
			if !r.extra {
				picked = append(picked, r)
			}
		}
		return picked, nil
	}
	for name := range strings.SplitSeq(names, ",") {
		found := false
		exact := slices.ContainsFunc(rows, func(r row) bool { return r.name == name })
		for _, r := range rows {
			prefix, wild := strings.CutSuffix(name, "*")
			if r.name == name || (wild && strings.HasPrefix(r.name, prefix)) || (!exact && strings.HasPrefix(r.name, name+"-")) {
				picked, found = append(picked, r), true
			}
		}
		if !found {
			var known []string
			for _, r := range rows {
				known = append(known, r.name)
			}
			return nil, fmt.Errorf("no row %q; there are: %s", name, strings.Join(known, ", "))
		}
	}
	return picked, nil
}
