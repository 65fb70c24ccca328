package server

import (
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/protocol/batch"
	"github.com/mainstem-mq/mainstem/replication"
	"github.com/mainstem-mq/mainstem/server/quota"
)

// Produce (key 0), versions 0 to 13.
//
// Versions:
//   - v0, v1: message sets of magic 0; v1 has a throttle time. legacy.go
//   - v2: message sets of magic 1, the append time in the answer
//   - v3: record batches of magic 2, the transactional id
//   - v5: log start offset in the answer
//   - v7: zstd may be used (before, it is refused)
//   - v8: which records were refused and why (KIP-467)
//   - v9: flexible
//   - v10: the current leader and its address in the answer (KIP-951)
//   - v11: TRANSACTION_ABORTABLE (KIP-890)
//   - v12: the first batch adds its partition to the transaction (KIP-890)
//   - v13: topic ids instead of names (KIP-516)
//
// Kafka 4 advertises versions 0 to 2, as librdkafka up to 2.11.0 turns compression
// off if the lowest version is not 0, and closes the connection of clients that send
// one. Here they are served as by Kafka 3.9, with these differences: messages beside
// compressed ones, and several of these, are taken; a message at the end of a set that
// is cut off is not, where Kafka drops it and acknowledges the others.
//
// Differs from Kafka:
//   - acks=1 waits for the high watermark, as acks=all does: with the default
//     flush policy nothing is acknowledged that is not on disk.
//   - The same partition twice in one request is refused the second time.
//   - A tagged field of ours makes it an import: see import.go.
//   - Requests of one connection overlap; Kafka handles one after the other.
//     Those of a transaction keep their order: see txnverify.go.

// produceCall is a Produce request whose batches are on their way.
type produceCall struct {
	gather

	answer  *kmsg.ProduceResponse // gather's
	leaders []model.BrokerID      // whom hints name; under gather's lock
}

func (s *Server) produce(c *call, req *kmsg.ProduceRequest) {
	resp := &kmsg.ProduceResponse{}
	p := &produceCall{gather: gather{call: c, resp: resp, left: 1}, answer: resp}
	resp.Topics = make([]kmsg.ProduceResponseTopic, len(req.Topics))
	for i := range req.Topics {
		t := &resp.Topics[i]
		t.Topic, t.TopicID = req.Topics[i].Topic, req.Topics[i].TopicID
		t.Partitions = make([]kmsg.ProduceResponseTopicPartition, len(req.Topics[i].Partitions))
		p.left += len(t.Partitions)
		for j := range t.Partitions {
			t.Partitions[j] = unsettled(req.Topics[i].Partitions[j].Partition)
		}
	}
	refusal := s.refuseProduce(req)
	c.charge(quota.Produce, float64(len(c.frame.data)))
	if req.Acks == 0 {
		s.produceUnanswered(c, req, refusal)
		return
	}
	seen := newSeenPartitions(p.left - 1)
	tx := transactionOf(req)
	for i := range req.Topics {
		t := &req.Topics[i]
		for j := range t.Partitions {
			b, err := s.produceBatch(req, t, &t.Partitions[j], refusal, seen)
			topic := &resp.Topics[i]
			slot := &topic.Partitions[j]
			if err != nil {
				p.settle(topic, slot, replication.AppendResult{Err: err, BaseOffset: -1, LogAppendTime: -1, LogStart: -1})
				continue
			}
			b.done = func(r replication.AppendResult) { p.settle(topic, slot, r) }
			send(c, tx, b)
		}
	}
	if tx != nil {
		s.deliver(c, tx)
	}
	c.expires(time.Duration(req.TimeoutMillis)*time.Millisecond, p.expire)
	p.leave()
}

// transactionOf is where the batches of a request with a transactional id gather;
// nil for one without.
func transactionOf(req *kmsg.ProduceRequest) *txnProduce {
	if req.TransactionID == nil {
		return nil
	}
	return &txnProduce{id: *req.TransactionID, version: req.Version}
}

// send appends a batch, or keeps it until all of its request are known.
func send(c *call, tx *txnProduce, b produceBatch) {
	if tx != nil {
		tx.batches = append(tx.batches, b)
		return
	}
	b.append(c.buffer())
}

// refuseProduce finds what is wrong with a request as a whole, or with the
// broker: on a disk that is nearly full clients' records are not taken, so that
// there is room for all else.
func (s *Server) refuseProduce(req *kmsg.ProduceRequest) *protocol.Error {
	if req.Acks < -1 || req.Acks > 1 {
		return protocol.Errorf(protocol.InvalidRequiredAcks, "acks=%d; only -1 (all), 0 and 1 have a meaning", req.Acks)
	}
	if _, err := importedFrom(req); err != nil {
		return err
	}
	return s.refusal()
}

// produceBatch finds the partition that a batch is for, and makes the batch if the
// client sent something older.
func (s *Server) produceBatch(
	req *kmsg.ProduceRequest, t *kmsg.ProduceRequestTopic, rp *kmsg.ProduceRequestTopicPartition,
	refusal *protocol.Error, seen seenPartitions,
) (b produceBatch, err *protocol.Error) {
	b.part, err = s.produceTarget(req, t, rp, refusal, seen)
	if err == nil && req.Version < produceBatches {
		b.converted, err = s.upConvert(b.part, rp)
	}
	if err == nil {
		err = refuseBatch(req, b.part, rp)
	}
	b.records = rp.Records
	if err == nil {
		b.source, err = importedFrom(req)
	}
	return b, err
}

// refuseBatch finds what a request of its version may not carry.
func refuseBatch(req *kmsg.ProduceRequest, part *replication.Partition, rp *kmsg.ProduceRequestTopicPartition) *protocol.Error {
	switch {
	case req.Version < 7 && codecOf(rp.Records) == batch.Zstd:
		return protocol.Errorf(protocol.UnsupportedCompressionType,
			"zstd needs Produce version 7 or later, this request has %d", req.Version)
	case req.TransactionID == nil && transactional(rp.Records):
		// Kafka's code for it, whatever it says.
		return protocol.Errorf(protocol.TransactionalIDAuthorizationFailed,
			"the batch for %s-%d is part of a transaction, and the request names no transactional id", part.Topic().Name, rp.Partition)
	}
	return nil
}

// produceTopicIDs is the version from which requests name topics by their ids.
const produceTopicIDs = 13

// produceTarget finds the partition that a batch is for.
func (s *Server) produceTarget(
	req *kmsg.ProduceRequest, t *kmsg.ProduceRequestTopic, rp *kmsg.ProduceRequestTopicPartition,
	refusal *protocol.Error, seen seenPartitions,
) (*replication.Partition, *protocol.Error) {
	if refusal != nil {
		return nil, refusal
	}
	var part *replication.Partition
	var err *protocol.Error
	if req.Version >= produceTopicIDs {
		part, err = s.partitions.FindByID(t.TopicID, rp.Partition)
	} else {
		part, err = s.partitions.Find(t.Topic, rp.Partition)
	}
	if err != nil {
		return nil, err
	}
	name := part.Topic().Name
	switch {
	case !seen.add(part):
		return nil, protocol.Errorf(protocol.InvalidRequest, "%s-%d appears twice in one request", name, rp.Partition)
	case cluster.IsInternalTopic(name):
		return nil, protocol.Errorf(protocol.InvalidTopicException, "clients cannot append to the internal topic %s", name)
	case len(rp.Records) == 0:
		return nil, protocol.Errorf(protocol.InvalidRecord, "the request has no record batch for %s-%d", name, rp.Partition)
	}
	return part, nil
}

// codecOf reads the codec of a batch that may be damaged in any way.
func codecOf(records []byte) batch.Codec {
	if len(records) < batch.HeaderSize {
		return batch.None
	}
	return batch.Codec(records[22] & 7)
}

// settle notes the fate of one batch; it runs on any goroutine.
func (p *produceCall) settle(topic *kmsg.ProduceResponseTopic, slot *kmsg.ProduceResponseTopicPartition, r replication.AppendResult) {
	hint := p.hint(topic, slot.Partition, r.Err)
	if !p.note() {
		return
	}
	if hint != nil {
		slot.CurrentLeader.LeaderID, slot.CurrentLeader.LeaderEpoch = int32(hint.Leader), int32(hint.Epoch)
		if !slices.Contains(p.leaders, hint.Leader) {
			p.leaders = append(p.leaders, hint.Leader)
		}
		p.finish = p.nameLeaders
	}
	slot.BaseOffset, slot.LogAppendTime, slot.LogStartOffset = int64(r.BaseOffset), r.LogAppendTime, int64(r.LogStart)
	slot.ErrorCode = 0
	if r.Err != nil {
		p.describe(slot, &r)
	}
	p.noted()
}

// describe fills the fields of a partition that went wrong.
func (p *produceCall) describe(slot *kmsg.ProduceResponseTopicPartition, r *replication.AppendResult) {
	slot.ErrorCode = int16(oldCode(protocol.ErrorCode(p.call.failed(r.Err.Code)), p.call.header.Version, produceStorage))
	slot.ErrorMessage = protocol.MessageOf(r.Err)
	for _, bad := range r.RecordErrors {
		e := kmsg.ProduceResponseTopicPartitionErrorRecord{RelativeOffset: bad.Index}
		if bad.Message != "" {
			e.ErrorMessage = &bad.Message
		}
		slot.ErrorRecords = append(slot.ErrorRecords, e)
	}
}

// produceHints is the version from which an answer names the leader to a client that
// asked the wrong broker. A single broker leads all partitions, so nobody hears this
// before there is a cluster.
const produceHints = 10

// hint names the leader of a partition to a client that asked the wrong broker.
func (p *produceCall) hint(topic *kmsg.ProduceResponseTopic, index int32, err *protocol.Error) *protocol.LeaderHint {
	version := p.call.header.Version
	if err == nil || err.Code != protocol.NotLeaderOrFollower || version < produceHints {
		return nil
	}
	return p.call.conn.srv.leaderHint(topic.Topic, topic.TopicID, version >= produceTopicIDs, index)
}

// nameLeaders says where the leaders are that hints name.
func (p *produceCall) nameLeaders() {
	for _, e := range p.call.conn.srv.leaderEndpoints(p.call.conn.listener, p.leaders) {
		p.answer.Brokers = append(p.answer.Brokers, kmsg.ProduceResponseBroker{NodeID: int32(e.Node), Host: e.Host, Port: e.Port, Rack: e.Rack})
	}
}

// unsettled is the answer for a batch as long as nothing is known of it.
func unsettled(index int32) kmsg.ProduceResponseTopicPartition {
	p := kmsg.NewProduceResponseTopicPartition()
	p.Partition, p.ErrorCode = index, int16(protocol.RequestTimedOut)
	p.BaseOffset, p.LogAppendTime, p.LogStartOffset = -1, -1, -1
	return p
}

// produceUnanswered serves acks=0: no answer, and an error can only be told by
// closing the connection, which makes the client refresh its metadata.
func (s *Server) produceUnanswered(c *call, req *kmsg.ProduceRequest, refusal *protocol.Error) {
	seen := newSeenPartitions(2)
	conn, tx := c.conn, transactionOf(req)
	var first *protocol.Error
	for i := range req.Topics {
		t := &req.Topics[i]
		for j := range t.Partitions {
			b, err := s.produceBatch(req, t, &t.Partitions[j], refusal, seen)
			if err != nil {
				if first == nil {
					first = err
				}
				continue
			}
			b.done = func(r replication.AppendResult) {
				if r.Err != nil {
					conn.hangUp("produce with acks=0 failed: " + r.Err.Error())
				}
			}
			send(c, tx, b)
		}
	}
	if tx != nil {
		s.deliver(c, tx)
	}
	if first != nil {
		c.code = first.Code
		c.refuse("produce with acks=0 failed: " + first.Error())
		return
	}
	c.silent()
}

// seenPartitions finds repetitions; nil where there can be none.
type seenPartitions map[*replication.Partition]struct{}

func newSeenPartitions(n int) seenPartitions {
	if n < 2 {
		return nil
	}
	return make(seenPartitions, min(n, 1024))
}

// add reports whether the partition is new.
func (s seenPartitions) add(p *replication.Partition) bool {
	if s == nil {
		return true
	}
	if _, again := s[p]; again {
		return false
	}
	s[p] = struct{}{}
	return true
}
