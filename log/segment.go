package log

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"sort"
	"sync/atomic"

	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// segment is one open file of the CommitLog.
//
// Its descriptor is open while anybody holds it: the chain while it is part of
// the log, a read while its answer is on the way to a socket. The file may
// have lost its name by then.
type segment struct {
	segmentHeader

	name string
	file vfs.File
	size atomic.Int64 // bytes that may be used, the header included; falls when the successor goes
	refs atomic.Int32 // 0: closed
	live atomic.Int64 // bytes of batches that a reader may still ask for
	held atomic.Int64 // bytes of all its batches, as far as this log has met them
	// repaired says that the header on disk is damaged, and what recovery needs
	// of it was found elsewhere.
	repaired bool
	// lostTo is how far one of the cold log may have reached whose file has lost its
	// end; 0: it has not, as far as is known.
	lostTo Position
}

// segmentRange is a segment and what of it is part of the log.
type segmentRange struct {
	*segment
	End Position
}

// offset is where in the file a Position stands.
func (s *segment) offset(p Position) int64 { return segmentHeaderSize + int64(p-s.First) }

// taken is how much of the disk the segment takes. Those of the main log are
// made as large as they may get; those of the cold log grow.
func (s *segment) taken() int64 {
	if s.Log != mainLog && s.acquire() {
		defer s.Release()
		if n, err := s.file.Size(); err == nil {
			return n
		}
	}
	return s.size.Load()
}

// limit is the Position behind the last byte that may be used.
func (s *segment) limit() Position { return s.First + Position(s.size.Load()-segmentHeaderSize) }

// trim cuts the file at a Position, durably: nothing of the log stands behind
// it.
func (s *segment) trim(end Position) error {
	if err := s.file.Truncate(s.offset(end)); err != nil {
		return fmt.Errorf("trim %s: %w", s.name, err)
	}
	if err := s.file.Datasync(); err != nil {
		return fmt.Errorf("trim %s: %w", s.name, err)
	}
	s.size.Store(s.offset(end))
	return nil
}

// acquire adds a holder unless the last one has let go already.
func (s *segment) acquire() bool {
	for {
		n := s.refs.Load()
		if n == 0 {
			return false
		}
		if s.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// Release removes a holder; it implements span.Pin.
func (s *segment) Release() {
	if s.refs.Add(-1) > 0 {
		return
	}
	// A descriptor that was only read, or whose bytes are synced or given up:
	// nothing is lost if closing it fails, and nobody is there to be told.
	_ = s.file.Close()
}

// chain is the segments of the log in order. It is immutable: a change makes a
// new one, so that readers take no lock.
type chain []*segment

// find returns the segment that holds p, or nil.
func (c chain) find(p Position) *segment {
	if i := c.index(p); i >= 0 {
		return c[i]
	}
	return nil
}

// index is the place in the chain of the segment that holds p; -1 if there is none.
func (c chain) index(p Position) int {
	return sort.Search(len(c), func(i int) bool { return c[i].First > p }) - 1
}

// before is the segment in front of s, or nil.
func (c chain) before(s *segment) *segment {
	if i := c.index(s.First); i > 0 {
		return c[i-1]
	}
	return nil
}

// after is the segment behind s, or nil.
func (c chain) after(s *segment) *segment {
	if i := c.index(s.First) + 1; i < len(c) {
		return c[i]
	}
	return nil
}

// end is where segment i ends if the log is written up to written.
func (c chain) end(i int, written Position) Position {
	if i+1 < len(c) {
		return min(c[i+1].First, c[i].limit())
	}
	return written
}

// covers reports whether a part of r is of the chain, be it that a file has lost it.
func (c chain) covers(r PositionRange) bool {
	for i := max(c.index(r.From), 0); i < len(c) && c[i].First < r.To; i++ {
		end := c[i].limit()
		if i+1 < len(c) && c[i+1].PreviousSalt == c[i].Salt {
			end = c[i+1].First
		}
		if r.From < max(end, c[i].lostTo) {
			return true
		}
	}
	return false
}

// endOf is where a segment ends if the log is written up to written; nothing
// of it counts if it is no part of the log any more.
func (c chain) endOf(s *segment, written Position) Position {
	i := c.index(s.First)
	if i < 0 || c[i] != s {
		return s.First
	}
	return c.end(i, written)
}

// last is the newest segment.
func (c chain) last() *segment { return c[len(c)-1] }

// between returns what of the chain lies in [from, to), in order.
func (c chain) between(from, to Position) []segmentRange {
	var out []segmentRange
	for i, s := range c {
		if end := c.end(i, to); end > from && s.First < to {
			out = append(out, segmentRange{s, min(end, to)})
		}
	}
	return out
}

// openSegment opens a segment file and reads its header. On a header that is
// damaged, or can not be read, it still returns the open file, with what the
// name says and the error.
func openSegment(fsys vfs.FS, dir, name string) (*segment, error) {
	named, ok := parseColdName(name)
	if !ok {
		if named.First, ok = parseSegmentName(name); !ok {
			return nil, fmt.Errorf("open segment %s: %w", name, fs.ErrInvalid)
		}
	}
	f, err := fsys.OpenWritable(path.Join(dir, name))
	if err != nil {
		return nil, fmt.Errorf("open segment: %w", err)
	}
	size, err := f.Size()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("size of segment: %w", err), f.Close())
	}
	s := &segment{name: name, file: f}
	s.size.Store(max(size, segmentHeaderSize))
	s.refs.Store(1)
	b := make([]byte, min(size, segmentHeaderUsed))
	if _, err = f.ReadAt(b, 0); err == nil {
		s.segmentHeader, err = decodeSegmentHeader(b)
	}
	if err == nil && (s.First != named.First || s.Log != named.Log) {
		err = fmt.Errorf("%w: the name says %d, the header %s", errSegmentFields, named.First, s.segmentHeader.name())
	}
	if err != nil {
		s.segmentHeader = named
		return s, fmt.Errorf("segment %s: %w", name, err)
	}
	return s, nil
}
