package shard

import (
	"sync/atomic"

	"github.com/mainstem-mq/mainstem/protocol"
)

// Gather ends a request that several shards answer in parts.
type Gather struct {
	left atomic.Int64
	end  func()
}

// NewGather calls end after Done was called parts times; at once for none.
func NewGather(parts int, end func()) *Gather {
	g := &Gather{end: end}
	g.left.Store(int64(parts))
	if parts == 0 {
		end()
	}
	return g
}

// Done tells that a part is there.
func (g *Gather) Done() {
	if g.left.Add(-1) == 0 {
		g.end()
	}
}

// Worst is the error of a shard that is loading or lost its records; those that
// are not here are others' to ask.
func Worst(codes []protocol.ErrorCode) protocol.ErrorCode {
	for _, code := range codes {
		if code != protocol.NoError && code != protocol.NotCoordinator {
			return code
		}
	}
	return protocol.NoError
}
