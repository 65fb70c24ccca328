package coordinator

import "slices"

// cellMembers finds the cells of a base by the ids of their members, so that a
// request costs no look at every cell. Whoever enters a cell is noted; one that
// left is forgotten when it is asked for, or when those are more than half.
// Clients of the consumer protocol choose their ids, so an id may be in several
// cells: the first is found.
type cellMembers struct {
	cells map[string][]*group
	noted int // in all lists
	most  int // noted before those that left are looked for
}

// cellMembersMin is how many members are noted before it is worth looking.
const cellMembersMin = 64

// enroll notes that the id is known in the group, if that is a cell: a member's,
// or given to one who is to join.
func (g *group) enroll(id string) {
	if g.facade == nil || !g.knows(id) {
		return
	}
	at := &g.facade.members
	if slices.Contains(at.cells[id], g) {
		return
	}
	if at.noted >= max(at.most, cellMembersMin) {
		at.prune()
		at.most = 2 * at.noted
	}
	if at.cells == nil {
		at.cells = map[string][]*group{}
	}
	at.cells[id] = append(at.cells[id], g)
	at.noted++
}

// find is the cell that knows the id; nil: none.
func (c *cellMembers) find(id string) *group {
	for len(c.cells[id]) > 0 {
		if cell := c.cells[id][0]; cell.knows(id) {
			return cell
		}
		c.set(id, c.cells[id][1:])
	}
	return nil
}

// prune forgets those that left.
func (c *cellMembers) prune() {
	for id, cells := range c.cells {
		c.set(id, slices.DeleteFunc(slices.Clone(cells), func(cell *group) bool { return !cell.knows(id) }))
	}
}

func (c *cellMembers) set(id string, cells []*group) {
	c.noted += len(cells) - len(c.cells[id])
	if len(cells) == 0 {
		delete(c.cells, id)
		return
	}
	c.cells[id] = cells
}

// add enters a member.
func (g *group) add(m *member) {
	g.roster.add(m)
	g.enroll(m.id)
}

// replace puts a new incarnation of a static member into its predecessor's place.
func (g *group) replace(old, fresh *member) {
	g.roster.replace(old, fresh)
	g.enroll(fresh.id)
}

// expect notes a member id that was given to one who is to join with it.
func (g *group) expect(id string) {
	if g.pendingJoin == nil {
		g.pendingJoin = map[string]struct{}{}
	}
	g.pendingJoin[id] = struct{}{}
	g.enroll(id)
}
