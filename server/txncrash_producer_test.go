package server_test

import (
	"fmt"
	"strings"

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
}

const crashTimeoutMs = 60_000

// init gets the producer an epoch. waits is called before it asks again.
func (p *crashProducer) init(c *client, waits func()) {
	c.tb.Helper()
	req := kmsg.NewPtrInitProducerIDRequest()
	req.TransactionalID, req.TransactionTimeoutMillis = &p.id, crashTimeoutMs
	for {
		resp := ask[*kmsg.InitProducerIDResponse](c, 4, req)
		switch code := protocol.ErrorCode(resp.ErrorCode); code {
		case protocol.NoError:
			p.goOn(resp.ProducerID, resp.ProducerEpoch)
			return
		case protocol.ConcurrentTransactions:
			waits()
		default:
			c.tb.Fatalf("%s: init: %s", p.id, code)
		}
	}
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
	req := produceRequest(to.Topic, to.Partition, -1, txnBatch(c.tb, p.producer, p.epoch, p.next[to], values...))
	req.TransactionID = &p.id
	version := int16(9)
	if p.bumps {
		version = 12
	}
	if code := protocol.ErrorCode(ask[*kmsg.ProduceResponse](c, version, req).Topics[0].Partitions[0].ErrorCode); code != protocol.NoError {
		c.tb.Fatalf("%s: produce to %v: %s", p.id, to, code)
	}
	p.next[to] += int32(len(values))
}

// add makes a partition part of the transaction, for who has to say so.
func (p *crashProducer) add(c *client, to model.TopicPartition) {
	c.tb.Helper()
	if p.bumps || p.added[to] {
		return
	}
	for _, code := range c.add(3, p.id, p.producer, p.epoch, false, to.Topic, to.Partition) {
		if code != protocol.NoError {
			c.tb.Fatalf("%s: add %v: %s", p.id, to, code)
		}
	}
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
		if code := protocol.ErrorCode(ask[*kmsg.AddOffsetsToTxnResponse](c, 3, add).ErrorCode); code != protocol.NoError {
			c.tb.Fatalf("%s: add offsets of %s: %s", p.id, group, code)
		}
	}
	req := kmsg.NewPtrTxnOffsetCommitRequest()
	req.TransactionalID, req.Group, req.ProducerID, req.ProducerEpoch, req.Generation = p.id, group, p.producer, p.epoch, -1
	part := kmsg.NewTxnOffsetCommitRequestTopicPartition()
	part.Partition, part.Offset = of.Partition, offset
	req.Topics = []kmsg.TxnOffsetCommitRequestTopic{{Topic: of.Topic, Partitions: []kmsg.TxnOffsetCommitRequestTopicPartition{part}}}
	if code := protocol.ErrorCode(ask[*kmsg.TxnOffsetCommitResponse](c, version, req).Topics[0].Partitions[0].ErrorCode); code != protocol.NoError {
		c.tb.Fatalf("%s: commit an offset of %s: %s", p.id, group, code)
	}
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
