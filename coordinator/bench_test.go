package coordinator

import (
	"fmt"
	"testing"

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
				groups.CommitOffsets(requests[i%len(requests)], reply)
			}
			b.ReportMetric(float64(answered)*float64(partitions)/b.Elapsed().Seconds(), "offsets/s")
		})
	}
}

// BenchmarkHeartbeat measures the request that most groups live by.
func BenchmarkHeartbeat(b *testing.B) {
	groups := benchGroups(b, nullJournal{})
	req := &kmsg.HeartbeatRequest{Version: 4, Group: "g", MemberID: "nobody"}
	reply := func(*kmsg.HeartbeatResponse) {}
	b.ReportAllocs()
	for b.Loop() {
		groups.Heartbeat(req, reply)
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
			if err := m.replay(r); err != nil {
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
	groups := realGroups(b, 50)
	for shard := range int32(50) {
		groups.shards[shard].journal = journal // before its first request
	}
	return groups
}
