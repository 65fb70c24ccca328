package server

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/zap"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/replication"
)

// DeleteRecords (key 21), versions 0 to 2.
//
// Versions:
//   - v2: flexible
//
// Differs from Kafka:
//   - The answer is sent when the new start is on disk.
//   - Of a request with many partitions a few at a time go to the log, so that
//     producers do not wait for all of them. Those that were not begun in time
//     (TimeoutMillis) keep their records.
func (s *Server) deleteRecords(c *call, req *kmsg.DeleteRecordsRequest) {
	resp := kmsg.NewPtrDeleteRecordsResponse()
	d := &deleteRecordsCall{gather{call: c, resp: resp, left: 1}}
	resp.Topics = make([]kmsg.DeleteRecordsResponseTopic, len(req.Topics))
	for i := range req.Topics {
		t := &resp.Topics[i]
		t.Topic = req.Topics[i].Topic
		t.Partitions = make([]kmsg.DeleteRecordsResponseTopicPartition, len(req.Topics[i].Partitions))
		d.left += len(t.Partitions)
		for j := range t.Partitions {
			t.Partitions[j].Partition, t.Partitions[j].LowWatermark = req.Topics[i].Partitions[j].Partition, -1
			t.Partitions[j].ErrorCode = int16(protocol.RequestTimedOut)
		}
	}
	inTime, over := context.WithCancel(c.conn.alive)
	defer over()
	c.expires(time.Duration(req.TimeoutMillis)*time.Millisecond, func() {
		d.expire()
		over()
	})
	deletions := d.begin(s, req)
	if n := len(deletions); n > 0 {
		s.done(c, "deletion of records asked for", zap.String("topic", req.Topics[0].Topic), zap.Int("topics", len(req.Topics)), zap.Int("partitions", n))
	}
	s.partitions.DeleteRecords(inTime, deletions)
	d.leave()
}

// deleteRecordsCall is a request whose partitions are at work.
type deleteRecordsCall struct{ gather }

// begin settles what cannot be done, and returns the rest.
func (d *deleteRecordsCall) begin(s *Server, req *kmsg.DeleteRecordsRequest) []replication.RecordDeletion {
	resp, _ := d.resp.(*kmsg.DeleteRecordsResponse)
	deletions := make([]replication.RecordDeletion, 0, d.left-1)
	for i := range req.Topics {
		for j, rp := range req.Topics[i].Partitions {
			settle := func(start model.Offset, err *protocol.Error) { d.settle(&resp.Topics[i].Partitions[j], start, err) }
			if err := cluster.ProtectInternalTopic(req.Topics[i].Topic, "delete records of"); err != nil {
				settle(-1, asError(err))
				continue
			}
			part, err := s.partitions.Find(req.Topics[i].Topic, rp.Partition)
			if err != nil {
				settle(-1, err)
				continue
			}
			deletions = append(deletions, replication.RecordDeletion{Partition: part, Before: model.Offset(rp.Offset), Done: settle})
		}
	}
	return deletions
}

func (d *deleteRecordsCall) settle(slot *kmsg.DeleteRecordsResponseTopicPartition, start model.Offset, err *protocol.Error) {
	if !d.note() {
		return
	}
	slot.ErrorCode, slot.LowWatermark = 0, int64(start)
	if err != nil {
		slot.ErrorCode, slot.LowWatermark = d.call.failed(err.Code), -1
	}
	d.noted()
}
