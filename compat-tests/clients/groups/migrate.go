package groups

import (
	"testing"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// Migrate has a group of three at work change its protocol, as a deployment that is
// rolled out does: each member of the classic protocol ends and one of the consumer
// protocol comes in its place, then the same way back. Each record is delivered, and
// no partition has two owners.
func Migrate(t *testing.T, shared *testbroker.Shared, c *Client) {
	testbroker.Quick(t)
	var from []Flavour
	for _, f := range c.Flavours {
		if f.Protocol == Classic {
			from = append(from, f)
		}
	}
	if !serves(t, shared, Consumer) {
		t.Skipf("NOT TESTED: the broker does not serve the %s protocol", Consumer)
	}
	each(t, shared, c, from, migrate)
}

func migrate(_ *testing.T, w *world) {
	once := exactly(1)
	if w.flavour.Repeats {
		once = atLeastOnce
	}
	l := w.newLoad()
	l.write(5, nil)
	l.run()
	three := w.join(earliest, earliest, earliest)
	w.awaitShared("three join by the classic protocol", three...)
	classic := w.flavour
	for _, f := range []Flavour{{Protocol: Consumer}, classic} {
		w.flavour = f
		for i, m := range three {
			next := w.prepare(earliest)
			w.ready(next) // else the group may be short of one for long
			w.leave(m)
			three[i] = w.admit(next)
			w.awaitShared("a member is replaced by one of the protocol "+f.String(), three...)
		}
		w.awaitDelivered("all members were replaced", w.start(), l.sent(), once, w.members...)
	}
	l.stop()
	w.awaitDelivered("nothing is lost", w.start(), l.sent(), once, w.members...)
	w.awaitCommitted("all is committed", l.sent())
	w.checkOwners()
}
