package server

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/internal/pattern"
	"github.com/mainstem-mq/mainstem/protocol"
)

// ListTransactions (key 66), versions 0 to 2.
//
// Versions:
//   - v1: filter by duration (KIP-994)
//   - v2: filter by a pattern of the id (KIP-1152)
//
// Differs from Kafka: a pattern that takes longer than matchWait is answered with
// REQUEST_TIMED_OUT, where Kafka goes on.
func (s *Server) listTransactions(c *call, req *kmsg.ListTransactionsRequest) {
	var chosen *pattern.Pattern
	if text := req.TransactionalIDPattern; req.Version >= 2 && text != nil && *text != "" {
		var err error
		if chosen, err = pattern.Compile(*text); err != nil {
			resp := kmsg.NewPtrListTransactionsResponse()
			resp.ErrorCode = c.failed(protocol.InvalidRegularExpression)
			c.answer(resp)
			return
		}
	}
	if chosen == nil {
		s.txns.List(req, func(resp *kmsg.ListTransactionsResponse) { listedTransactions(c, resp) })
		return
	}
	s.tasks.run(func() { s.listMatching(c, req, chosen) })
}

// listMatching answers with the ids that a pattern stands for.
func (s *Server) listMatching(c *call, req *kmsg.ListTransactionsRequest, chosen *pattern.Pattern) {
	type state = kmsg.ListTransactionsResponseTransactionState
	resp := kmsg.NewPtrListTransactionsResponse()
	found, err := matched(s.lifetime, s, chosen, func() (all []state, err error) {
		resp, err = await(s.lifetime, s, func(reply func(*kmsg.ListTransactionsResponse)) { s.txns.List(req, reply) })
		if err != nil {
			resp = kmsg.NewPtrListTransactionsResponse()
			return nil, err
		}
		return resp.TransactionStates, nil
	}, func(t *state) string { return t.TransactionalID })
	if resp.TransactionStates = found; err != nil {
		resp.ErrorCode = int16(protocol.CodeOf(err))
	}
	listedTransactions(c, resp)
}

func listedTransactions(c *call, resp *kmsg.ListTransactionsResponse) {
	c.failed(protocol.ErrorCode(resp.ErrorCode))
	size := 0
	for i := range resp.TransactionStates {
		size += transactionWeight + len(resp.TransactionStates[i].TransactionalID)
	}
	c.encodeWeighed(resp, size)
}
