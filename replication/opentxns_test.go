package replication

import (
	"slices"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// visited are the partitions of "t" in which something is open.
func (w *world) visited() (all []int32) {
	w.t.Helper()
	w.partitions.EachOpenTxn(func(p *Partition, open []OpenTxn) {
		if len(open) != 1 || !open[0].Holds {
			w.t.Errorf("%d: %+v", p.Index(), open)
		}
		all = append(all, p.Index())
	})
	slices.Sort(all)
	return all
}

func (w *world) wantVisited(when string, want ...int32) {
	w.t.Helper()
	if got := w.visited(); !slices.Equal(got, want) {
		w.t.Fatalf("%s: something is open in %v, want %v", when, got, want)
	}
}

// TestOpenAfterStart: what was left open before a start is found though nobody
// has asked for its partition since.
func TestOpenAfterStart(t *testing.T) {
	inWorld(t, func(w *world) {
		w.mustSend(w.part(0), 1, 0, 0)
		w.mustEnd(marker(w.part(0), 1, 0, true))
		w.mustSend(w.part(1), 1, 0, 0)
		w.crash(nil)
		w.wantVisited("after the start", 1)
		w.mustSend(w.part(0), 2, 0, 0)
		w.wantVisited("one more", 0, 1)
		w.mustEnd(marker(w.part(1), 1, 0, false))
		w.wantVisited("the old one is over", 0)
	})
}

// TestOpenOfFailed: what failed began nothing, and ended nothing.
func TestOpenOfFailed(t *testing.T) {
	inWorld(t, func(w *world) {
		w.wantVisited("nothing has happened")
		w.mustSend(w.part(0), 1, 0, 0)
		w.failKind(vfs.KindWrite, vfs.ErrNoSpace)
		var e ends
		var a answers
		w.partitions.AppendMarkers([]Marker{marker(w.part(0), 1, 0, true)}, e.add)
		w.send(w.part(1), 2, 0, 0, &a)
		w.settle()
		a.want(t, "no room", -1)
		w.fail(nil)
		w.wantVisited("both failed", 0)
		w.mustEnd(marker(w.part(0), 1, 0, true))
		w.wantVisited("over")
	})
}

// TestOpenOfDeleted: a topic takes its open transactions along.
func TestOpenOfDeleted(t *testing.T) {
	inWorld(t, func(w *world) {
		p := w.part(1)
		w.mustSend(w.part(0), 1, 0, 0)
		w.mustSend(p, 1, 0, 0)
		w.holdSyncs()
		var e ends
		w.partitions.AppendMarkers([]Marker{marker(p, 1, 0, true)}, e.add)
		w.settle()
		if err := w.journal.DeleteTopics([]string{"t"})[0]; err != nil {
			t.Fatal(err)
		}
		w.wantVisited("deleted")
		w.letSyncs()
		w.settle()
		w.wantVisited("its markers are reported")
	})
}
