package server

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
)

// ListTransactions (key 66), versions 0 to 2.
//
// Versions:
//   - v1: filter by duration (KIP-994)
//   - v2: filter by a pattern of the id (KIP-1152)
//
// Differs from Kafka: nothing known.
func (s *Server) listTransactions(c *call, req *kmsg.ListTransactionsRequest) {
	s.txns.List(req, func(resp *kmsg.ListTransactionsResponse) {
		c.failed(protocol.ErrorCode(resp.ErrorCode))
		size := 0
		for i := range resp.TransactionStates {
			size += transactionWeight + len(resp.TransactionStates[i].TransactionalID)
		}
		c.encodeWeighed(resp, size)
	})
}
