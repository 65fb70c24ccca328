package server

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/coordinator/txn"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

// AddPartitionsToTxn (key 24), versions 0 to 5.
//
// Versions:
//   - v2: PRODUCER_FENCED may be answered
//   - v3: flexible
//   - v4: several transactions, and whether partitions are part of one (KIP-890);
//     brokers ask so
//   - v5: its transactions are of the second version
//
// Differs from Kafka:
//   - There is no security yet, so anybody may ask in versions 4 and 5.
//   - While the transaction before is being ended the request waits for its markers,
//     as that of InitProducerId does.

// addsBumping is the version whose transactions are of the second version.
const addsBumping = 5

// addition is one transaction of the request; in versions 0 to 3 the only one.
type addition struct {
	id     string
	who    txn.Producer
	verify bool
	topics []kmsg.AddPartitionsToTxnRequestTransactionTopic
}

// sort leaves each partition in its topic once, as Kafka answers it: a request may
// name one millions of times, and all that follows takes much more than a number.
func (a *addition) sort() {
	for i := range a.topics {
		slices.Sort(a.topics[i].Partitions)
		a.topics[i].Partitions = slices.Compact(a.topics[i].Partitions)
	}
}

func (s *Server) addPartitionsToTxn(c *call, req *kmsg.AddPartitionsToTxnRequest) {
	if req.Version >= 4 {
		s.addToTransactions(c, req)
		return
	}
	a := addition{id: req.TransactionalID, who: producerOf(req.ProducerID, req.ProducerEpoch)}
	for _, t := range req.Topics {
		a.topics = append(a.topics, kmsg.AddPartitionsToTxnRequestTransactionTopic{Topic: t.Topic, Partitions: t.Partitions})
	}
	a.sort()
	s.add(&a, false, func(codes []protocol.ErrorCode) {
		resp := kmsg.NewPtrAddPartitionsToTxnResponse()
		for _, t := range a.topics {
			topic := kmsg.AddPartitionsToTxnResponseTopic{Topic: t.Topic}
			for _, n := range t.Partitions {
				code := c.failed(fencedBefore(2, req.Version, codes[0]))
				topic.Partitions = append(topic.Partitions, kmsg.AddPartitionsToTxnResponseTopicPartition{Partition: n, ErrorCode: code})
				codes = codes[1:]
			}
			resp.Topics = append(resp.Topics, topic)
		}
		c.encodeLater(resp)
	})
}

// addToTransactions serves versions 4 and 5.
func (s *Server) addToTransactions(c *call, req *kmsg.AddPartitionsToTxnRequest) {
	resp := kmsg.NewPtrAddPartitionsToTxnResponse()
	resp.Transactions = make([]kmsg.AddPartitionsToTxnResponseTransaction, len(req.Transactions))
	g := &gather{call: c, resp: resp, left: 1 + len(req.Transactions)}
	for i := range req.Transactions {
		t := &req.Transactions[i]
		a := addition{id: t.TransactionalID, who: producerOf(t.ProducerID, t.ProducerEpoch), verify: t.VerifyOnly, topics: t.Topics}
		a.sort()
		s.add(&a, req.Version >= addsBumping, func(codes []protocol.ErrorCode) {
			if g.note() {
				resp.Transactions[i] = a.answer(c, codes)
				g.noted()
			}
		})
	}
	g.leave()
}

func (a *addition) answer(c *call, codes []protocol.ErrorCode) kmsg.AddPartitionsToTxnResponseTransaction {
	out := kmsg.AddPartitionsToTxnResponseTransaction{TransactionalID: a.id}
	for _, t := range a.topics {
		topic := kmsg.AddPartitionsToTxnResponseTransactionTopic{Topic: t.Topic}
		for _, n := range t.Partitions {
			topic.Partitions = append(topic.Partitions, kmsg.AddPartitionsToTxnResponseTransactionTopicPartition{Partition: n, ErrorCode: c.failed(codes[0])})
			codes = codes[1:]
		}
		out.Topics = append(out.Topics, topic)
	}
	return out
}

// add asks the coordinator; reply gets a code for each partition, in order. One
// that cannot be part of a transaction keeps all others out.
func (s *Server) add(a *addition, bumps bool, reply func([]protocol.ErrorCode)) {
	var parts []model.TopicPartition
	for _, t := range a.topics {
		for _, n := range t.Partitions {
			parts = append(parts, model.TopicPartition{Topic: t.Topic, Partition: n})
		}
	}
	codes := make([]protocol.ErrorCode, len(parts))
	if s.keepOut(a, parts, codes) {
		reply(codes)
		return
	}
	if a.verify {
		s.txns.Verify(a.id, a.who, parts, func(codes []protocol.ErrorCode, _ string) { reply(codes) })
		return
	}
	s.txns.AddPartitions(a.id, a.who, parts, bumps, func(code protocol.ErrorCode, _ string) {
		for i := range codes {
			codes[i] = code
		}
		reply(codes)
	})
}

// keepOut fills the codes if some partitions cannot be part of a transaction. Those of
// internal topics can, by way of the coordinators only, so one may ask about them.
func (s *Server) keepOut(a *addition, parts []model.TopicPartition, codes []protocol.ErrorCode) bool {
	bad := false
	for i, tp := range parts {
		codes[i] = protocol.OperationNotAttempted
		if cluster.IsInternalTopic(tp.Topic) && !a.verify {
			codes[i], bad = protocol.TopicAuthorizationFailed, true
		} else if _, gone := s.partitions.Find(tp.Topic, tp.Partition); gone != nil {
			codes[i], bad = gone.Code, true
		}
	}
	return bad
}

func producerOf(id int64, epoch int16) txn.Producer {
	return txn.Producer{ID: model.ProducerID(id), Epoch: model.ProducerEpoch(epoch)}
}

// fencedBefore is a code of the coordinator for clients that learned
// PRODUCER_FENCED with a version; older ones know another word for it.
func fencedBefore(since, version int16, code protocol.ErrorCode) protocol.ErrorCode {
	if code == protocol.ProducerFenced && version < since {
		return protocol.InvalidProducerEpoch
	}
	return code
}
