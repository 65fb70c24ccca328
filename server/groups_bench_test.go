package server_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/coordinator"
	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/server"
)

// groupsOn is a group coordinator over a log in a directory, its shards loaded, and
// the topic of commitOf with so many partitions.
func groupsOn(tb testing.TB, fs vfs.FS, dir string, shards, committed int32) *coordinator.Groups {
	tb.Helper()
	partitions, meta := dataOn(tb, fs, dir, shards)
	must(tb, meta.CreateTopics([]cluster.TopicSpec{{Name: "topic", Partitions: committed}})[0].Err)
	resolver := cluster.NewResolver(nil)
	config := coordinator.DefaultConfig()
	config.Shards = shards
	groups, err := coordinator.New(func() coordinator.Config { return config }, coordinator.Env{
		Clock: clock.Real{},
		Journals: func(shard int32) coordinator.Journal {
			return server.NewOffsetsJournal(partitions, clock.Real{}, shard)
		},
		View:     func() coordinator.View { return server.GroupView(resolver, meta.Image()) },
		LogStart: func(topic string, partition int32) int64 { return server.LogStart(partitions, topic, partition) },
	})
	must(tb, err)
	tb.Cleanup(groups.Close)
	loadAll(tb, groups, shards)
	return groups
}

// loadAll loads all shards at once, as a broker does.
func loadAll(tb testing.TB, groups *coordinator.Groups, shards int32) {
	tb.Helper()
	var all sync.WaitGroup
	for shard := range shards {
		all.Go(func() {
			if err := groups.Load(shard); err != nil {
				tb.Error(err)
			}
		})
	}
	all.Wait()
}

func commitOf(group string, partitions int32, metadata string) *kmsg.OffsetCommitRequest {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Version, req.Group = 8, group
	topic := kmsg.OffsetCommitRequestTopic{Topic: "topic"}
	for i := range partitions {
		p := kmsg.NewOffsetCommitRequestTopicPartition()
		p.Partition, p.Offset, p.Metadata = i, int64(i), &metadata
		topic.Partitions = append(topic.Partitions, p)
	}
	req.Topics = append(req.Topics, topic)
	return req
}

// cpuTime is what the process has used so far, of all cores.
func cpuTime(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	must(tb, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkDurableCommit measures OffsetCommit from the decoded request to the
// answer over a log on the disk of the temporary directory: clients of 1,000
// groups, each with one request under way.
func BenchmarkDurableCommit(b *testing.B) {
	const many, shards = 1000, 50
	for _, c := range []struct {
		partitions int32
		clients    int
	}{{1, 256}, {1, 4096}, {100, 256}} {
		b.Run(fmt.Sprintf("partitions=%d/clients=%d", c.partitions, c.clients), func(b *testing.B) {
			partitions, clients := c.partitions, c.clients
			groups := groupsOn(b, vfs.OS{}, b.TempDir(), shards, partitions)
			requests := make([]*kmsg.OffsetCommitRequest, many)
			for i := range requests {
				requests[i] = commitOf(fmt.Sprintf("group-%d", i), partitions, "")
			}
			var next atomic.Int64
			took := make([][]time.Duration, clients)
			var wg sync.WaitGroup
			b.ReportAllocs()
			b.ResetTimer()
			before := cpuTime(b)
			for c := range clients {
				wg.Go(func() {
					answered := make(chan int16, 1)
					reply := func(r *kmsg.OffsetCommitResponse) { answered <- r.Topics[0].Partitions[0].ErrorCode }
					for {
						i := int(next.Add(1)) - 1
						if i >= b.N {
							return
						}
						began := time.Now() //nolint:forbidigo // What is measured.
						groups.CommitOffsets(requests[i%many], coordinator.Caller{}, reply)
						if code := <-answered; code != 0 {
							b.Errorf("code %d", code)
						}
						took[c] = append(took[c], time.Since(began)) //nolint:forbidigo // As above.
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			all := slices.Concat(took...)
			slices.Sort(all)
			b.ReportMetric(float64(b.N)*float64(partitions)/b.Elapsed().Seconds(), "offsets/s")
			b.ReportMetric(float64((cpuTime(b)-before).Nanoseconds())/float64(b.N), "cpu-ns/op")
			b.ReportMetric(float64(all[len(all)*99/100].Microseconds()), "p99-us")
		})
	}
}

// BenchmarkDurableLoad measures the load of a million offsets, 1,000 of each of
// 1,000 groups, from a log on the disk of the temporary directory.
func BenchmarkDurableLoad(b *testing.B) {
	const many, partitions, shards = 1000, 1000, 50
	groups := groupsOn(b, vfs.OS{}, b.TempDir(), shards, partitions)
	answered := make(chan struct{}, many)
	for i := range many {
		groups.CommitOffsets(commitOf(fmt.Sprintf("group-%d", i), partitions, ""), coordinator.Caller{}, func(*kmsg.OffsetCommitResponse) {
			answered <- struct{}{}
		})
	}
	for range many {
		<-answered
	}
	b.ReportAllocs()
	b.ResetTimer()
	before := cpuTime(b)
	for range b.N {
		loadAll(b, groups, shards)
	}
	b.StopTimer()
	b.ReportMetric((cpuTime(b)-before).Seconds()/float64(b.N), "cpu-s/op")
	if n := groups.Metrics().Offsets; n != many*partitions {
		b.Fatalf("%d offsets", n)
	}
}

// BenchmarkLargeCommit measures one OffsetCommit of 80 MB: 20,000 partitions
// with 4 KB of metadata each.
func BenchmarkLargeCommit(b *testing.B) {
	const partitions = 20000
	groups := groupsOn(b, vfs.OS{}, b.TempDir(), 1, partitions)
	req := commitOf("group", partitions, strings.Repeat("m", 4096))
	b.ReportAllocs()
	b.ResetTimer()
	before := cpuTime(b)
	for range b.N {
		answered := make(chan int16, 1)
		groups.CommitOffsets(req, coordinator.Caller{}, func(r *kmsg.OffsetCommitResponse) { answered <- r.Topics[0].Partitions[0].ErrorCode })
		if code := <-answered; code != 0 {
			b.Fatalf("code %d", code)
		}
	}
	b.ReportMetric((cpuTime(b)-before).Seconds()/float64(b.N), "cpu-s/op")
}
