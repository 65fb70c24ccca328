package log

import (
	"errors"
	"io"

	"github.com/mainstem-mq/mainstem/internal/vfs"
)

const (
	// quietChunk is how much a quiet reader reads between two looks at the clock.
	quietChunk = 256 << 10

	// Those who read from the disk for themselves, among the clients that the gate
	// knows.
	scrubKey    = ^uint64(0)
	compactKey  = scrubKey - 1
	relocateKey = scrubKey - 2
)

// quietFile reads a segment from one end to the other, as the scrub and
// relocation do, so that nobody else notices: it takes turns at the gate, and
// leaves the page cache as it was.
type quietFile struct {
	vfs.File
	lane *coldLane
	key  uint64
	pace func(n int) bool // waits until n more bytes may be read; false: the log is being closed
}

// ReadAt implements io.ReaderAt.
func (f *quietFile) ReadAt(p []byte, off int64) (int, error) {
	for done := 0; done < len(p); {
		part := p[done:min(done+quietChunk, len(p))]
		if !f.pace(len(part)) {
			return done, io.EOF
		}
		n, err := f.chunk(part, off+int64(done))
		if done += n; err != nil {
			return done, err
		}
	}
	return len(p), nil
}

func (f *quietFile) chunk(p []byte, off int64) (n int, err error) {
	there := inCache(f.File, off, len(p))
	if there == len(p) {
		if n, err = f.ReadAtCached(p, off); !errors.Is(err, vfs.ErrWouldBlock) {
			return n, err //nolint:wrapcheck // It is a file.
		}
		there = n
	}
	from := off + int64(n)
	for err = nil; err == nil && n < len(p); {
		turn, m := f.lane.gate.enter(f.key, len(p)-n)
		f.ReadAhead(off+int64(n), int64(m))
		m, err = f.File.ReadAt(p[n:n+m], off+int64(n))
		f.lane.gate.leave(turn)
		n += m
	}
	if there <= len(p)/2 { // else it is there for others
		dropPages(f.File, from, off+int64(len(p)))
	}
	return n, err //nolint:wrapcheck // It is a file.
}

// dropPages takes [from, to), which is read or written from front to end, out of
// the page cache: with the page in which it begins, but not the one in which it
// ends and what comes next begins.
func dropPages(f vfs.File, from, to int64) {
	from, to = from-from%padBlock, to-to%padBlock
	if from < to {
		f.DropCache(from, to-from)
	}
}

// shadow is a chain of a segment alone, read through another file and up to a
// Position. The next one is there to tell where it ends, and holds nothing.
func (s *segment) shadow(file vfs.File, next *segment, to Position) chain {
	c := chain{{segmentHeader: s.segmentHeader, name: s.name, file: file, repaired: s.repaired}}
	c[0].size.Store(s.offset(min(to, s.limit())))
	if next != nil {
		c = append(c, &segment{segmentHeader: next.segmentHeader, name: next.name, file: file})
		c[1].size.Store(segmentHeaderSize)
	}
	return c
}
