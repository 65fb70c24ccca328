package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

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
	// gib is about how much a round writes at full scale, to check the disk.
	gib float64
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
var (
	mainstemPageCache = map[string]string{"flush.messages": "9223372036854775807"}
	kafkaSync         = map[string]string{"flush.messages": "1"}
)

func pageCacheOnBoth() map[harness.Target]map[string]string {
	return map[harness.Target]map[string]string{harness.Mainstem: mainstemPageCache}
}

func syncOnBoth() map[harness.Target]map[string]string {
	return map[harness.Target]map[string]string{harness.Kafka: kafkaSync}
}

// allRows is the table; the policy named is Mainstem's where the two differ.
func allRows() []row {
	produce := func(records, size, batch, producers int) load {
		return load{Op: "produce", Records: records, Size: size, BatchMax: batch, Producers: producers}
	}
	consume := func(records, size, batch int) load {
		return load{Op: "consume", Records: records, Size: size, BatchMax: batch}
	}
	rows := []row{
		{name: "produce1m", title: "produce 1 KiB, batches to 1 MiB; Mainstem syncs, Kafka page cache", load: produce(2e6, kib, mibBatch, 1), gib: 2},
		{name: "produce1m-fsync", title: "the same, both sync", load: produce(1e6, kib, mibBatch, 1), configs: syncOnBoth(), gib: 1},
		{name: "produce1m-cache", title: "the same, both page cache", load: produce(2e6, kib, mibBatch, 1), configs: pageCacheOnBoth(), gib: 2},
		{name: "produce16k-1", title: "produce 1 KiB, 16 KiB batches, 1 producer, both page cache", load: produce(1e6, kib, smallMax, 1), configs: pageCacheOnBoth(), gib: 1},
		{name: "produce16k-16", title: "the same, 16 producers, both page cache", load: produce(2e6, kib, smallMax, 16), configs: pageCacheOnBoth(), gib: 2},
		{name: "produce16k-1-sync", title: "the same, 1 producer; Mainstem syncs, Kafka page cache", load: produce(1e6, kib, smallMax, 1), gib: 1},
		{name: "produce16k-16-sync", title: "the same, 16 producers; Mainstem syncs, Kafka page cache", load: produce(2e6, kib, smallMax, 16), gib: 2},
		{name: "consume1m", title: "consume 1 KiB from the start, 1 MiB batches", load: consume(2e6, kib, mibBatch), preload: 2e6, gib: 2},
		{name: "consume16k", title: "consume 1 KiB from the start, 16 KiB batches", load: consume(2e6, kib, smallMax), preload: 2e6, gib: 2},
		{name: "produce100b", title: "produce 100 B, batches to 1 MiB; Mainstem syncs, Kafka page cache", load: produce(10e6, 100, mibBatch, 1), gib: 1.2},
		{name: "e2e1k", title: "end to end at 1,000 rec/s, linger 0", load: load{Op: "e2e", Size: 100, BatchMax: mibBatch, Rate: 1000, Seconds: 20}, gib: 0.1},
		{name: "e2e10k", title: "end to end at 10,000 rec/s, linger 0", load: load{Op: "e2e", Size: 100, BatchMax: mibBatch, Rate: 10000, Seconds: 20}, gib: 0.1},
	}
	for _, per := range []int{100, 1000} {
		n := fmt.Sprint(10 * per)
		spread := produce(500_000, kib, mibBatch, 1)
		spread.Spread = true
		rows = append(rows,
			row{name: "partitions" + n, title: n + " partitions over 10 topics, 1 KiB spread over all; then consumed", load: spread, topics: 10, partitions: per, gib: 1, run: runPartitions},
		)
	}
	for _, per := range []int{1, 100, 1000} {
		topics := min(per, 10)
		n := fmt.Sprint(topics * per)
		rows = append(rows, row{
			name: "equal" + n, title: n + " partition(s), equal batches of 16 KiB", load: produce(500_000, kib, smallMax, 1),
			topics: topics, partitions: per, gib: 0.5,
		})
	}
	return append(rows,
		row{name: "memory", title: "memory at rest, and while 1 KiB is produced and consumed", load: produce(1e6, kib, mibBatch, 1), gib: 1, run: runMemory},
		row{name: "startup", title: "start after a clean stop, and after kill -9 under load", load: produce(2e6, kib, mibBatch, 1), gib: 2, run: runStartup},
	)
}

// pick finds rows by names, by prefixes ending in *, or all.
func pick(names string) ([]row, error) {
	rows := allRows()
	if names == "" || names == "all" {
		return rows, nil
	}
	var picked []row
	for name := range strings.SplitSeq(names, ",") {
		found := false
		for _, r := range rows {
			prefix, wild := strings.CutSuffix(name, "*")
			if r.name == name || (wild && strings.HasPrefix(r.name, prefix)) {
				picked, found = append(picked, r), true
			}
		}
		if !found {
			return nil, fmt.Errorf("no row %q; there are: %s", name, strings.Join(rowNames(rows), ", "))
		}
	}
	return picked, nil
}

func rowNames(rows []row) []string {
	names := map[string]bool{}
	for _, r := range rows {
		names[r.name] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// runPartitions creates many partitions, spreads records over them and
// consumes them.
func runPartitions(s *stand) (sample, error) {
	made, err := s.create()
	if err != nil {
		return nil, err
	}
	out, err := s.measure(s.row.load)
	if err != nil {
		return nil, err
	}
	out["create s"] = made.Seconds()
	again := s.row.load
	again.Op = "consume"
	read, err := s.measure(again)
	if err != nil {
		return nil, err
	}
	out["consume rec/s"], out["consume us CPU/rec"], out["consume CPU s/GB"] = read["rec/s"], read["us CPU/rec"], read["CPU s/GB"]
	out["peak anon MiB"] = max(out["peak anon MiB"], read["peak anon MiB"])
	out["descriptors"] = max(out["descriptors"], read["descriptors"])
	return out, s.drop()
}

// runMemory restarts the broker, lets it rest, then loads it.
func runMemory(s *stand) (sample, error) {
	if err := s.broker.Stop(); err != nil {
		return nil, err
	}
	if err := s.broker.Restart(); err != nil {
		return nil, err
	}
	time.Sleep(5 * time.Second)
	rest, err := harness.ReadMemory(s.broker.PID())
	if err != nil {
		return nil, err
	}
	if _, err := s.create(); err != nil {
		return nil, err
	}
	loaded, err := s.measure(s.row.load)
	if err != nil {
		return nil, err
	}
	again := s.row.load
	again.Op = "consume"
	read, err := s.measure(again)
	if err != nil {
		return nil, err
	}
	return sample{
		"rest anon MiB": mib(rest.Anon), "rest file MiB": mib(rest.File),
		"peak anon MiB": max(loaded["peak anon MiB"], read["peak anon MiB"]),
		"peak file MiB": max(loaded["peak file MiB"], read["peak file MiB"]),
	}, s.drop()
}

// runStartup times a start after a clean stop and one after kill -9 in the
// midst of a load, each until the first Metadata answer and the latter also
// until the first acknowledged record.
func runStartup(s *stand) (sample, error) {
	if _, err := s.create(); err != nil {
		return nil, err
	}
	if err := s.broker.Stop(); err != nil {
		return nil, err
	}
	if err := s.broker.Restart(); err != nil {
		return nil, err
	}
	clean := s.broker.StartTime()
	child, err := s.startLoad(s.row.load)
	if err != nil {
		return nil, err
	}
	time.Sleep(max(500*time.Millisecond, time.Duration(2*s.scale*float64(time.Second))))
	if err := s.broker.Kill(); err != nil {
		return nil, err
	}
	child.abandon()
	begin := time.Now()
	if err := s.broker.Restart(); err != nil {
		return nil, err
	}
	one := s.row.load
	one.Records, one.Topics, one.Partitions, one.Addr = 1, s.names, 1, s.broker.Addr()
	if _, err := runChild(one); err != nil {
		return nil, err
	}
	return sample{
		"start s": clean.Seconds(), "start after kill -9 s": s.broker.StartTime().Seconds(),
		"first ack after kill -9 s": time.Since(begin).Seconds(),
	}, s.drop()
}
