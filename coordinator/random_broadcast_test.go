package coordinator

import (
	"fmt"

	"pgregory.net/rapid"
)

// caller sends requests over one of a few connections, or over none that is known.
func (w *world) caller() Caller {
	c := Caller{ClientID: "c", ClientHost: "h"}
	if at := w.asked % 4; at < len(w.connections) {
		c.Session = w.connections[at]
	}
	return c
}

// hangUp ends a connection; another one takes its place in the test.
func (w *world) hangUp(rt *rapid.T) {
	at := rapid.IntRange(0, len(w.connections)-1).Draw(rt, "connection")
	w.connections[at].Close()
	if rapid.Bool().Draw(rt, "again") {
		w.connections[at].Close()
	}
	w.connections[at] = w.groups.NewSession()
}

// switchMode toggles the mode of a group, of which the coordinator may learn late.
func (w *world) switchMode(rt *rapid.T) {
	group := w.group(rt)
	w.broadcast[group] = !w.broadcast[group]
	switch rapid.IntRange(0, 2).Draw(rt, "told") {
	case 0:
		w.groups.RulesChanged([]string{group})
	case 1:
		w.groups.RulesChanged(nil)
	}
}

// checkBroadcast checks what slots.go, session.go and broadcast.go promise.
func (m *machine) checkBroadcast() error {
	cells, bound := 0, 0
	for id, g := range m.groups {
		base, cell := baseOf(id)
		if cell != g.cell {
			return fmt.Errorf("group %s is a cell: %v", id, g.cell)
		}
		if len(g.sessions) > 0 && (!cell || g.idle()) {
			return fmt.Errorf("%s has %d connections and nobody in it", id, len(g.sessions))
		}
		for session := range g.sessions {
			bound++
			if _, ok := m.sessions[session][g]; !ok {
				return fmt.Errorf("%s has a connection that does not know it", id)
			}
		}
		if !cell {
			continue
		}
		cells++
		if f := m.facades[base]; f == nil || f.cells[id] != g {
			return fmt.Errorf("%s is not found from its base", id)
		}
		if n := g.size() + len(g.pendingJoin); n > 1 {
			return fmt.Errorf("%s has %d members", id, n)
		}
	}
	listed := 0
	for base, f := range m.facades {
		listed += len(f.cells)
		if marked := m.marked(base); f.mode != modeUnknown && marked != (f.mode == modeBroadcast) {
			return fmt.Errorf("%s has a mark: %v", base, marked)
		}
		if err := checkCellMembers(f); err != nil {
			return err
		}
		if g := m.groups[base]; f.mode == modeBroadcast && g != nil && !g.idle() {
			return fmt.Errorf("%s has members beside those in its cells", base)
		}
		if f.mode == modeCluster && f.taken() > 0 {
			return fmt.Errorf("%s is shared, and has members in cells", base)
		}
	}
	known := 0
	for _, at := range m.sessions {
		known += len(at)
	}
	if cells != m.cells || cells != listed || bound != known {
		return fmt.Errorf("%d cells, %d counted, %d listed; %d connections, %d known", cells, m.cells, listed, bound, known)
	}
	return nil
}
