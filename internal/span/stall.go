package span

import "time"

type deadliner interface{ SetWriteDeadline(t time.Time) error }

// stallGuard turns "no byte for so long" into a write deadline. The zero value
// guards nothing.
type stallGuard struct {
	conn  deadliner
	now   func() time.Time
	limit time.Duration
	set   time.Time // when the deadline was last set
	armed bool      // the connection has a deadline
	fresh bool      // it need not be renewed yet
}

// begin is called when the connection takes no more bytes for now.
func (g *stallGuard) begin() error {
	if g.conn == nil || g.fresh {
		return nil
	}
	return g.renew()
}

// progress is called when bytes moved. The next begin then renews the
// deadline, unless it was set so shortly ago that its slack covers this.
func (g *stallGuard) progress() {
	if g.fresh && g.now().Sub(g.set) >= g.slack() {
		g.fresh = false
	}
}

// renew sets the deadline anew.
func (g *stallGuard) renew() error {
	if g.conn == nil {
		return nil
	}
	g.set, g.armed, g.fresh = g.now(), true, true
	return g.conn.SetWriteDeadline(g.set.Add(g.limit + g.slack()))
}

// slack is how much longer than the limit a stall may last, which saves most
// renewals.
func (g *stallGuard) slack() time.Duration { return g.limit / 8 }

// end takes the deadline away.
func (g *stallGuard) end() error {
	if !g.armed {
		return nil
	}
	g.armed, g.fresh = false, false
	return g.conn.SetWriteDeadline(time.Time{})
}
