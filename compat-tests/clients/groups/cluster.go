package groups

import (
	"fmt"
	"slices"
	"testing"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// Cluster has members share what is produced all the time while they come, leave,
// crash and come back, one of them static where the client has that. Each record
// is delivered, once as long as nobody crashes, and no partition has two owners. Who
// gets a partition goes on where it was committed last, after a crash too.
func Cluster(t *testing.T, shared *testbroker.Shared, c *Client) {
	each(t, shared, c, c.Flavours, cluster)
}

func cluster(_ *testing.T, w *world) {
	once := exactly(1)
	if w.flavour.Repeats {
		once = atLeastOnce
	}
	third := earliest
	static := w.client.static(w.flavour)
	if static {
		third.instance = "static"
	}
	l := w.newLoad()
	l.write(5, nil)
	l.run()
	three := w.join(earliest, earliest, third)
	a, b, c := three[0], three[1], three[2]
	next := w.prepare(earliest) // Processes start while others work.
	w.awaitShared("three join", a, b, c)

	w.leave(a)
	w.awaitShared("one leaves", b, c)
	a = w.admit(next)
	w.awaitShared("it comes back", a, b, c)
	if static {
		c = w.replace(c, w.prepare(third), func() { w.leave(c) }, a, b)
	}
	w.awaitDelivered("nobody has crashed", w.start(), l.sent(), once, w.members...)

	if static && w.flavour.Protocol == Classic {
		// With the consumer protocol it would be refused until its session is over.
		c = w.replace(c, w.prepare(third), func() { c.kill() }, a, b)
	}
	next = w.prepare(earliest)
	b.kill()
	w.awaitShared("one crashes", a, c)
	b = w.admit(next)
	w.awaitShared("it is started again", a, b, c)
	// What was produced before may be delivered twice.
	crashed := l.sent()
	w.awaitDelivered("somebody has crashed", w.start(), crashed, atLeastOnce, w.members...)
	w.leave(a)
	w.awaitShared("another one leaves", b, c)

	l.stop()
	w.awaitDelivered("nothing is lost", w.start(), l.sent(), atLeastOnce, w.members...)
	w.awaitDelivered("nobody crashed again", crashed, l.sent(), once, w.members...)
	w.awaitCommitted("all is committed", l.sent())
	w.checkOwners()
}

// replace ends a static member and has a prepared one take its place: it gets
// what that had, and the others keep theirs.
func (w *world) replace(m, again *member, end func(), others ...*member) *member {
	w.t.Helper()
	w.ready(again) // else it may be away for longer than its session
	moves := make([]int, len(others))
	for i, o := range others {
		moves[i] = o.moves()
	}
	end()
	had := lastOwned(m)
	w.admit(again)
	w.await("a static member comes back", func() error {
		if got := again.owned(); !slices.Equal(got, had) {
			return fmt.Errorf("it has %v and had %v", got, had)
		}
		return nil
	})
	for i, o := range others {
		if n := o.moves(); n != moves[i] {
			w.t.Errorf("a static member came back, and partitions of member %s moved %d times", o.name, n-moves[i])
		}
	}
	return again
}

// lastOwned is what a member owned when it ended.
func lastOwned(m *member) []int32 {
	var last int64
	var ps []int32
	for _, s := range m.spans() {
		if s.to > last {
			last, ps = s.to, nil
		}
		if s.to == last {
			ps = append(ps, s.partition)
		}
	}
	slices.Sort(ps)
	return ps
}
