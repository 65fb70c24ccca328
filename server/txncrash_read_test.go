package server_test

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// committedOf asks for the stable offset of a group.
func (c *client) committedOf(group string, tp model.TopicPartition) kmsg.OffsetFetchResponseGroupTopicPartition {
	c.tb.Helper()
	req := kmsg.NewPtrOffsetFetchRequest()
	req.RequireStable = true
	req.Groups = []kmsg.OffsetFetchRequestGroup{{
		Group: group, MemberEpoch: -1, Topics: []kmsg.OffsetFetchRequestGroupTopic{{Topic: tp.Topic, Partitions: []int32{tp.Partition}}},
	}}
	return ask[*kmsg.OffsetFetchResponse](c, 8, req).Groups[0].Topics[0].Partitions[0]
}

// committedValues reads a partition as a client does that wants what is committed: it
// is told which producers' transactions were aborted, from which offset on.
func (c *client) committedValues(tp model.TopicPartition) (values []string) {
	c.tb.Helper()
	for at := int64(0); ; {
		req := fetchRequest(tp.Topic, tp.Partition, at)
		req.IsolationLevel = 1
		p := ask[*kmsg.FetchResponse](c, 12, req).Topics[0].Partitions[0]
		if code := protocol.ErrorCode(p.ErrorCode); code == protocol.UnknownTopicOrPartition {
			return nil
		} else if code != protocol.NoError {
			c.tb.Fatalf("fetch of %v: %s", tp, code)
		}
		before, coming, aborted := at, p.AbortedTransactions, map[model.ProducerID]bool{}
		for b, err := range batch.Split(p.RecordBatches) {
			must(c.tb, err)
			for len(coming) > 0 && coming[0].FirstOffset <= int64(b.LastOffset()) {
				aborted[model.ProducerID(coming[0].ProducerID)], coming = true, coming[1:]
			}
			at = int64(b.LastOffset()) + 1
			if m, ok, err := batch.ReadMarker(b.Bytes, &b.Header); err != nil {
				c.tb.Fatal(err)
			} else if ok && !m.Commit {
				delete(aborted, m.Producer)
			}
			if b.IsControl() || b.IsTransactional() && aborted[b.ProducerID] {
				continue
			}
			must(c.tb, batch.Records(b.Bytes, &b.Header, 1<<20, func(r batch.Record) error {
				values = append(values, string(r.Value))
				return nil
			}))
		}
		if at == before {
			if at != p.LastStableOffset {
				c.tb.Fatalf("%v is read up to %d of %d", tp, at, p.LastStableOffset)
			}
			return values
		}
	}
}
