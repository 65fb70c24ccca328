package shardtest

import (
	"flag"
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
)

// Flags gives flags of the test binary, such as rapid.checks, other defaults for
// the time of a test: whoever set one is obeyed.
func Flags(t *testing.T, defaults map[string]int) {
	t.Helper()
	for name, value := range defaults {
		f := flag.Lookup(name)
		if f.Value.String() != f.DefValue {
			continue
		}
		if err := flag.Set(name, strconv.Itoa(value)); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = flag.Set(name, f.DefValue) })
	}
}

// Bubble plays with a world in a bubble of its own. What fails there is passed on
// outside of it, so that rapid can make it smaller, and has the world stop first: a
// bubble waits for all of its goroutines.
func Bubble[W any](t *testing.T, begin func() W, play, stop func(W)) {
	t.Helper()
	var failure any
	synctest.Test(t, func(*testing.T) {
		var world W
		begun := false
		defer func() {
			if failure = recover(); failure != nil && begun {
				stop(world)
			}
		}()
		world = begin()
		begun = true
		play(world)
	})
	switch {
	case failure == nil:
	case fmt.Sprintf("%T", failure) == "rapid.invalidData":
		panic(failure) // rapid ran out of draws: it tells that from a failure by the line
	default:
		panic(failure)
	}
}

// Settle ends what is under way, well or not, as a journal does before it loads.
func Settle(rt *rapid.T, j *shard.Memory) {
	if rapid.Bool().Draw(rt, "lose") {
		j.Lose()
		return
	}
	j.Release(-1)
}
