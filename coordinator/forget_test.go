package coordinator

import (
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
)

// TestForgottenGroupWaitsForNobody: a group of offsets alone, whose only member
// left before its first rebalance ended, goes with its last offset; a later
// group of that name must not meet its timer.
func TestForgottenGroupWaitsForNobody(t *testing.T) {
	var room arena
	m := newMachine()
	g := m.obtain("g")
	m.offsetCount++
	g.offsets.put("t", 0, committed{})
	m.transition(&step{Turn: shard.Turn{Now: time.UnixMilli(1000)}}, g, statePreparing)
	m.timers.Set(timerKey{timerJoin, "g", ""}, time.UnixMilli(4000))
	if err := m.Replay(Record{Key: room.offsetKey("g", "t", 0)}); err != nil {
		t.Fatal(err)
	}
	if m.groups["g"] != nil {
		t.Fatal("the group is still there")
	}
	if m.timers.Has(timerKey{timerJoin, "g", ""}) {
		t.Error("its rebalance is still awaited")
	}
}
