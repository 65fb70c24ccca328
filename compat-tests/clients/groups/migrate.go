package groups

import (
	"fmt"
	"testing"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// Migrate has a group of three at work change its protocol, as a deployment that is
// rolled out does: each member of the classic protocol ends and one of the consumer
// protocol comes in its place, then the same way back. Each record is delivered (some
// come twice: Apache Kafka fences members of the classic protocol as it comes back to
// it), and no partition has two owners.
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

func migrate(t *testing.T, w *world) {
	if w.flavour.Tied {
		mainstemOnly(t, w.shared)
	}
	l := w.newLoad()
	l.write(5, nil)
	l.run()
	three := w.join(earliest, earliest, earliest)
	w.awaitShared("three join by the classic protocol", three...)
	classic := w.flavour
	for _, f := range []Flavour{{Protocol: Consumer}, classic} {
		w.flavour = f
		next := []*member{w.prepare(earliest), w.prepare(earliest), w.prepare(earliest)} // Processes start while others work.
		for i, m := range three {
			w.ready(next[i])
			w.leave(m)
			three[i] = w.admit(next[i])
			w.awaitShared("a member is replaced by one of the protocol "+f.String(), three...)
		}
		w.awaitType(f.Protocol)
		w.awaitDelivered("all members were replaced", w.start(), l.sent(), atLeastOnce, w.members...)
	}
	l.stop()
	w.awaitDelivered("nothing is lost", w.start(), l.sent(), atLeastOnce, w.members...)
	w.awaitCommitted("all is committed", l.sent())
	w.checkOwners()
}

// awaitType waits until the broker lists the group as one of a protocol.
func (w *world) awaitType(protocol string) {
	w.t.Helper()
	w.await("the group has another type", func() error {
		groups, err := w.adm.ListGroupsByType(w.ctx, []string{protocol})
		if err != nil {
			return err
		}
		if _, ok := groups[w.group]; !ok {
			return fmt.Errorf("group %s is not of type %s", w.group, protocol)
		}
		return nil
	})
}
