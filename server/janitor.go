package server

import (
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/mainstem-mq/mainstem/internal/clock"
)

// janitorPeriod is how often the connections are looked over. One timer for
// all of them is far cheaper than a deadline moved with every request.
const janitorPeriod = time.Second

// trimRounds is after how many rounds unused buffer memory goes back.
const trimRounds = 5

// poolWatch is how many requests waited for memory, and how many were served ever.
type poolWatch struct {
	waiting int
	served  uint64
}

// warnPeriod is how often it is said that requests wait for memory.
const warnPeriod = 10 * time.Second

var (
	errIdle    = errors.New("idle for longer than connections.max.idle.ms")
	errStalled = errors.New("the client stopped in the middle of a request")
)

// janitor closes idle and stalled connections. (Clients that do not read
// their answers are the writer's business: see span.Writer.)
type janitor struct {
	srv   *Server
	round int
	// pool is what the last round saw of the memory for requests; told is when a
	// round last had to say that some wait for it.
	pool  poolWatch
	told  time.Time
	mu    sync.Mutex
	timer clock.Timer
	over  bool
}

func (j *janitor) start() { j.again() }

// again sets the timer for the next round.
func (j *janitor) again() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.over {
		j.timer = j.srv.clock.AfterFunc(janitorPeriod, func() { j.srv.tasks.start(j.look) })
	}
}

func (j *janitor) stop() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.over = true
	if j.timer != nil {
		j.timer.Stop()
	}
}

// look looks at each connection once.
func (j *janitor) look() {
	now := j.srv.clock.Now()
	idleMax := j.srv.settings.idleMax()
	for _, c := range j.srv.conns.snapshot() {
		// Asked anew for each: what it remembers must not be older than what it
		// compares with in the next round.
		now = j.srv.clock.Now()
		c.pipe.expire(now)
		if c.hogging(now) {
			c.end(errSlow)
		}
		c.checkStranded(now)
		if err := c.overdue(now, idleMax, j.srv.cfg.StallMax); err != nil {
			c.end(err)
		}
	}
	if j.round++; j.round%trimRounds == 0 {
		j.srv.memory.requests.Trim()
		j.srv.memory.others.Trim()
	}
	j.warn(now)
	j.srv.sessions.expire(now)
	j.srv.backfills.tick(now)
	j.srv.quotas.Sweep(now)
	j.srv.visits.sweep(now)
	j.srv.conns.recheck()
	j.again()
}

// overdue says why a connection should end, or nil. Only the janitor calls it.
func (c *conn) overdue(now time.Time, idleMax, stallMax time.Duration) error {
	// In this order: bytes are counted before they are seen to begin a request,
	// so one that begins just now is not taken for one that began long ago.
	inside := c.frames.inside.Load()
	total := c.frames.total.Load()
	if total != c.watch.total || c.frames.waiting.Load() || c.pipe.busy() || c.paused(now) {
		c.watch = watch{total: total, since: now}
		return nil
	}
	rest := now.Sub(c.watch.since)
	switch {
	case inside && rest >= stallMax:
		return errStalled
	case idleMax > 0 && rest >= idleMax:
		return errIdle
	}
	return nil
}

// warn tells that requests wait for memory: that nobody was served between two
// rounds in which some waited means that nothing came back all that time.
func (j *janitor) warn(now time.Time) {
	pool, before := j.srv.memory.requests, j.pool
	j.pool = poolWatch{pool.Waiting(), pool.Served()}
	if j.pool.waiting == 0 || before.waiting == 0 || j.pool.served != before.served || now.Sub(j.told) < warnPeriod {
		return
	}
	j.told = now
	var slow []*conn
	for _, c := range j.srv.conns.snapshot() {
		if c.frames.filling() {
			slow = append(slow, c)
		}
	}
	fields := []zap.Field{
		zap.Int("waiting", pool.Waiting()), zap.Int64("bytes_in_use", pool.InUse()), zap.Int("half_sent", len(slow)),
	}
	if len(slow) > 0 {
		fields = append(fields, slow[0].who()...)
	}
	j.srv.limitedWarn("requests with records wait for memory (queued.max.request.bytes): clients send theirs slowly (half_sent, one of them is named), "+
		"or the disk is slow", fields...)
}
