package main

import (
	"maps"
	"strconv"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
)

// batching is a load whose client costs the same wherever its batches go.
func batching(records, size, batch, connections, depth int) load {
	return load{Op: "batches", Records: records, Size: size, BatchMax: batch, Producers: connections, Depth: depth}
}

// keyed gives the records of a load so many different keys.
func keyed(l load, keys int) load {
	l.Keys = keys
	return l
}

// soakRow needs no quiet machine, so it is the first.
const soakRow = "soak"

// soaking is how long a soak takes with its restarts and checks.
func soaking(soak time.Duration) time.Duration { return soak + soak/20 + 30*time.Second }

// storageRows is the table of `make bench-storage`.
func storageRows() []row {
	return []row{
		{
			name: soakRow, title: "mixed load with retention, compaction and group commits, kill -9 and clean stops; Mainstem alone",
			props: amplifyProps(), alone: harness.Mainstem, cold: true, most: 1, gib: 5, run: runSoak,
		},
		{
			name: "spread10000", title: "10,000 partitions over 10 topics against one, the same 16 KiB batches and requests in flight; Mainstem syncs",
			load: batching(1_200_000, kib, smallMax, 8, 8), topics: 10, partitions: 1000, configs: smallIndexes(), seconds: 10, makeOnce: true,
			once: harness.Kafka, gib: 3, cost: 120, run: runSpread,
		},
		{
			name: "spread100000", title: "100,000 partitions over 100 topics, the same; Mainstem alone, as Kafka keeps files open for every partition and a process may open 20,000",
			load: batching(3_000_000, kib, smallMax, 8, 8), topics: 100, partitions: 1000,
			props: givingBack(10 * time.Second), alone: harness.Mainstem, cold: true, most: 1, gib: 10, cost: 250, run: runSpreadLife,
		},
		{
			name: "syncasync", title: "64 producers of 16 KiB batches, 5 requests in flight each: sync flush against async; Mainstem alone",
			load: batching(4e6, kib, smallMax, 64, 5), topics: 1, partitions: 64,
			alone: harness.Mainstem, cold: true, gib: 11, cost: 120, run: runSyncAsync,
		},
		backlogRow("coldbacklog", mibBatch, false), backlogRow("coldbacklog16k", smallMax, true),
		{
			name: "recovery20g", title: "kill -9 under load with 20 GB in the log: until a batch is acknowledged and read back",
			load: batching(20e9/kib, kib, mibBatch, 2, 4), topics: 1, partitions: 8, cold: true, most: 1, gib: 22, cost: 200, run: runRecovery,
		},
		{
			name: "recovery1t", title: "the same with 1 TB: 3,700 files of batches of 8 MiB of zeros, which the disk stores as holes; Mainstem alone",
			load: batching(1e6, kib, mibBatch, 2, 4), topics: 1, partitions: 8, alone: harness.Mainstem, cold: true, most: 1, gib: 5, cost: 150, run: runTerabyte,
		},
		{
			name: "compaction", title: "10 million records of 100 B with 1 million keys, from dirty to clean, nothing else to do; 64 MiB for the keys on both",
			load: keyed(batching(10e6, 100, smallMax, 2, 8), 1e6), props: cleaning(), cold: true, gib: 4, cost: 100, run: runCompaction,
		},
		{
			name: "amplification", title: "a third of 26 MB/s each with retention of 8, 32 and 128 s, and a small compacted topic; segments of 16 MiB; Mainstem alone",
			props: amplifyProps(), alone: harness.Mainstem, cold: true, most: 1, gib: 4, cost: 290, run: runAmplification,
		},
	}
}

// givingBack has brokers look after what they can delete so often, and sets
// more for Mainstem.
func givingBack(every time.Duration, more ...map[string]string) map[harness.Target]map[string]string {
	out := map[harness.Target]map[string]string{}
	for _, target := range []harness.Target{harness.Kafka, harness.Mainstem} {
		out[target] = map[string]string{"log.retention.check.interval.ms": strconv.FormatInt(every.Milliseconds(), 10)}
	}
	for _, m := range more {
		maps.Copy(out[harness.Mainstem], m)
	}
	return out
}
