package coordinator

import (
	"fmt"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/coordinator/shard/shardtest"
)

const cutSeedsMin = 300

// TestRandomCuts is TestRandomConsumers with appends that hold a few records only, as
// small files of the log ask for: what one request changes is several appends, and a
// crash keeps some of them. A load mends that, and all settles.
func TestRandomCuts(t *testing.T) {
	shardtest.Flags(t, map[string]int{"rapid.checks": cutSeedsMin})
	cuts, played := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		inBubble(t, rt, func(plain *consumerWorld) {
			w := &cutWorld{consumerWorld: plain}
			w.appendMax = rapid.SampledFrom([]int{60, 120, 200}).Draw(rt, "append")
			w.journal.OnAppend = w.checkAppend
			w.restart(rt)
			rt.Repeat(map[string]func(*rapid.T){
				"": w.check, "beat": w.beatAny, "all beat": w.round, "all beat again": w.round, "obey": w.obeyAny,
				"crash": w.crash, "leave": w.leave, "change": w.change, "give up": w.giveUp, "commit": w.commit,
				"delete": w.deleteGroup, "rewind": w.rewind, "undo": w.undo, "call off": w.callOff, "topics": w.reshape, "advance": w.advance,
				"journal": w.disturb, "restart": w.restart, "cut": w.cut, "cut again": w.cut,
				"hang up": w.hangUp, "classic": w.classic, "switch": w.switchMode, "transact": w.transact,
			})
			cuts, played = cuts+w.cuts, played+1
			w.end(rt)
		})
	})
	// About one conversation in six has one; few conversations may have none.
	if played >= cutSeedsMin && cuts < played/20 {
		t.Errorf("only %d crashes in %d conversations kept a part of what belongs together", cuts, played)
	}
}

type cutWorld struct {
	*consumerWorld
	cuts int // crashes that left something out
}

func (w *cutWorld) checkAppend(records []Record) {
	size := 0
	for i := range records {
		size += records[i].Size()
	}
	if size > w.appendMax && len(records) > 1 {
		w.bad = fmt.Sprintf("an append of %d bytes, in %d records", size, len(records))
	}
}

// cut lets something happen, and keeps only the first appends of it.
func (w *cutWorld) cut(rt *rapid.T) {
	w.journal.Release(-1)
	synctest.Wait()
	w.journal.Set(func(j *shard.MemoryState) { j.Hold = true })
	rapid.SampledFrom([]func(*rapid.T){
		w.beatAny, w.leave, w.change, w.rewind, w.undo, w.reshape, w.deleteGroup, w.round, w.advance, w.switchMode, w.classic, w.transact,
	}).Draw(rt, "what")(rt)
	synctest.Wait()
	for range rapid.IntRange(0, 6).Draw(rt, "appends") {
		w.journal.Release(1)
		synctest.Wait()
	}
	w.groups.Close()
	if w.journal.Pending() > 0 {
		w.cuts++
	}
	w.journal.Lose()
	w.journal.Set(func(j *shard.MemoryState) { j.Hold, j.Broken, j.LoadErr = false, false, nil })
	if err := checkLoad(w.journal.All(), w.shaped.view()); err != nil {
		rt.Fatalf("cut: %v", err)
	}
	w.start(rt)
}
