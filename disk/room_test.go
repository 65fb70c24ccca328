package disk

import (
	"testing"
)

// What grows stops before the room of deletions, of commits and of the ballast
// is used.
func TestTakesGrowth(t *testing.T) {
	w := newWorld(t)
	w.mustOpen(w.mem)
	const mark = 512 << 10
	takes := func(when string, bytes int64, want bool) {
		t.Helper()
		if _, ok := w.guard.TakesGrowth(bytes); ok != want {
			t.Errorf("%s: %d bytes are taken: %v", when, bytes, ok)
		}
	}
	takes("empty", 60*mebi, true)
	w.others(61 * mebi)
	if !w.guard.Refusing() {
		t.Fatal("produce is taken")
	}
	takes("1 MiB free", mebi-mark, true)
	takes("1 MiB free", mebi-mark+1, false)
	w.others(62*mebi - mark + 1)
	takes("at the mark", 0, false)
	w.others(0)
	takes("empty again", 0, true)
	w.must(w.write("x", 62*mebi))
	w.must(w.write("y", 1000)) // on the ballast
	if s, ok := w.guard.TakesGrowth(0); ok || s.told < mebi {
		t.Errorf("%+v: what the ballast gave is taken by what grows", s)
	}
}

// The last of the ballast is for a start, however often there is one on a full
// disk.
func TestStartsHaveTheirOwnRoom(t *testing.T) {
	w := newWorld(t)
	w.must(w.open(w.mem))
	w.guard.Started()
	w.others(62 * mebi)
	w.want("full", Full, "ballast holds", "produce is refused")
	w.must(w.write("metadata", 2*mebi-startBytes))
	w.want("on the ballast", Full, "gives 1.8 MiB back")
	if s := w.guard.State(); s.Ballast != 0 {
		t.Errorf("%+v: there is nothing more to give", s)
	}
	if err := w.write("metadata-2", 4096); err == nil {
		t.Error("the start's room was given away")
	}
	w.must(w.mem.Remove(dir + "/metadata-2"))
	for i := range 20 {
		w.must(w.guard.Close())
		w.mem = w.mem.Kill()
		w.must(w.open(w.mem))
		w.must(w.write("start", 20_000))
		w.guard.Started()
		w.must(w.mem.Remove(dir + "/start")) // the next one replaces it
		if held := Held(w.mem, dir); held < startBytes/8 {
			t.Fatalf("start %d: %d bytes are left for the next", i, held)
		}
	}
	w.others(0)
	w.look(ballastRest)
	if s := w.guard.State(); s.Ballast != 2*mebi {
		t.Errorf("%+v: the ballast is not whole again", s)
	}
	w.must(w.guard.Close())
}
