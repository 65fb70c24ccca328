package log

import (
	"slices"
	"sync"
	"time"

	"github.com/mainstem-mq/mainstem/internal/clock"
)

const (
	// gateWide is how many cold reads ask the disk at once while nobody waits
	// for a sync.
	gateWide = 4
	// gateStepWide is how much each reads in one turn then, gateStepLive while
	// somebody does, at least. A disk serves what it has in the order in which it
	// came, so a sync waits for as much as was asked for before it, and that
	// several times: for the data, for the journal, for the flush.
	gateStepWide = 1 << 20
	gateStepLive = 128 << 10
	// gateStepPer is how long syncs take for a read to be one gateStepLive longer.
	// Readers have one turn for each sync: where much is written a sync takes long,
	// there are few, and a longer read is a small part of one.
	gateStepPer = 2 * time.Millisecond
	// gateLive is how long after a sync the next one is expected.
	gateLive = 100 * time.Millisecond
	// gatePatience is how long a read waits for a sync that is under way. A sync
	// that takes longer waits for something else, and readers must get on.
	gatePatience = 20 * time.Millisecond
)

// gate says when a read may ask the disk, so that those of old data do not
// delay the writer's syncs: while there are syncs, one read at a time, small
// beside a sync, and begun when none is under way. So a sync meets at most one
// read, and a read waits for at most one sync: neither starves the other.
//
// Those who wait take turns: next is who had the least, so that a client who
// asks for much gets no more than one who asks for little.
type gate struct {
	clock clock.Clock

	mu struct {
		sync.Mutex
		syncing bool
		synced  time.Time     // when a sync last began or ended
		takes   time.Duration // by a sync, of late
		inside  int
		waiting []*gateTurn
		clients map[uint64]*gateClient
		level   int64 // what the client had that was let in last
		timer   clock.Timer
	}
}

// gateTurn is one read that waits.
type gateTurn struct {
	client *gateClient
	want   int
	ready  chan int // gets the bytes that may be read
}

// gateClient is one who reads, while it does or shortly after.
type gateClient struct {
	had   int64 // bytes, counted from the level at which it came
	turns int   // waiting or inside
}

// gateClientsMax bounds the clients that are remembered; one who is forgotten
// begins anew at the level of the others.
const gateClientsMax = 1024

func newGate(c clock.Clock) *gate {
	g := &gate{clock: c}
	g.mu.clients = make(map[uint64]*gateClient)
	return g
}

// enter waits for a turn of a client and returns how much may be read in it, at
// most want bytes. The turn ends with leave.
func (g *gate) enter(client uint64, want int) (t *gateTurn, n int) {
	t = g.register(client, want)
	return t, <-t.ready
}

// register puts a read among those that wait; it may have its turn at once.
func (g *gate) register(client uint64, want int) *gateTurn {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.mu.clients[client]
	if c == nil {
		g.forgetLocked()
		c = &gateClient{}
		g.mu.clients[client] = c
	}
	if c.turns == 0 {
		// Who was away has saved nothing up.
		c.had = max(c.had, g.mu.level)
	}
	c.turns++
	t := &gateTurn{client: c, want: want, ready: make(chan int, 1)}
	g.mu.waiting = append(g.mu.waiting, t)
	g.grantLocked()
	return t
}

// leave ends a turn.
func (g *gate) leave(t *gateTurn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.mu.inside--
	t.client.turns--
	g.grantLocked()
}

// syncBegins hears that somebody waits for the disk from now on.
func (g *gate) syncBegins() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.mu.syncing, g.mu.synced = true, g.clock.Now()
}

// syncEnds lets in who has waited meanwhile.
func (g *gate) syncEnds() {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.clock.Now()
	// One that waited for something else says little of those to come.
	g.mu.takes += (min(now.Sub(g.mu.synced), gatePatience) - g.mu.takes) / 8
	g.mu.syncing, g.mu.synced = false, now
	g.grantLocked()
}

// waiting is how many reads wait for their turn.
func (g *gate) waiting() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.mu.waiting)
}

// grantLocked lets in as many as may be.
func (g *gate) grantLocked() {
	for len(g.mu.waiting) > 0 {
		wide, step := gateWide, gateStepWide
		since := g.clock.Now().Sub(g.mu.synced)
		if g.mu.syncing || since < gateLive {
			wide, step = 1, g.stepLocked()
		}
		if g.mu.inside >= wide {
			return // leave comes here again
		}
		if g.mu.syncing && since < gatePatience {
			g.wakeLocked(gatePatience - since)
			return
		}
		t := g.nextLocked()
		n := min(t.want, step)
		g.mu.inside++
		g.mu.level = max(g.mu.level, t.client.had)
		t.client.had += int64(n)
		t.ready <- n
	}
}

// stepLocked is how much may be read between two syncs.
func (g *gate) stepLocked() int {
	return gateStepLive * min(max(int(g.mu.takes/gateStepPer), 1), gateStepWide/gateStepLive)
}

// nextLocked takes the turn of the client that had the least; among equals, of
// who came first.
func (g *gate) nextLocked() *gateTurn {
	best := 0
	for i, t := range g.mu.waiting {
		if t.client.had < g.mu.waiting[best].client.had {
			best = i
		}
	}
	t := g.mu.waiting[best]
	g.mu.waiting = slices.Delete(g.mu.waiting, best, best+1)
	return t
}

// wakeLocked has a sync that takes long not hold up readers for good.
func (g *gate) wakeLocked(after time.Duration) {
	if g.mu.timer != nil {
		g.mu.timer.Reset(after)
		return
	}
	g.mu.timer = g.clock.AfterFunc(after, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.grantLocked()
	})
}

// forgetLocked makes room for one more client.
func (g *gate) forgetLocked() {
	if len(g.mu.clients) < gateClientsMax {
		return
	}
	for id, c := range g.mu.clients {
		if c.turns == 0 {
			delete(g.mu.clients, id)
		}
	}
}
