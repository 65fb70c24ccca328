package disk

import (
	"errors"
	"fmt"
	"path"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/internal/words"
)

const (
	// lookPeriod is how often the file system is asked. The log takes room in
	// whole segments, and pokes the guard with each.
	lookPeriod = time.Second
	// trimPeriod is how often retention is asked for while the disk is low.
	trimPeriod = time.Minute
	// trimPeriodFull is the same while produce is refused.
	trimPeriodFull = 5 * time.Second
	// ballastPeriod is how long a ballast that could not be made is left alone.
	ballastPeriod = time.Minute
	// ballastRest is the same for one that was released: who needed the room
	// has to get it.
	ballastRest = 10 * time.Second
)

// Env is what a Guard needs from its surroundings.
type Env struct {
	FS    vfs.FS // the disk itself
	Dir   string // the data directory
	Clock clock.Clock
	// Settings are asked each time, since they may change.
	Settings func() Settings
	// Trim asks for a round of retention; it must not block. May be nil.
	Trim func()
	// Events hears of changes, from any goroutine that uses the disk; it must
	// not block. May be nil.
	Events func(Event)
}

// State is the disk as last seen.
type State struct {
	Level Level
	Since time.Time // of the level
	Held  bool      // Full because an append found no room, whatever is free
	Free  int64     // bytes that others than the ballast may use
	Total int64     // 0: not known
	// Limits in force.
	Limits Limits
	// Ballast is what it holds; 0 if that is no more than the next start's part.
	Ballast int64

	told int64 // free bytes, as the file system tells
}

// Room says how much is free, for people.
func (s *State) Room() string {
	if s.Total == 0 {
		return "free space not known"
	}
	return fmt.Sprintf("%s of %s free", words.Bytes(s.Free), words.Bytes(s.Total))
}

// Guard looks at the disk.
type Guard struct {
	env   Env
	syncs *Syncs
	state atomic.Pointer[State]
	wake  chan struct{}
	stop  chan struct{}
	done  sync.WaitGroup

	mu struct { // held while the disk is looked at and the ballast changed
		sync.Mutex
		marks     watermarks
		ballast   ballast
		restoreAt time.Time // the ballast, not earlier
		trimmed   time.Time
		started   bool // the start's part of the ballast is for the next one
		unknown   bool // the file system did not tell
		noBallast bool // the file system cannot reserve room
		stalled   time.Time
		events    []Event // to be told once the lock is given up
	}
}

// Open looks at the disk, makes the ballast if there is room, and begins to
// watch. The directory exists and is locked by the caller.
func Open(env Env) (*Guard, error) {
	if env.Events == nil {
		env.Events = func(Event) {}
	}
	if env.Trim == nil {
		env.Trim = func() {}
	}
	g := &Guard{env: env, syncs: newSyncs(env.Clock), wake: make(chan struct{}, 1), stop: make(chan struct{})}
	g.mu.ballast = ballast{fs: env.FS, name: path.Join(env.Dir, ballastName)}
	if err := g.mu.ballast.measure(); err != nil {
		return nil, err
	}
	g.state.Store(&State{Since: env.Clock.Now()})
	g.look()
	g.done.Go(g.run)
	return g, nil
}

// Close ends the watch. The ballast stays.
func (g *Guard) Close() error {
	close(g.stop)
	g.done.Wait()
	return nil
}

// State is the disk as last seen.
func (g *Guard) State() State { return *g.state.Load() }

// Refusing reports whether clients' produce is to be refused.
func (g *Guard) Refusing() bool { return g.state.Load().Level == Full }

// Syncs tells how long syncs take.
func (g *Guard) Syncs() *Syncs { return g.syncs }

// Poke has the guard look soon; it never blocks.
func (g *Guard) Poke() {
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

// run is the guard's goroutine.
func (g *Guard) run() {
	for {
		t := g.env.Clock.NewTimer(lookPeriod)
		select {
		case <-t.C():
		case <-g.wake:
			t.Stop()
		case <-g.stop:
			t.Stop()
			return
		}
		g.look()
	}
}

// look takes the measure of the disk and does what the level asks for.
func (g *Guard) look() {
	g.mu.Lock()
	g.lookAtSyncsLocked()
	g.unlockAndTell() // first: what follows may hang on the disk too
	g.mu.Lock()
	g.lookLocked()
	g.unlockAndTell()
}

// unlockAndTell gives up the lock and tells what has happened under it.
func (g *Guard) unlockAndTell() {
	events := g.mu.events
	g.mu.events = nil
	g.mu.Unlock()
	for _, e := range events {
		g.env.Events(e)
	}
}

func (g *Guard) noteLocked(e Event) { g.mu.events = append(g.mu.events, e) }

// lookLocked decides the level, restores the ballast where it may, and asks for
// retention.
func (g *Guard) lookLocked() {
	now := g.env.Clock.Now()
	s, known := g.measureLocked()
	before := g.state.Load()
	s.Level = g.mu.marks.step(s.Free, s.Total, s.Limits, now)
	s.Held, s.Since = g.mu.marks.held, before.Since
	if s.Level != before.Level {
		s.Since = now
		g.noteLocked(LevelChanged{From: before.Level, State: s})
	}
	if known {
		g.restoreLocked(&s, now)
	}
	g.state.Store(&s)
	g.trimLocked(&s, before.Level, now)
}

// measureLocked asks the file system. What the ballast should hold and does not
// is not free. While the file system does not tell, all is as last seen, and
// nothing counts as free for the ballast's sake.
func (g *Guard) measureLocked() (State, bool) {
	err := g.mu.ballast.measure()
	free, total, spaceErr := g.env.FS.Space(g.env.Dir)
	if err = errors.Join(err, spaceErr); err != nil || total <= 0 {
		if !g.mu.unknown && err != nil {
			g.noteLocked(SpaceUnknown{Err: err})
		}
		g.mu.unknown = true
		s := g.State()
		s.told = 0
		return s, false
	}
	g.mu.unknown = false
	s := State{Total: total, Limits: g.env.Settings().For(total), told: free}
	if g.mu.noBallast {
		s.Limits.Ballast = 0
	}
	if s.Ballast = g.mu.ballast.held; s.Ballast <= s.Limits.startShare() && g.mu.started {
		s.Ballast = 0
	}
	s.Free = max(free-g.mu.ballast.missing(s.Limits.Ballast), 0)
	return s, true
}

// restoreLocked makes the ballast as large as it should be, while produce is
// taken: the room for it is there then.
func (g *Guard) restoreLocked(s *State, now time.Time) {
	b := &g.mu.ballast
	if s.Level == Full {
		g.restoreStartLocked(s)
	}
	if s.Level == Full || b.fits(s.Limits.Ballast) || now.Before(g.mu.restoreAt) {
		return
	}
	had := b.held
	err := b.resize(s.Limits.Ballast)
	s.Ballast = b.held
	switch {
	case errors.Is(err, vfs.ErrNotSupported):
		g.mu.noBallast = true
		g.noteLocked(BallastFailed{Err: err})
	case err != nil:
		g.mu.restoreAt = now.Add(ballastPeriod)
		g.noteLocked(BallastFailed{Err: err})
	case b.held != had:
		g.noteLocked(BallastRestored{Bytes: b.held})
	}
}

// trimLocked asks for retention when the level gets worse, and now and then
// while it is bad.
func (g *Guard) trimLocked(s *State, before Level, now time.Time) {
	period := trimPeriod
	if s.Level == Full {
		period = trimPeriodFull
	}
	if s.Level == Roomy || s.Level <= before && now.Sub(g.mu.trimmed) < period {
		return
	}
	g.mu.trimmed = now
	g.env.Trim()
}
