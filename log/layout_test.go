package log

import (
	"bytes"
	"testing"
)

// What a write that fails half way has made an entry is told by the bytes that
// it lacks: where they are zeros the entry is there, as a start would find it.
func TestWhole(t *testing.T) {
	t.Parallel()
	entry := func(size, zeros int) []byte {
		return append(bytes.Repeat([]byte{1}, size-zeros), make([]byte, zeros)...)
	}
	w := &writer{}
	for _, size := range []uint32{104, 200, 112} {
		w.group.entries = append(w.group.entries, groupEntry{header: entryHeader{Size: size}})
	}
	w.scratch.bufs = [][]byte{entry(96, 0), entry(8, 0), entry(100, 0), entry(95, 3), make([]byte, 5), entry(112, 0)}
	for n, want := range map[int]int{
		0: 0, 103: 0, 104: 1, 200: 1, 295: 1, 296: 2, 299: 2, 303: 2, 304: 2, 415: 2, 416: 3,
	} {
		if got := w.whole(0, 3, n, 1000); got != want {
			t.Errorf("%d bytes are written: entry %d is the first that is not whole, want %d", n, got, want)
		}
	}
	// Where the file ends, the zeros are not there.
	for behind, want := range map[int]int{0: 1, 5: 1, 6: 2, 7: 2} {
		if got := w.whole(0, 3, 298, behind); got != want {
			t.Errorf("the file goes on for %d bytes: entry %d is the first that is not whole, want %d", behind, got, want)
		}
	}
}
