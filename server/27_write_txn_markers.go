package server

import (
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/zap"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/coordinator/txn"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

// WriteTxnMarkers (key 27), versions 1 and 2.
//
// Versions:
//   - v1: flexible
//   - v2: the transaction's version (KIP-1228)
//
// It goes past the coordinator, on purpose: kafka-transactions ends with it what no
// coordinator knows of.
//
// Differs from Kafka:
//   - There is no security yet, so anybody may ask.
//   - The same partition twice for one marker is written once.
//   - Coordinator epoch -1 counts as 0: coordinators begin there.
func (s *Server) writeTxnMarkers(c *call, req *kmsg.WriteTxnMarkersRequest) {
	resp := kmsg.NewPtrWriteTxnMarkersResponse()
	var jobs []txn.MarkerJob
	for i := range req.Markers {
		if m := &req.Markers[i]; len(m.Topics) > 0 {
			resp.Markers = append(resp.Markers, unwritten(m))
			jobs = append(jobs, markerJob(m))
		}
	}
	g := &gather{call: c, resp: resp, left: 1 + len(jobs)}
	for i := range jobs {
		s.notePastCoordinator(c, &jobs[i])
		s.markers.Write(jobs[i], func(failed []*protocol.Error) {
			if !g.note() {
				return
			}
			codes := map[model.TopicPartition]protocol.ErrorCode{}
			for k, err := range failed {
				codes[jobs[i].Partitions[k]] = protocol.CodeOf(errorOrNil(err))
			}
			for _, t := range resp.Markers[i].Topics {
				for k := range t.Partitions {
					p := &t.Partitions[k]
					p.ErrorCode = c.failed(markerCode(codes[model.TopicPartition{Topic: t.Topic, Partition: p.Partition}], t.Topic))
				}
			}
			g.noted()
		})
	}
	g.leave()
}

// markerWeight is what a marker takes on its way into the log, and to its answer.
const markerWeight = 2 << 10

// weighTxnMarkers keeps who asks for millions of markers from having them under way
// all at once.
func (s *Server) weighTxnMarkers(req *kmsg.WriteTxnMarkersRequest) int {
	n := 0
	for i := range req.Markers {
		for _, t := range req.Markers[i].Topics {
			n += len(t.Partitions)
		}
	}
	return markerWeight * n
}

// notePastCoordinator tells the log of a marker that no coordinator has decided on: who
// looks for what became of a transaction finds nothing else. Any client may send them, as
// often as it likes.
func (s *Server) notePastCoordinator(c *call, job *txn.MarkerJob) {
	if len(job.Partitions) == 0 {
		return
	}
	s.limitedWarn("a client ends a transaction past its coordinator", append(c.conn.who(),
		zap.Int64("producer", int64(job.Producer.ID)), zap.Int16("epoch", int16(job.Producer.Epoch)), zap.Bool("commit", job.Commit),
		zap.String("topic", job.Partitions[0].Topic), zap.Int32("partition", job.Partitions[0].Partition), zap.Int("partitions", len(job.Partitions)))...)
}

// unwritten is the answer for a marker as long as nothing is known of it.
func unwritten(m *kmsg.WriteTxnMarkersRequestMarker) kmsg.WriteTxnMarkersResponseMarker {
	out := kmsg.WriteTxnMarkersResponseMarker{ProducerID: m.ProducerID}
	for _, t := range m.Topics {
		topic := kmsg.WriteTxnMarkersResponseMarkerTopic{Topic: t.Topic}
		for _, n := range t.Partitions {
			topic.Partitions = append(topic.Partitions, kmsg.WriteTxnMarkersResponseMarkerTopicPartition{
				Partition: n, ErrorCode: int16(protocol.RequestTimedOut),
			})
		}
		out.Topics = append(out.Topics, topic)
	}
	return out
}

func markerJob(m *kmsg.WriteTxnMarkersRequestMarker) txn.MarkerJob {
	job := txn.MarkerJob{
		Producer: producerOf(m.ProducerID, m.ProducerEpoch), Commit: m.Committed, CoordinatorEpoch: m.CoordinatorEpoch,
		BumpedEpoch: m.TransactionVersion >= 2,
	}
	seen := map[model.TopicPartition]bool{}
	for _, t := range m.Topics {
		for _, n := range t.Partitions {
			tp := model.TopicPartition{Topic: t.Topic, Partition: n}
			// No transaction ever writes to the coordinator's own topic.
			if !seen[tp] && t.Topic != cluster.TransactionsTopic {
				job.Partitions = append(job.Partitions, tp)
			}
			seen[tp] = true
		}
	}
	return job
}

// markerCode is the fate of a marker in words that other brokers know.
func markerCode(code protocol.ErrorCode, topic string) protocol.ErrorCode {
	switch {
	case topic == cluster.TransactionsTopic:
		return protocol.UnknownTopicOrPartition
	case code == protocol.CoordinatorLoadInProgress, code == protocol.CoordinatorNotAvailable, code == protocol.NotCoordinator:
		return protocol.NotLeaderOrFollower
	}
	return code
}
