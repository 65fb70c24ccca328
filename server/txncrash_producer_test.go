package server_test

import (
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

// crashProducer is a transactional client as both kinds go about it: one of before
// KIP-890 says which partitions it writes to, and keeps its epoch; the other says
// nothing, and has an epoch for each transaction.
type crashProducer struct {
	id       string
	bumps    bool // it is of the second kind
	producer int64
	epoch    int16
	next     map[model.TopicPartition]int32 // sequences
	added    map[model.TopicPartition]bool  // of the open transaction
	waits    func()                         // before it asks again
}

const crashTimeoutMs = 60_000

// insist asks until the answer is not that it should ask again.
func (p *crashProducer) insist(c *client, what string, try func() protocol.ErrorCode) {
	c.tb.Helper()
	until(c.tb, p.id+": "+what, func() bool {
		code := try()
		if code != protocol.NoError && code != protocol.ConcurrentTransactions && !kerr.IsRetriable(kerr.ErrorForCode(int16(code))) {
			c.tb.Fatalf("%s: %s: %s", p.id, what, code)
		}
		return code == protocol.NoError
	}, p.waits)
}

// init gets the producer an epoch.
func (p *crashProducer) init(c *client) {
	c.tb.Helper()
	req := kmsg.NewPtrInitProducerIDRequest()
	req.TransactionalID, req.TransactionTimeoutMillis = &p.id, crashTimeoutMs
	p.insist(c, "init", func() protocol.ErrorCode {
		resp := ask[*kmsg.InitProducerIDResponse](c, 4, req)
		if resp.ErrorCode == 0 {
			p.goOn(resp.ProducerID, resp.ProducerEpoch)
		}
		return protocol.ErrorCode(resp.ErrorCode)
	})
}

// goOn gives it the identity of its next transactions.
func (p *crashProducer) goOn(producer int64, epoch int16) {
	if p.producer != producer || p.epoch != epoch || p.next == nil {
		p.next = map[model.TopicPartition]int32{}
	}
	p.producer, p.epoch, p.added = producer, epoch, map[model.TopicPartition]bool{}
}

// produce sends values to a partition, as part of its transaction.
func (p *crashProducer) produce(c *client, to model.TopicPartition, values []string) {
	c.tb.Helper()
	p.add(c, to)
	p.insist(c, "produce to "+to.Topic, func() protocol.ErrorCode { return p.send(c, to, values) })
	p.next[to] += int32(len(values))
}

// send asks once for what produce insists on.
func (p *crashProducer) send(c *client, to model.TopicPartition, values []string) protocol.ErrorCode {
	c.tb.Helper()
	version := int16(9)
	if p.bumps {
		version = 12
	}
	req := produceRequest(to.Topic, to.Partition, -1, txnBatch(c.tb, p.producer, p.epoch, p.next[to], values...))
	req.TransactionID = &p.id
	return protocol.ErrorCode(ask[*kmsg.ProduceResponse](c, version, req).Topics[0].Partitions[0].ErrorCode)
}

// add makes a partition part of the transaction, for who has to say so.
func (p *crashProducer) add(c *client, to model.TopicPartition) {
	c.tb.Helper()
	if p.bumps || p.added[to] {
		return
	}
	p.insist(c, "add "+to.Topic, func() protocol.ErrorCode {
		return c.add(3, p.id, p.producer, p.epoch, false, to.Topic, to.Partition)[0]
	})
	p.added[to] = true
}

// commitOffset commits an offset of a group, as part of its transaction.
func (p *crashProducer) commitOffset(c *client, group string, of model.TopicPartition, offset int64) {
	c.tb.Helper()
	version := int16(5)
	if !p.bumps {
		version = 3
		add := kmsg.NewPtrAddOffsetsToTxnRequest()
		add.TransactionalID, add.ProducerID, add.ProducerEpoch, add.Group = p.id, p.producer, p.epoch, group
		p.insist(c, "add the offsets of "+group, func() protocol.ErrorCode {
			return protocol.ErrorCode(ask[*kmsg.AddOffsetsToTxnResponse](c, 3, add).ErrorCode)
		})
	}
	req := kmsg.NewPtrTxnOffsetCommitRequest()
	req.TransactionalID, req.Group, req.ProducerID, req.ProducerEpoch, req.Generation = p.id, group, p.producer, p.epoch, -1
	part := kmsg.NewTxnOffsetCommitRequestTopicPartition()
	part.Partition, part.Offset = of.Partition, offset
	req.Topics = []kmsg.TxnOffsetCommitRequestTopic{{Topic: of.Topic, Partitions: []kmsg.TxnOffsetCommitRequestTopicPartition{part}}}
	p.insist(c, "commit an offset of "+group, func() protocol.ErrorCode {
		return protocol.ErrorCode(ask[*kmsg.TxnOffsetCommitResponse](c, version, req).Topics[0].Partitions[0].ErrorCode)
	})
}

// ending is the question that ends its transaction.
func (p *crashProducer) ending(commit bool) *kmsg.EndTxnRequest {
	req := kmsg.NewPtrEndTxnRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Commit = p.id, p.producer, p.epoch, commit
	req.SetVersion(3)
	if p.bumps {
		req.SetVersion(5)
	}
	return req
}

// ended takes the answer.
func (p *crashProducer) ended(resp *kmsg.EndTxnResponse) protocol.ErrorCode {
	if resp.ErrorCode == 0 && p.bumps {
		p.goOn(resp.ProducerID, resp.ProducerEpoch)
	}
	p.added = map[model.TopicPartition]bool{}
	return protocol.ErrorCode(resp.ErrorCode)
}

// crashValues are the values of a write: they say whose they are.
func crashValues(label string, write, n, size int) (values []string) {
	for i := range n {
		v := fmt.Sprintf("%s/%d/%d|", label, write, i)
		values = append(values, v+strings.Repeat(".", max(0, size-len(v))))
	}
	return values
}
