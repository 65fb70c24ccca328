package server

import (
	"sync"
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
	d := &deleteRecordsCall{call: c, resp: kmsg.NewPtrDeleteRecordsResponse(), left: 1}
	d.resp.Topics = make([]kmsg.DeleteRecordsResponseTopic, len(req.Topics))
	for i := range req.Topics {
		t := &d.resp.Topics[i]
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
			settle := func(start model.Offset, err *protocol.Error) { d.settle(i, j, start, err) }
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

// deleteRecordsCall gathers the partitions' answers.
type deleteRecordsCall struct {
	call *call
	resp *kmsg.DeleteRecordsResponse

	mu   sync.Mutex
	left int
	over bool
}

func (d *deleteRecordsCall) settle(topic, partition int, start model.Offset, err *protocol.Error) {
	d.mu.Lock()
	if d.over {
		d.mu.Unlock()
		return
	}
	p := &d.resp.Topics[topic].Partitions[partition]
	p.ErrorCode, p.LowWatermark = 0, int64(start)
	if err != nil {
		p.ErrorCode, p.LowWatermark = d.call.failed(err.Code), -1
	}
	d.mu.Unlock()
	d.leave()
}

func (d *deleteRecordsCall) leave() {
	d.mu.Lock()
	d.left--
	last := d.left == 0 && !d.over
	d.over = d.over || last
	d.mu.Unlock()
	if last {
		d.call.encodeLater(d.resp)
	}
}

func (d *deleteRecordsCall) expire() {
	d.mu.Lock()
	first := !d.over
	d.over = true
	d.mu.Unlock()
	if first {
		d.call.failed(protocol.RequestTimedOut)
		d.call.encodeLater(d.resp)
	}
}
