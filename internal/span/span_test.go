package span

import (
	"testing"

	"github.com/mainstem-mq/mainstem/internal/vfs"
)

type countingPin struct{ released int }

func (p *countingPin) Release() { p.released++ }

func TestListMergesAdjoiningRanges(t *testing.T) {
	disk := vfs.NewMem()
	f, _ := fileOf(t, disk, "/f", 100)
	g, _ := fileOf(t, disk, "/g", 100)
	var l List
	l.AddFile(f, 0, 10)
	l.AddFile(f, 10, 10) // adjoins
	l.AddFile(f, 21, 10) // a gap
	l.AddFile(g, 31, 10) // another file
	l.AddFile(g, 41, 0)  // nothing
	l.AddMem(nil)        // nothing
	l.AddMem([]byte("m"))
	l.AddFile(g, 41, 10) // adjoins, but not in the list
	want := []int{20, 10, 10, 1, 10}
	if len(l.Spans()) != len(want) || l.Len() != 51 {
		t.Fatalf("%d spans of %d bytes", len(l.Spans()), l.Len())
	}
	for i, s := range l.Spans() {
		if s.N != want[i] {
			t.Errorf("span %d has %d bytes, want %d", i, s.N, want[i])
		}
	}
}

func TestPinsAreReleasedOnceForEachTimeAdded(t *testing.T) {
	var a, b List
	pin, other := &countingPin{}, &countingPin{}
	a.AddPin(pin)
	a.AddPin(pin)
	b.AddPin(other)
	b.AddMem([]byte("b"))
	a.Append(&b)
	b.Release()
	if other.released != 0 || b.Len() != 0 {
		t.Fatal("an emptied list released what it gave away")
	}
	a.Release()
	a.Release()
	if pin.released != 2 || other.released != 1 {
		t.Fatalf("released %d and %d times, want 2 and 1", pin.released, other.released)
	}
	if a.Len() != 0 || len(a.Spans()) != 0 {
		t.Fatal("a released list is not empty")
	}
}
