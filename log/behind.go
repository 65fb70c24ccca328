package log

import "sync"

const (
	// behindBytes is how much of what cold reads brought into the page cache
	// stays there, for others who read the same shortly after.
	behindBytes = 64 << 20
	// behindRanges bounds the ranges that this is remembered as.
	behindRanges = 4096
	// behindSpare is how much of the log's end is never dropped: it is what live
	// consumers read, if one falls a little behind.
	behindSpare = 64 << 20
)

// behind remembers what cold reads brought into the page cache, and what of it
// has to leave again: else the reader of a long backlog drives out of memory
// what others are about to read, of which it reads each byte once.
type behind struct {
	budget int      // bytes that stay
	spare  Position // of the log's end, never dropped

	mu struct {
		sync.Mutex
		ranges []extent // oldest first
		bytes  int
	}
}

func newBehind() *behind { return &behind{budget: behindBytes, spare: behindSpare} }

// add remembers a range that was read from the disk, and returns those whose
// time is over.
func (b *behind) add(x extent) (over []extent) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.bytes += x.n
	if n := len(b.mu.ranges); n > 0 && b.mu.ranges[n-1].end() == x.at && b.mu.ranges[n-1].n < aheadBlock {
		b.mu.ranges[n-1].n += x.n
	} else {
		b.mu.ranges = append(b.mu.ranges, x)
	}
	for b.mu.bytes > b.budget || len(b.mu.ranges) > behindRanges {
		over = append(over, b.mu.ranges[0])
		b.mu.bytes -= b.mu.ranges[0].n
		b.mu.ranges = b.mu.ranges[1:]
	}
	return over
}
