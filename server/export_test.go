package server

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
)

// Weigh is what a call with the request is reckoned with.
func Weigh(s *Server, req kmsg.Request) int {
	body := req.AppendTo(nil)
	key := protocol.Key(req.Key())
	need, err := protocol.Measure(key, req.GetVersion(), body)
	if err != nil {
		return 0
	}
	return callCost + need + s.table.find(key).weigh(s, req, need)
}
