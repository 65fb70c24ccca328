package coordinator

import "sync/atomic"

// gather ends a request that several shards answer in parts.
type gather struct {
	left atomic.Int64
	end  func()
}

// newGather calls end after done was called parts times; at once for none.
func newGather(parts int, end func()) *gather {
	g := &gather{end: end}
	g.left.Store(int64(parts))
	if parts == 0 {
		end()
	}
	return g
}

func (g *gather) done() {
	if g.left.Add(-1) == 0 {
		g.end()
	}
}
