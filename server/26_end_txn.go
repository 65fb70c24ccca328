package server

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
)

// EndTxn (key 26), versions 0 to 5.
//
// Versions:
//   - v2: PRODUCER_FENCED may be answered
//   - v3: flexible
//   - v5: transactions of the second version: the answer has the producer id and
//     epoch to go on with (KIP-890)
//
// Differs from Kafka: the epoch before is that of a repeated request, in version 5, only
// if version 5 ended the transaction; else its sender was fenced by an older client, and
// is not told as whom that one goes on. And who asks in version 5 to commit what has not
// begun hears CONCURRENT_TRANSACTIONS the first time, and INVALID_TXN_STATE if it comes
// again: Java's producer may send EndTxn before its first batch.
func (s *Server) endTxn(c *call, req *kmsg.EndTxnRequest) {
	s.txns.EndTxn(req, func(resp *kmsg.EndTxnResponse) {
		resp.ErrorCode = c.failed(fencedBefore(2, req.Version, protocol.ErrorCode(resp.ErrorCode)))
		c.encodeLater(resp)
	})
}
