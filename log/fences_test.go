package log

import "testing"

// TestKeptOnlyOnce: a start that meets damage does not know whether an earlier one
// counted it, and a segment cannot hold more than its file: it would be taken for
// one that has lost its end.
func TestKeptOnlyOnce(t *testing.T) {
	t.Parallel()
	s := &segment{segmentHeader: segmentHeader{First: 4096}}
	s.size.Store(segmentHeaderSize + 10_000)
	s.held.Store(6000)
	s.live.Store(100)
	var f fences
	for range 5 {
		f.keep(chain{s}, PositionRange{5000, 8000})
	}
	if held, live := s.held.Load(), s.live.Load(); held != 10_000-entryHeaderSize || live > held || live < 3100 {
		t.Errorf("%d bytes held, %d of them live", held, live)
	}
}
