package coordinator

import (
	"runtime"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestLargeCommitMemory: a commit's bytes are taken once for its records and
// once for what the group holds then, and no longer held by the request.
func TestLargeCommitMemory(t *testing.T) {
	const partitions, bytes = 4000, 4096
	groups := groupsOver(t, 1, func(int32) Journal { return nullJournal{} })
	req := commitRequest("g", "t", 0, 1)
	parts := &req.Topics[0].Partitions
	*parts = make([]kmsg.OffsetCommitRequestTopicPartition, partitions)
	text := strings.Repeat("m", bytes)
	for i := range *parts {
		(*parts)[i] = kmsg.OffsetCommitRequestTopicPartition{Partition: int32(i), Metadata: &text}
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	answered := false
	groups.CommitOffsets(req, Caller{}, func(r *kmsg.OffsetCommitResponse) { answered = r.Topics[0].Partitions[partitions-1].ErrorCode == 0 })
	runtime.ReadMemStats(&after)
	if !answered {
		t.Fatal("the commit was not accepted")
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 5*partitions*bytes/2 {
		t.Errorf("%d bytes of metadata took %d", partitions*bytes, took)
	}
	for i := range *parts {
		if (*parts)[i].Metadata != nil {
			t.Fatalf("partition %d: the request still holds its metadata", i)
		}
	}
}
