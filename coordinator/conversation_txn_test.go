package coordinator

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

// requestTxn sends what is about transactions, and reports whether it was that. A
// commit verifies itself, as the server does, unless it says which guard it has.
func (c *conversation) requestTxn(t *testing.T, a arguments, tag string, caller Caller) bool {
	t.Helper()
	who := TxnProducer{model.ProducerID(a.number("p", 1)), model.ProducerEpoch(a.number("pe", 0))}
	group := a.Text("g", "g")
	switch a.D.Cmd {
	case "verify":
		c.verify(group, who, a.Text("guard", ""), func(needed bool, code protocol.ErrorCode) {
			c.lines.Say("%s verify: %s needed=%v", tag, codeText(int16(code)), needed)
		})
	case "txn-commit":
		if !a.Has("guard") {
			c.verify(group, who, "", func(bool, protocol.ErrorCode) {})
		}
		c.groups.CommitTxnOffsets(sent(t, a.txnCommit(who)), c.guards[a.Text("guard", "")], caller, reply(c, tag, txnCommitText))
	case "release":
		c.groups.ReleaseTxn(group, who, c.guards[a.Text("guard", "")])
	case "guards":
		c.lines.Say("%d", len(c.groups.machine(0).guards))
	case "end":
		c.ended(a, tag, who)
	default:
		return false
	}
	return true
}

func (c *conversation) verify(group string, who TxnProducer, name string, done func(bool, protocol.ErrorCode)) {
	delete(c.guards, name)
	c.groups.VerifyTxn(group, who, func(guard TxnGuard, needed bool, code protocol.ErrorCode) {
		c.guards[name] = guard
		done(needed, code)
	})
}

func (c *conversation) ended(a arguments, tag string, who TxnProducer) {
	c.groups.EndTransaction(int32(a.number("shard", 0)), who, !a.Has("abort"), int32(a.number("ce", 0)), a.Has("bumped"), func(code protocol.ErrorCode) {
		c.lines.Say("%s end: %s", tag, codeText(int16(code)))
	})
}

func (a arguments) txnCommit(who TxnProducer) *kmsg.TxnOffsetCommitRequest {
	plain := a.commit()
	req := kmsg.NewPtrTxnOffsetCommitRequest()
	req.Version = int16(a.number("v", 5))
	req.TransactionalID, req.ProducerID, req.ProducerEpoch = "x", int64(who.ID), int16(who.Epoch)
	req.Group, req.Generation, req.MemberID, req.InstanceID = plain.Group, plain.Generation, plain.MemberID, plain.InstanceID
	for _, from := range plain.Topics {
		topic := kmsg.TxnOffsetCommitRequestTopic{Topic: from.Topic}
		for _, p := range from.Partitions {
			topic.Partitions = append(topic.Partitions, kmsg.TxnOffsetCommitRequestTopicPartition{
				Partition: p.Partition, Offset: p.Offset, LeaderEpoch: p.LeaderEpoch, Metadata: p.Metadata,
			})
		}
		req.Topics = append(req.Topics, topic)
	}
	return req
}

func txnCommitText(r *kmsg.TxnOffsetCommitResponse) string {
	plain := kmsg.NewPtrOffsetCommitResponse()
	for _, t := range r.Topics {
		topic := kmsg.OffsetCommitResponseTopic{Topic: t.Topic}
		for _, p := range t.Partitions {
			topic.Partitions = append(topic.Partitions, kmsg.OffsetCommitResponseTopicPartition(p))
		}
		plain.Topics = append(plain.Topics, topic)
	}
	return "txn-" + commitText(plain)
}

// txnText is the text of a record of a transaction, or of its marker.
func txnText(r Record) string {
	who := fmt.Sprintf("txn %d/%d", r.Txn.Producer, r.Txn.Epoch)
	switch r.Txn.End {
	case shard.EndCommit:
		return who + " committed"
	case shard.EndAbort:
		return who + " aborted"
	case shard.EndNone:
	}
	r.Txn = nil
	return who + ": " + recordText(r)
}
