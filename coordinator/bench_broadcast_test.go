package coordinator

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// BenchmarkCommitAll measures the largest commit that there is: one for all members
// of a broadcast group. All groups of its shard wait meanwhile.
func BenchmarkCommitAll(b *testing.B) {
	for _, shape := range []struct{ cells, partitions int32 }{{1000, 480}, {10, 48_000}} {
		b.Run(fmt.Sprintf("members=%d/partitions=%d", shape.cells, shape.partitions), func(b *testing.B) {
			groups := broadcastGroupsOver(b, func(int32) Journal { return nullJournal{} })
			defer groups.Close()
			for i := range shape.cells {
				groups.CommitOffsets(commitRequest(slotPrefix("g", "c", "h")+strconv.Itoa(int(i)), "t", 0, 1), Caller{}, func(*kmsg.OffsetCommitResponse) {})
			}
			req := commitRequest("g", "t", 0, 1)
			parts := &req.Topics[0].Partitions
			for p := int32(1); p < shape.partitions; p++ {
				part := kmsg.NewOffsetCommitRequestTopicPartition()
				part.Partition, part.Offset = p, int64(p)
				*parts = append(*parts, part)
			}
			b.ReportAllocs()
			for b.Loop() {
				groups.CommitOffsets(req, Caller{}, func(r *kmsg.OffsetCommitResponse) {
					if code := r.Topics[0].Partitions[0].ErrorCode; code != 0 {
						b.Fatal(codeText(code))
					}
				})
			}
		})
	}
}
