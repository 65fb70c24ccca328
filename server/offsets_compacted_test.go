package server_test

import (
	"math"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/replication"
)

// TestCommitsDoNotGrow: commits take room once, however many there are, and a
// start reads what compaction left of them.
func TestCommitsDoNotGrow(t *testing.T) {
	const (
		rounds, commits, partitions = 24, 150, 60 // each round is three quarters of a MiB
		most                        = 4 << 20
	)
	disk := vfs.NewMem()
	must(t, disk.MkdirAll(dataDir))
	o := options{fs: disk, segment: 1 << 20, static: map[string]string{cluster.OffsetsSegmentKey: "1"}}
	b := startBroker(t, o)
	c := b.dial()
	c.createTopic("t", partitions)
	find := kmsg.NewPtrFindCoordinatorRequest()
	find.CoordinatorKey = "group"
	ask[*kmsg.FindCoordinatorResponse](c, 3, find)
	compactor := replication.NewCompactor(b.partitions, replication.CompactorEnv{
		Settings: func() replication.CompactorSettings {
			return replication.CompactorSettings{KeyBytes: 1 << 20, LoadFactor: 0.9}
		},
		Room: func() int64 { return math.MaxInt64 },
		Report: func(r *replication.Compaction) {
			if r.Err != nil {
				t.Error(r.Err)
			}
		},
	})
	offset := int64(0)
	for round := range rounds {
		for range commits {
			offset++
			commitAll(c, "group", partitions, offset)
		}
		compactor.Round()
		if _, _, err := b.log.Reclaim(); err != nil {
			t.Fatal(err)
		}
		if st := b.log.Stats(); st.SegmentBytes+st.ColdBytes > most {
			t.Fatalf("round %d: %d bytes of segments, %d of the cold log", round, st.SegmentBytes, st.ColdBytes)
		}
	}
	if n := compactor.Totals().Runs; n < 3 {
		t.Errorf("%d compactions", n)
	}
	written := b.log.Stats().AppendedBytes
	if written < most {
		t.Errorf("%d bytes of commits prove nothing", written)
	}
	for range 2 {
		b.close()
		b = startBroker(t, o)
		c = b.dial()
		req := kmsg.NewPtrOffsetFetchRequest()
		req.Group = "group"
		resp := ask[*kmsg.OffsetFetchResponse](c, 5, req)
		// Until the load has begun, and while it goes on.
		for resp.ErrorCode == int16(protocol.NotCoordinator) || resp.ErrorCode == int16(protocol.CoordinatorLoadInProgress) {
			resp = ask[*kmsg.OffsetFetchResponse](c, 5, req)
		}
		if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != partitions {
			t.Fatalf("after a restart: %+v", resp)
		}
		for _, p := range resp.Topics[0].Partitions {
			if p.Offset != offset || p.ErrorCode != 0 {
				t.Fatalf("partition %d: offset %d, error %d; want %d", p.Partition, p.Offset, p.ErrorCode, offset)
			}
		}
	}
}

// commitAll commits one offset for all partitions of the topic t.
func commitAll(c *client, group string, partitions int32, offset int64) {
	c.tb.Helper()
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Group, req.Generation = group, -1
	topic := kmsg.OffsetCommitRequestTopic{Topic: "t"}
	for p := range partitions {
		part := kmsg.NewOffsetCommitRequestTopicPartition()
		part.Partition, part.Offset = p, offset
		topic.Partitions = append(topic.Partitions, part)
	}
	req.Topics = []kmsg.OffsetCommitRequestTopic{topic}
	for _, p := range ask[*kmsg.OffsetCommitResponse](c, 7, req).Topics[0].Partitions {
		if p.ErrorCode != 0 {
			c.tb.Fatalf("commit: error %d", p.ErrorCode)
		}
	}
}
