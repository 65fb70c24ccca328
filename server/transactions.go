package server

import (
	"go.uber.org/zap"

	"github.com/mainstem-mq/mainstem/protocol"
)

// noTransactions is the final answer to whoever wants transactions. Most
// clients show the error's name only, which speaks of rights, so the words are
// in the log too.
func (s *Server) noTransactions(c *call, id string) *protocol.Error {
	s.limitedWarn("a producer asks for transactions, which are not built yet: unset transactional.id in it (idempotence works without)",
		append(c.conn.who(), zap.String("transactional_id", id), zap.Stringer("api", c.header.Key))...)
	return protocol.Errorf(protocol.TransactionalIDAuthorizationFailed,
		"transactional id %q: this broker has no transactions yet; unset transactional.id (idempotence works without it)", id)
}
