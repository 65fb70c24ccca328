package log

import "sync"

const (
	// aheadBlock is what is read from the disk at once where many readers meet.
	aheadBlock = 1 << 20
	// aheadPieceMax is the largest read that is part of this: one that is larger
	// is worth its own.
	aheadPieceMax = aheadBlock / 4
	// aheadBlocks is how many blocks are known to be in the page cache; those
	// that were read ahead are taken out of it at the end, so it is also how
	// much of the page cache old data gets: half a GiB.
	aheadBlocks = 512
	// aheadReach is how far along the log one partition of an answer goes while
	// its neighbours are read ahead.
	aheadReach = 64 << 20
	// touchesMin is how many reads of one block make it worth a look, and
	// touchesMax how many do when the last ones were read ahead in vain: by then
	// most of what is wanted of it has been read.
	touchesMin, touchesMax = 2, 32
	// touchedMax is how many blocks are remembered with fewer.
	touchedMax = 4096
	// scanTouches is after how many reads, of which none had a block read ahead,
	// a scan is over: one for each piece of 4 KiB of a block.
	scanTouches = aheadBlock / (4 << 10)
)

// ahead knows where in the log many readers meet. Who consumes thousands of
// partitions asks for small pieces all over the log, and together they are the
// whole of it: each by itself costs as much as a MiB does. So a block that
// several of them read is brought into the page cache as a whole, and stays
// there until too many came after it. A reader of one partition among thousands
// takes one piece of a block and then goes far away: nothing is read for it
// that it did not ask for.
//
// Whether it was worth it shows at the block's end: if little was taken, it
// needs more reads the next time.
type ahead struct {
	mu struct {
		sync.Mutex
		blocks  map[Position]*aheadUse
		touched []Position // blocks in the order of their first read; some are gone, or known
		known   []Position // blocks in the order in which they were looked at
		need    int        // reads before a look
		scan    int        // so many more reads belong to a scan, if no block is loaded
	}
}

// aheadUse is what became of one block.
type aheadUse struct {
	last    Position // of the reads
	touches int      // since it was looked at last
	taken   int      // bytes that went to readers since then
	known   bool     // it is in the page cache, or on its way
	listed  bool     // it was looked at once
	loaded  bool     // it came into the page cache for us
}

// aheadStep is what to do about a read.
type aheadStep struct {
	look   bool     // see whether the block is in the page cache, and say so
	load   bool     // it was not: read all of it
	shared bool     // it was read for others too
	cached bool     // it is believed to be in the page cache
	asked  bool     // the system was asked how much of it is:
	there  int      // so many bytes
	over   bool     // a block that was read ahead has come to its end:
	old    Position // this one
}

func newAhead() *ahead {
	a := &ahead{}
	a.mu.blocks = make(map[Position]*aheadUse)
	a.mu.need = touchesMin
	return a
}

// blockAt is where the block begins that holds p.
func blockAt(p Position) Position { return p - p%aheadBlock }

// touch hears that n bytes of a block are about to be read. The same read may
// be told of twice.
func (a *ahead) touch(at Position, n int) aheadStep {
	block := blockAt(at)
	a.mu.Lock()
	defer a.mu.Unlock()
	u := a.mu.blocks[block]
	if u == nil {
		u = &aheadUse{}
		a.mu.blocks[block] = u
		a.rememberLocked(block)
	}
	if u.touches == 0 || u.last != at {
		a.mu.scan = max(a.mu.scan-1, 0)
		u.touches++
		u.taken += n
		u.last = at
	}
	if u.known && u.taken >= aheadBlock {
		// Others come for the same: by now it may have left the page cache.
		a.judgeLocked(u)
		u.touches, u.taken, u.known = 0, 0, false
	}
	enough := u.touches >= a.mu.need || a.mu.need == touchesMin && (a.scannedLocked(block-aheadBlock) || a.scannedLocked(block+aheadBlock))
	return aheadStep{look: !u.known && enough, shared: u.loaded, cached: u.known}
}

// scannedLocked reports whether a block is in the middle of a scan: its
// neighbours come next.
func (a *ahead) scannedLocked(block Position) bool {
	u := a.mu.blocks[block]
	return a.mu.scan > 0 && u != nil && u.known && u.loaded
}

// looked hears whether a block that touch wanted looked at is in the page cache.
func (a *ahead) looked(block Position, cached bool) (s aheadStep) {
	a.mu.Lock()
	defer a.mu.Unlock()
	u := a.mu.blocks[block]
	if u == nil || u.known {
		return aheadStep{shared: u != nil && u.loaded, cached: u != nil}
	}
	if !u.listed {
		s.old, s.over = a.listLocked(block)
	}
	u.known, u.listed, u.loaded = true, true, u.loaded || !cached
	s.shared, s.cached = u.loaded, true
	if !cached {
		s.load, a.mu.scan = true, scanTouches
	}
	return s
}

// listLocked counts a block among those that are known. There may be one whose
// place it takes.
func (a *ahead) listLocked(block Position) (old Position, over bool) {
	if len(a.mu.known) >= aheadBlocks {
		old = a.mu.known[0]
		a.mu.known = a.mu.known[1:]
		u := a.mu.blocks[old]
		a.judgeLocked(u)
		delete(a.mu.blocks, old)
		over = u.loaded
	}
	a.mu.known = append(a.mu.known, block)
	return old, over
}

// judgeLocked learns from what was taken of a block.
func (a *ahead) judgeLocked(u *aheadUse) {
	switch {
	case !u.loaded || !u.known:
	case u.taken < aheadBlock/4:
		a.mu.need = min(2*a.mu.need, touchesMax)
	case u.taken >= aheadBlock/2:
		a.mu.need = max(a.mu.need/2, touchesMin)
	}
}

// rememberLocked keeps the blocks that were touched to so many.
func (a *ahead) rememberLocked(block Position) {
	if len(a.mu.touched) >= touchedMax {
		if u := a.mu.blocks[a.mu.touched[0]]; u != nil && !u.listed {
			delete(a.mu.blocks, a.mu.touched[0])
		}
		a.mu.touched = a.mu.touched[1:]
	}
	a.mu.touched = append(a.mu.touched, block)
}

// reach is how far a reader of one partition that begins at a Position goes
// along the log in one answer. While blocks are read ahead many go side by
// side, and shall pass the same blocks at about the same time.
func (a *ahead) reach(at Position) Position {
	a.mu.Lock()
	defer a.mu.Unlock()
	together := a.mu.scan > 0
	if u := a.mu.blocks[blockAt(at)]; u != nil && u.known {
		together = u.loaded // else it was in the page cache anyway
	}
	if together {
		return at + aheadReach
	}
	return positionMax
}
