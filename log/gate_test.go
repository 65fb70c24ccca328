package log

import (
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/internal/clock"
)

// gateCase drives a gate.
type gateCase struct {
	*gate
	t     *testing.T
	clock *clock.Manual
}

func newGateCase(t *testing.T) *gateCase {
	t.Helper()
	c := clock.NewManual(time.Unix(1000, 0))
	return &gateCase{gate: newGate(c), t: t, clock: c}
}

// got is how much a read may read; 0 while it waits for its turn.
func (g *gateCase) got(turn *gateTurn) int {
	select {
	case n := <-turn.ready:
		return n
	default:
		return 0
	}
}

func (g *gateCase) mustGet(turn *gateTurn, n int) {
	g.t.Helper()
	if got := g.got(turn); got != n {
		g.t.Fatalf("may read %d bytes; want %d", got, n)
	}
}

// While nobody syncs, several read at once, in large steps.
func TestGateWide(t *testing.T) {
	g := newGateCase(t)
	var all []*gateTurn
	for i := range uint64(gateWide + 2) {
		all = append(all, g.register(i, 8<<20))
	}
	for _, turn := range all[:gateWide] {
		g.mustGet(turn, gateStepWide)
	}
	g.mustGet(all[gateWide], 0)
	g.leave(all[0])
	g.mustGet(all[gateWide], gateStepWide)
	g.mustGet(all[gateWide+1], 0)
}

// While there are syncs, one reads at a time, and begins when none is under way.
func TestGateBesideSyncs(t *testing.T) {
	g := newGateCase(t)
	g.syncBegins()
	a, b := g.register(1, 8<<20), g.register(2, 1000)
	g.mustGet(a, 0)
	g.syncEnds()
	g.mustGet(a, gateStepLive)
	g.mustGet(b, 0)
	// The next sync meets the one that is inside, and no other.
	g.syncBegins()
	g.leave(a)
	g.mustGet(b, 0)
	g.syncEnds()
	g.mustGet(b, 1000)
	// Shortly after a sync the next one is expected.
	c := g.register(1, 8<<20)
	g.leave(b)
	g.mustGet(c, gateStepLive)
	g.clock.Advance(gateLive)
	g.mustGet(g.register(3, 8<<20), gateStepWide)
}

// Readers have one turn for each sync; where syncs take long it is a longer one.
func TestGateStepsWithSyncs(t *testing.T) {
	g := newGateCase(t)
	for _, c := range []struct {
		takes time.Duration
		step  int
	}{
		{time.Millisecond, gateStepLive},
		{9 * time.Millisecond, 4 * gateStepLive},
		{100 * time.Millisecond, gateStepWide},
		{3 * time.Millisecond, gateStepLive},
	} {
		for range 100 {
			g.syncBegins()
			g.clock.Advance(c.takes)
			g.syncEnds()
		}
		turn := g.register(1, 8<<20)
		g.mustGet(turn, c.step)
		g.leave(turn)
	}
}

// A sync that takes very long holds up nobody for good.
func TestGateSlowSync(t *testing.T) {
	g := newGateCase(t)
	g.syncBegins()
	a, b := g.register(1, 1<<20), g.register(2, 1<<20)
	g.clock.Advance(gatePatience - 1)
	g.mustGet(a, 0)
	g.clock.Advance(1)
	g.mustGet(a, gateStepLive)
	g.mustGet(b, 0) // still one at a time
	g.leave(a)
	g.mustGet(b, gateStepLive)
}

// Who asks for much gets as much as who asks for little, and who comes late
// does not get what others had before.
func TestGateIsFair(t *testing.T) {
	g := newGateCase(t)
	g.syncBegins()
	g.syncEnds() // one at a time
	const greedy, modest, late = 1, 2, 3
	of := map[*gateTurn]uint64{}
	ask := func(client uint64) { of[g.register(client, 8<<20)] = client }
	// serve lets so many reads happen and returns what each client got. Who had
	// its turn asks again.
	serve := func(turns int) map[uint64]int {
		had := map[uint64]int{}
		for range turns {
			var inside *gateTurn
			for turn := range of {
				if n := g.got(turn); n > 0 {
					inside = turn
					had[of[turn]] += n
				}
			}
			if inside == nil {
				t.Fatal("nobody has a turn")
			}
			client := of[inside]
			delete(of, inside)
			ask(client)
			g.leave(inside)
		}
		return had
	}
	for range 20 {
		ask(greedy) // from as many connections
	}
	ask(modest)
	const each = 50
	for client, n := range serve(2 * each) {
		if n < (each-2)*gateStepLive || n > (each+2)*gateStepLive {
			t.Errorf("client %d got %d bytes of a half each", client, n)
		}
	}
	ask(late)
	for client, n := range serve(3 * each) {
		if n < (each-2)*gateStepLive || n > (each+2)*gateStepLive {
			t.Errorf("client %d got %d bytes of a third each", client, n)
		}
	}
}

// The memory for clients is bounded, whoever comes.
func TestGateForgets(t *testing.T) {
	g := newGateCase(t)
	for i := range uint64(3 * gateClientsMax) {
		turn := g.register(i, 1)
		g.mustGet(turn, 1)
		g.leave(turn)
	}
	if n := len(g.mu.clients); n > gateClientsMax {
		t.Errorf("%d clients are remembered", n)
	}
}
