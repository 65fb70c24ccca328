package coordinator

import "slices"

// roster is the members of a group, in the order in which they came.
// Invariants: order and byID hold the same members; byInstance maps the static
// ones; offers[p] counts the members that offer p; awaitingJoin counts those
// that wait for a JoinGroup response; offerBytes sums up what all members offer.
type roster struct {
	order        []*member
	byID         map[string]*member
	byInstance   map[string]*member
	offers       map[string]int
	awaitingJoin int
	offerBytes   int
}

func (r *roster) add(m *member) {
	r.order = append(r.order, m)
	r.enter(m)
}

// enter adds a member everywhere but to the order.
func (r *roster) enter(m *member) {
	if r.byID == nil { // most groups of a big broker only commit offsets
		r.byID, r.byInstance, r.offers = map[string]*member{}, map[string]*member{}, map[string]int{}
	}
	r.byID[m.id] = m
	if m.instance != nil {
		r.byInstance[*m.instance] = m
	}
	r.count(m, 1)
	if m.join != nil {
		r.awaitingJoin++
	}
}

func (r *roster) remove(id string) {
	m := r.byID[id]
	if m == nil {
		return
	}
	r.leave(m)
	r.order = slices.DeleteFunc(r.order, func(o *member) bool { return o == m })
}

func (r *roster) leave(m *member) {
	delete(r.byID, m.id)
	if m.instance != nil {
		delete(r.byInstance, *m.instance)
	}
	r.count(m, -1)
	if m.join != nil {
		r.awaitingJoin--
	}
}

// hear notes that a member was heard of; ids of nobody are ignored.
func (g *group) hear(s *step, id string) {
	if g == nil {
		return
	}
	if m := g.byID[id]; m != nil {
		m.heard = s.Now
	}
}

// replace puts a new incarnation of a static member into its predecessor's place.
func (r *roster) replace(old, fresh *member) {
	at := slices.Index(r.order, old)
	r.leave(old)
	r.order[at] = fresh
	r.enter(fresh)
}

// park lets a member wait for its JoinGroup response; what waited before is
// returned, for a client asks again only when it gave up on its first request.
func (r *roster) park(m *member, w *joinWait) *joinWait {
	before := m.join
	if before == nil {
		r.awaitingJoin++
	}
	m.join = w
	return before
}

// unpark takes what waits for a JoinGroup response.
func (r *roster) unpark(m *member) *joinWait {
	w := m.takeJoin()
	if w != nil {
		r.awaitingJoin--
	}
	return w
}

// change replaces the protocols of a member.
func (r *roster) change(m *member, protocols []offer) {
	r.count(m, -1)
	m.protocols = protocols
	r.count(m, 1)
}

func (r *roster) count(m *member, by int) {
	r.offerBytes += by * m.offerBytes()
	for _, p := range m.protocols {
		if r.offers[p.name] += by; r.offers[p.name] == 0 {
			delete(r.offers, p.name)
		}
	}
}

// shared reports whether all members offer one of the protocols.
func (r *roster) shared(protocols []offer) bool {
	return slices.ContainsFunc(protocols, func(p offer) bool { return r.offers[p.name] == len(r.order) })
}

// elect lets each member vote for the first of its protocols that all offer,
// and takes the one with most votes; of equal ones the first that was voted
// for, so that it does not depend on the order of a map.
func (r *roster) elect() string {
	votes := map[string]int{}
	var ballot []string
	for _, m := range r.order {
		for _, p := range m.protocols {
			if r.offers[p.name] == len(r.order) {
				if votes[p.name] == 0 {
					ballot = append(ballot, p.name)
				}
				votes[p.name]++
				break
			}
		}
	}
	best := ""
	for _, name := range ballot {
		if votes[name] > votes[best] {
			best = name
		}
	}
	return best
}

// rebalanceTimeout is the longest that a member asks for, ms.
func (r *roster) rebalanceTimeout() int32 {
	var most int32
	for _, m := range r.order {
		most = max(most, m.rebalanceTimeout)
	}
	return most
}
