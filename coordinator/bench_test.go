package coordinator

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// nullJournal keeps nothing, so that the coordinator alone is measured.
type nullJournal struct{}

func (nullJournal) Append(_ []Record, done func(error)) { done(nil) }
func (nullJournal) Barrier(done func(error))            { done(nil) }
func (nullJournal) Load(func(Record) error) error       { return nil }

// BenchmarkCommit measures OffsetCommit from decoded request to answer; the
// rate of partition offsets is the figure to look at.
func BenchmarkCommit(b *testing.B) {
	for _, partitions := range []int32{1, 100} {
		b.Run(fmt.Sprintf("partitions=%d", partitions), func(b *testing.B) {
			groups := benchGroups(b, nullJournal{})
			requests := make([]*kmsg.OffsetCommitRequest, 100)
			for i := range requests {
				req := commitRequest(fmt.Sprintf("group-%d", i), "topic", 0, 1)
				parts := &req.Topics[0].Partitions
				for p := int32(1); p < partitions; p++ {
					part := kmsg.NewOffsetCommitRequestTopicPartition()
					part.Partition, part.Offset = p, int64(p)
					*parts = append(*parts, part)
				}
				requests[i] = req
			}
			answered := 0
			reply := func(*kmsg.OffsetCommitResponse) { answered++ }
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				groups.CommitOffsets(requests[i%len(requests)], Caller{}, reply)
			}
			b.ReportMetric(float64(answered)*float64(partitions)/b.Elapsed().Seconds(), "offsets/s")
		})
	}
}

// groupJournal answers appends in groups, from a goroutine of its own, as a log
// does that syncs: while one group is answered, the next gathers.
type groupJournal struct {
	nullJournal

	queue chan func(error)
}

func newGroupJournal(b *testing.B) *groupJournal {
	b.Helper()
	j := &groupJournal{queue: make(chan func(error), 1<<16)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for done := range j.queue {
			done(nil)
		}
	}()
	b.Cleanup(func() {
		close(j.queue)
		<-ended
	})
	return j
}

func (j *groupJournal) Append(_ []Record, done func(error)) { j.queue <- done }

// BenchmarkManyGroups measures small commits of 5,000 groups at once, each
// answered before the group's next; the 99th percentile shows whether groups
// hold each other up.
func BenchmarkManyGroups(b *testing.B) {
	const many, clients = 5000, 64
	groups := benchGroups(b, newGroupJournal(b))
	requests := make([]*kmsg.OffsetCommitRequest, many)
	for i := range requests {
		requests[i] = commitRequest(fmt.Sprintf("group-%d", i), "topic", int32(i%8), int64(i))
	}
	var next atomic.Int64
	var took [clients][]time.Duration
	var wg sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	for c := range clients {
		wg.Go(func() {
			answered := make(chan struct{}, 1)
			reply := func(*kmsg.OffsetCommitResponse) { answered <- struct{}{} }
			for {
				i := int(next.Add(1)) - 1
				if i >= b.N {
					return
				}
				began := time.Now() //nolint:forbidigo // What is measured.
				groups.CommitOffsets(requests[i%many], Caller{}, reply)
				<-answered
				took[c] = append(took[c], time.Since(began)) //nolint:forbidigo // As above.
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	all := slices.Concat(took[:]...)
	slices.Sort(all)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds()), "p99-us")
}

// BenchmarkHeartbeat measures the request that most groups live by.
func BenchmarkHeartbeat(b *testing.B) {
	groups := benchGroups(b, nullJournal{})
	req := &kmsg.HeartbeatRequest{Version: 4, Group: "g", MemberID: "nobody"}
	reply := func(*kmsg.HeartbeatResponse) {}
	b.ReportAllocs()
	for b.Loop() {
		groups.Heartbeat(req, Caller{}, reply)
	}
}

// BenchmarkLoad replays a million offsets of a thousand groups.
func BenchmarkLoad(b *testing.B) {
	const groups, partitions = 1000, 1000
	var room arena
	records := make([]Record, 0, groups*partitions)
	for g := range groups {
		group := fmt.Sprintf("group-%d", g)
		for p := range int32(partitions) {
			records = append(records, room.offsetRecord(group, fmt.Sprintf("topic-%d", p%10), p,
				committed{offset: int64(p), leaderEpoch: -1, commitTime: 1, expireTime: noTime}))
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		m := newMachine()
		for _, r := range records {
			if err := m.Replay(r); err != nil {
				b.Fatal(err)
			}
		}
		if m.offsetCount != groups*partitions {
			b.Fatalf("%d offsets", m.offsetCount)
		}
	}
}

func benchGroups(b *testing.B, journal Journal) *Groups {
	b.Helper()
	return groupsOver(b, 50, func(int32) Journal { return journal })
}
