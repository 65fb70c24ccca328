package shardtest

import (
	"testing/synctest"
	"time"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/internal/clock"
)

// Disturb carries out a command of the form
//
//	journal hold|flow|release [n=N]|lose|refuse|accept|break-load|heal-load|close-gate|open-gate
func Disturb(a Arguments, j *shard.Memory) {
	a.T.Helper()
	switch what := a.D.CmdArgs[0].Key; what {
	case "hold", "flow":
		j.Set(func(j *shard.MemoryState) { j.Hold = what == "hold" })
		if what == "flow" {
			j.Release(-1)
		}
	case "release":
		j.Release(int(a.Number("n", -1)))
	case "lose": // all is answered before the shard has loaded again
		gate := make(chan struct{})
		j.Set(func(j *shard.MemoryState) { j.Gate = gate })
		j.Lose()
		synctest.Wait()
		j.Set(func(j *shard.MemoryState) { j.Gate = nil })
		close(gate)
	case "refuse", "accept":
		j.Set(func(j *shard.MemoryState) { j.Refuse = what == "refuse" })
	case "break-load":
		j.Set(func(j *shard.MemoryState) { j.LoadErr = shard.ErrMemory })
	case "heal-load":
		j.Set(func(j *shard.MemoryState) { j.LoadErr = nil })
	case "close-gate":
		j.Set(func(j *shard.MemoryState) { j.Gate = make(chan struct{}) })
	case "open-gate":
		j.Set(func(j *shard.MemoryState) { close(j.Gate); j.Gate = nil })
	default:
		a.D.Fatalf(a.T, "journal %s?", what)
	}
}

// Advance moves a bubble's clock. It stops at each timer, so that loads which one
// starts end before the next.
func Advance(c *clock.Manual, by time.Duration) {
	end := c.Now().Add(by)
	for {
		next, ok := c.Next()
		if !ok || next.After(end) {
			break
		}
		c.Advance(max(next.Sub(c.Now()), 0))
		synctest.Wait()
	}
	c.Set(end)
	synctest.Wait()
}
