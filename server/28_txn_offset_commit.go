package server

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/coordinator"
	"github.com/mainstem-mq/mainstem/coordinator/txn"
	"github.com/mainstem-mq/mainstem/protocol"
)

// TxnOffsetCommit (key 28), versions 0 to 5.
//
// Versions:
//   - v2: leader epochs; before, COORDINATOR_LOAD_IN_PROGRESS is not answered
//   - v3: flexible; the member and its generation (KIP-447)
//   - v4: TRANSACTION_ABORTABLE (KIP-890)
//   - v5: the commit adds the group to the transaction (KIP-890)
//
// The transaction coordinator is asked as it is for the first batch in a partition:
// see txnverify.go. The guard is the group's shard's.
//
// Differs from Kafka: while the transaction before is being ended the request waits for
// its markers, as that of InitProducerId does.
func (s *Server) txnOffsetCommit(c *call, req *kmsg.TxnOffsetCommitRequest) {
	t := &txnCommit{srv: s, call: c, req: req, caller: c.caller(), who: producerOf(req.ProducerID, req.ProducerEpoch)}
	if len(t.existing()) == 0 {
		t.refuse(protocol.UnknownTopicOrPartition) // nothing that could be part of a transaction
		return
	}
	// A connection's commits are made in the order in which it sent them.
	c.conn.committed.wait(&turn{run: t.finish}, &s.tasks, t.verify)
}

// Versions of TxnOffsetCommit, by what they know of transactions.
const (
	txnCommitLoading   = 2
	txnCommitAbortable = 4
	txnCommitAdds      = 5
)

// txnCommit is a TxnOffsetCommit request on its way.
type txnCommit struct {
	srv    *Server
	call   *call
	req    *kmsg.TxnOffsetCommitRequest
	caller coordinator.Caller
	who    txn.Producer
	guard  coordinator.TxnGuard
	asked  bool // the coordinator has allowed it with this guard

	refused protocol.ErrorCode
}

// verify takes a guard, and has the coordinator asked if that is needed, and was not
// done with the same one. It calls ready when it is known what becomes of the request.
func (t *txnCommit) verify(ready func()) {
	t.srv.groups.VerifyTxn(t.req.Group, t.producer(), func(guard coordinator.TxnGuard, needed bool, code protocol.ErrorCode) {
		before := t.guard
		t.guard = guard
		t.srv.groups.ReleaseTxn(t.req.Group, t.producer(), before)
		switch {
		case code != protocol.NoError:
			t.refused = code
			ready()
		case needed && (!t.asked || guard != before):
			// It may be the first question, or a marker of the transaction before
			// made the guard worthless while the coordinator waited for it.
			t.ask(ready)
		default:
			ready()
		}
	})
}

func (t *txnCommit) producer() coordinator.TxnProducer {
	return coordinator.TxnProducer{ID: t.who.ID, Epoch: t.who.Epoch}
}

func (t *txnCommit) ask(ready func()) {
	told := func(code protocol.ErrorCode) {
		if code != protocol.NoError {
			t.refused = txnCommitVerdict(code, t.req.Version)
			ready()
			return
		}
		t.asked = true
		t.srv.tasks.run(func() { t.verify(ready) }) // this may be a goroutine of the log
	}
	parts := t.srv.offsetsOf(t.req.Group)
	if t.req.Version >= txnCommitAdds {
		t.srv.txns.AddPartitions(t.req.TransactionalID, t.who, parts, true, func(code protocol.ErrorCode, _ string) { told(code) })
		return
	}
	t.srv.txns.Verify(t.req.TransactionalID, t.who, parts, func(codes []protocol.ErrorCode, _ string) { told(codes[0]) })
}

// finish commits, or answers what the coordinator has against it.
func (t *txnCommit) finish() {
	if t.refused != protocol.NoError {
		t.srv.groups.ReleaseTxn(t.req.Group, t.producer(), t.guard)
		t.refuse(t.refused)
		return
	}
	t.commit()
}

// existing are the partitions of the request that are there, by topic.
func (t *txnCommit) existing() []kmsg.TxnOffsetCommitRequestTopic {
	img := t.srv.meta.Image()
	topics := make([]kmsg.TxnOffsetCommitRequestTopic, 0, len(t.req.Topics))
	for _, rt := range t.req.Topics {
		topic, ok := img.Topic(rt.Topic)
		if !ok {
			continue
		}
		missing := func(p kmsg.TxnOffsetCommitRequestTopicPartition) bool { return !hasPartition(topic, p.Partition) }
		if rt.Partitions = slices.DeleteFunc(slices.Clone(rt.Partitions), missing); len(rt.Partitions) > 0 {
			topics = append(topics, rt)
		}
	}
	return topics
}

// commit hands the partitions that exist to the group, and answers.
func (t *txnCommit) commit() {
	all := t.req.Topics
	t.req.Topics = t.existing()
	t.srv.groups.CommitTxnOffsets(t.req, t.guard, t.caller, func(resp *kmsg.TxnOffsetCommitResponse) {
		codes := map[string]map[int32]protocol.ErrorCode{}
		for _, topic := range resp.Topics {
			codes[topic.Topic] = map[int32]protocol.ErrorCode{}
			for _, p := range topic.Partitions {
				codes[topic.Topic][p.Partition] = protocol.ErrorCode(p.ErrorCode)
			}
		}
		t.answer(all, func(topic string, partition int32) protocol.ErrorCode {
			if code, seen := codes[topic][partition]; seen {
				return code
			}
			return protocol.UnknownTopicOrPartition
		})
	})
}

func (t *txnCommit) refuse(code protocol.ErrorCode) {
	t.answer(t.req.Topics, func(string, int32) protocol.ErrorCode { return code })
}

// answer has a code for each partition that was asked for.
func (t *txnCommit) answer(all []kmsg.TxnOffsetCommitRequestTopic, code func(topic string, partition int32) protocol.ErrorCode) {
	resp := kmsg.NewPtrTxnOffsetCommitResponse()
	for _, rt := range all {
		topic := kmsg.TxnOffsetCommitResponseTopic{Topic: rt.Topic}
		for _, p := range rt.Partitions {
			got := code(rt.Topic, p.Partition)
			if got == protocol.CoordinatorLoadInProgress && t.req.Version < txnCommitLoading {
				got = protocol.CoordinatorNotAvailable
			}
			topic.Partitions = append(topic.Partitions, kmsg.TxnOffsetCommitResponseTopicPartition{
				Partition: p.Partition, ErrorCode: t.call.failed(got),
			})
		}
		resp.Topics = append(resp.Topics, topic)
	}
	t.call.encodeLater(resp)
}

// txnCommitVerdict is the coordinator's answer as clients of a version understand it.
func txnCommitVerdict(code protocol.ErrorCode, version int16) protocol.ErrorCode {
	switch {
	case code == protocol.TransactionAbortable && version < txnCommitAbortable:
		return protocol.InvalidTxnState
	case code == protocol.ProducerFenced:
		return protocol.InvalidProducerEpoch
	case code == protocol.NotCoordinator:
		return protocol.CoordinatorLoadInProgress // the group's is the right one
	}
	return code
}
