package coordinator

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

// TxnProducer is who commits offsets in a transaction.
type TxnProducer struct {
	ID    model.ProducerID
	Epoch model.ProducerEpoch
}

// TxnGuard ties a commit to one question to the transaction coordinator. A marker,
// or the transaction's first commit, makes every guard given before worthless, and
// so does a load: a commit that was delayed until after its transaction has no way
// in. The zero value is no guard.
//
// Guards are the machine's, as it is the only writer of its partition: the order of
// its tasks is the order in the log.
type TxnGuard struct{ guard *txnGuard }

// txnGuard is in force as long as the machine has it, which is at most as long as
// somebody holds it. Several commits of one producer may share it.
type txnGuard struct{ held int } // by so many

// VerifyTxn tells whether the transaction coordinator has to be asked before the
// producer commits offsets for the group. If not, its transaction is open here.
// Otherwise the commit comes with the guard: whoever is given one uses it for one
// CommitTxnOffsets, or gives it back by ReleaseTxn. Two questions are two guards, also
// where they are equal.
func (g *Groups) VerifyTxn(group string, p TxnProducer, done func(guard TxnGuard, needed bool, code protocol.ErrorCode)) {
	fail := func(code protocol.ErrorCode) { done(TxnGuard{}, false, code) }
	if code := namedGroupID(group); code != protocol.NoError {
		fail(code)
		return
	}
	g.post(group, func(m *machine, s *step) {
		// Nothing durable is told, so that nobody waits for the disk here.
		if open := m.txns[p.ID]; open != nil && open.epoch == p.Epoch {
			done(TxnGuard{}, false, protocol.NoError)
			return
		}
		done(TxnGuard{m.guardOf(p.ID)}, true, protocol.NoError)
	}, fail)
}

// ReleaseTxn gives back a guard that no commit came with. The zero value is none.
func (g *Groups) ReleaseTxn(group string, p TxnProducer, guard TxnGuard) {
	if guard.guard == nil {
		return
	}
	g.shards.PostAside(g.Shard(group), func(m *machine, _ *step) { m.release(p.ID, guard) }, nil)
}

func (m *machine) guardOf(producer model.ProducerID) *txnGuard {
	guard := m.guards[producer]
	if guard == nil {
		if m.guards == nil {
			m.guards = map[model.ProducerID]*txnGuard{}
		}
		guard = &txnGuard{}
		m.guards[producer] = guard
	}
	guard.held++
	return guard
}

// release drops a guard that nobody holds any more: or else whoever makes up
// producers fills the memory.
func (m *machine) release(producer model.ProducerID, guard TxnGuard) {
	if guard.guard == nil || m.guards[producer] != guard.guard {
		return // it is worth nothing already
	}
	if guard.guard.held--; guard.guard.held == 0 {
		m.dropGuard(producer)
	}
}

// dropGuard makes worthless what VerifyTxn has given for a producer.
func (m *machine) dropGuard(producer model.ProducerID) {
	if delete(m.guards, producer); len(m.guards) == 0 {
		m.guards = nil
	}
}

// CommitTxnOffsets handles TxnOffsetCommit, versions 0 to 5. Topics are those that
// exist, as for CommitOffsets. What it commits is pending until EndTransaction. The
// request is the coordinator's from then on, and so is the guard.
func (g *Groups) CommitTxnOffsets(
	req *kmsg.TxnOffsetCommitRequest, guard TxnGuard, caller Caller, reply func(*kmsg.TxnOffsetCommitResponse),
) {
	commit := plainCommit(req)
	failed := func(code protocol.ErrorCode) *kmsg.TxnOffsetCommitResponse {
		return txnResponse(req, commitResponse(commit, code))
	}
	q := question[*kmsg.TxnOffsetCommitResponse]{req.Group, namedGroupID(req.Group), reply, failed}
	if q.refused == protocol.NoError && !commitFits(commit) {
		q.refused = protocol.InvalidRequest
	}
	who := TxnProducer{model.ProducerID(req.ProducerID), model.ProducerEpoch(req.ProducerEpoch)}
	if q.refused != protocol.NoError {
		g.ReleaseTxn(req.Group, who, guard)
	}
	q.ask(g, func(m *machine, s *step) *kmsg.TxnOffsetCommitResponse {
		code := m.checkTxn(s, who, guard)
		m.release(who.ID, guard)
		if code != protocol.NoError {
			return failed(code)
		}
		return txnResponse(req, m.commit(s, commit, caller, &shard.Txn{Producer: who.ID, Epoch: who.Epoch}))
	})
}

// versionOfTxnCommit is the version of OffsetCommit that has the fields of
// TxnOffsetCommit, and topics by name.
const versionOfTxnCommit = 8

// plainCommit is the request as one of OffsetCommit.
func plainCommit(req *kmsg.TxnOffsetCommitRequest) *kmsg.OffsetCommitRequest {
	plain := kmsg.NewPtrOffsetCommitRequest()
	plain.Version = versionOfTxnCommit
	plain.Group, plain.Generation, plain.MemberID, plain.InstanceID = req.Group, req.Generation, req.MemberID, req.InstanceID
	plain.Topics = make([]kmsg.OffsetCommitRequestTopic, len(req.Topics))
	for i := range req.Topics {
		from, to := &req.Topics[i], &plain.Topics[i]
		to.Topic = from.Topic
		to.Partitions = make([]kmsg.OffsetCommitRequestTopicPartition, len(from.Partitions))
		for j, p := range from.Partitions {
			to.Partitions[j] = kmsg.OffsetCommitRequestTopicPartition{
				Partition: p.Partition, Offset: p.Offset, LeaderEpoch: p.LeaderEpoch, Metadata: p.Metadata, Timestamp: noTime,
			}
		}
	}
	return plain
}

func txnResponse(req *kmsg.TxnOffsetCommitRequest, plain *kmsg.OffsetCommitResponse) *kmsg.TxnOffsetCommitResponse {
	resp := kmsg.NewPtrTxnOffsetCommitResponse()
	resp.Version = req.Version
	resp.Topics = make([]kmsg.TxnOffsetCommitResponseTopic, len(plain.Topics))
	for i := range plain.Topics {
		from, to := &plain.Topics[i], &resp.Topics[i]
		to.Topic = from.Topic
		to.Partitions = make([]kmsg.TxnOffsetCommitResponseTopicPartition, len(from.Partitions))
		for j, p := range from.Partitions {
			to.Partitions[j] = kmsg.TxnOffsetCommitResponseTopicPartition{Partition: p.Partition, ErrorCode: p.ErrorCode}
		}
	}
	return resp
}

// checkTxn finds out whether a producer may commit here as things are.
func (m *machine) checkTxn(s *step, who TxnProducer, guard TxnGuard) protocol.ErrorCode {
	if open := m.txns[who.ID]; open != nil && open.epoch == who.Epoch {
		return protocol.NoError
	}
	if code := m.refuses(s, &shard.Txn{Producer: who.ID, Epoch: who.Epoch}); code != protocol.NoError {
		return code
	}
	if guard.guard == nil || m.guards[who.ID] != guard.guard {
		return protocol.InvalidTxnState
	}
	return protocol.NoError
}

// checkTxnCommit is checkCommit in a transaction: who names neither itself nor a
// generation may commit, as clients of old do, and a rebalance refuses nobody.
func checkTxnCommit(g *group, req *kmsg.OffsetCommitRequest) protocol.ErrorCode {
	anonymous := req.Generation < 0 && req.MemberID == "" && req.InstanceID == nil
	switch {
	case anonymous:
		return protocol.NoError
	case g == nil && req.Generation < 0:
		return protocol.NoError
	case g == nil:
		return protocol.IllegalGeneration
	case g.consumer != nil:
		return g.consumer.checkTxnCommit(req)
	case req.Generation < 0 && g.empty():
		return protocol.NoError
	}
	if code := g.checkMember(req.MemberID, req.InstanceID); code != protocol.NoError {
		return code
	}
	if !g.current(req.MemberID, req.Generation) {
		return protocol.IllegalGeneration
	}
	return protocol.NoError
}

func (c *consumerGroup) checkTxnCommit(req *kmsg.OffsetCommitRequest) protocol.ErrorCode {
	member := c.members[req.MemberID]
	switch {
	case req.Generation < 0 && len(c.members) == 0:
		return protocol.NoError
	case member == nil:
		return protocol.UnknownMemberID
	case member.checkOffsets(req.Generation) != protocol.NoError:
		return protocol.IllegalGeneration
	}
	return protocol.NoError
}
