package server

import (
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

// DeleteRecords (key 21), versions 0 to 2.
//
// Versions:
//   - v2: flexible
//
// Differs from Kafka: topics that are only compacted take it too (Kafka
// answers POLICY_VIOLATION). The answer is sent when the new start is on disk.
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
	c.expires(time.Duration(req.TimeoutMillis)*time.Millisecond, d.expire)
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
			part.DeleteRecords(model.Offset(rp.Offset), settle)
		}
	}
	d.leave()
}

// deleteRecordsCall is a request whose partitions are at work.
type deleteRecordsCall struct{ gather }

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
