package server

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
)

// DescribeTransactions (key 65), version 0.
//
// Differs from Kafka: an id that is asked for twice is answered once.
func (s *Server) describeTransactions(c *call, req *kmsg.DescribeTransactionsRequest) {
	req.TransactionalIDs = distinct(req.TransactionalIDs, itself)
	s.txns.Describe(req, func(resp *kmsg.DescribeTransactionsResponse) {
		size := 0
		for i := range resp.TransactionStates {
			t := &resp.TransactionStates[i]
			c.failed(protocol.ErrorCode(t.ErrorCode))
			size += transactionWeight + len(t.TransactionalID)
			for _, topic := range t.Topics {
				size += topicWeight + len(topic.Topic) + 8*len(topic.Partitions)
			}
		}
		c.encodeWeighed(resp, size)
	})
}

// transactionWeight is what a transactional id takes in an answer, beside its
// letters.
const transactionWeight = 160
