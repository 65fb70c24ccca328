package log

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"path"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// segments owns the chain and makes new segments.
//
// Making one is two steps, so that the writer waits for the second only: a
// file of the full size is allocated under a temporary name in the background
// when the newest segment is half full; once its first Position is known it
// gets its header and its name.
type segments struct {
	fs    vfs.FS
	dir   string
	bytes int64  // of a new segment
	temp  string // begins the temporary names
	// lazy is set where files grow as they are written: nobody waits for it.
	lazy bool
	// starts is the count of unclean starts, for the headers of new segments.
	starts uint32
	// frugal is set while recovery makes its segment: a broker on a full disk
	// must start, or nobody could delete anything, so what cannot be reserved
	// is not; appends are refused as long as there is no room.
	frugal bool

	chain atomic.Pointer[chain]

	mu struct { // guards replacing chain, and the spare
		sync.Mutex
		spare    *spareSegment
		temps    int // temporary names given out in this life
		stopping bool
		making   sync.WaitGroup
		busy     bool
		// refused: the last preparation failed. On a full disk it would again,
		// with every group.
		refused bool
	}
}

// spareSegment is an allocated file without header or final name.
type spareSegment struct {
	name string // within the directory
	file vfs.File
}

func newSegments(fs vfs.FS, dir string, bytes int64) *segments {
	s := &segments{fs: fs, dir: dir, bytes: bytes, temp: "next"}
	s.chain.Store(&chain{})
	return s
}

// all is the chain as it is now.
func (s *segments) all() chain { return *s.chain.Load() }

// newSalt draws what tells this segment's entries from those of any other.
func newSalt() uint32 {
	var b [4]byte
	// crypto/rand.Read never fails since Go 1.24: it crashes the process instead.
	_, _ = rand.Read(b[:])
	return binary.LittleEndian.Uint32(b[:])
}

// pin finds the segment of p and holds it; nil if retention has taken it.
func (s *segments) pin(p Position) *segment {
	for {
		seg := s.all().find(p)
		if seg == nil || p >= seg.limit() {
			return nil
		}
		if seg.acquire() {
			return seg
		}
		// It was closed between the look and the hold; the chain has changed.
	}
}

// roll makes the segment that starts at first and appends it to the chain,
// durably: its entries may be written when roll returns. A segment that starts
// at first already (it has no good entry) is replaced.
//
// An error leaves all as it was; that of an fsync has latched the log.
func (s *segments) roll(first Position) (*segment, error) {
	header := segmentHeader{First: first, Salt: newSalt(), Generation: 1, IsFirst: true, PreviousEnd: first, UncleanStarts: s.starts}
	c := s.all()
	if n := len(c); n > 0 {
		last := c[n-1]
		header.Generation = last.Generation + 1
		if last.First == first {
			header.IsFirst, header.PreviousSalt = last.IsFirst, last.PreviousSalt
		} else {
			header.IsFirst, header.PreviousSalt = false, last.Salt
		}
	}
	spare, err := s.takeSpare()
	if err != nil {
		return nil, err
	}
	seg, err := s.finish(spare, header)
	if err != nil {
		return nil, errors.Join(err, s.discard(spare))
	}
	s.append(seg)
	return seg, nil
}

// finish gives a spare file its header and its name.
func (s *segments) finish(spare *spareSegment, header segmentHeader) (*segment, error) {
	name := header.name()
	if _, err := spare.file.WriteAt(header.encode(), 0); err != nil {
		return nil, fmt.Errorf("write segment header: %w", err)
	}
	if err := spare.file.Datasync(); err != nil {
		return nil, fmt.Errorf("sync segment %s: %w", name, err)
	}
	if err := s.fs.Rename(path.Join(s.dir, spare.name), path.Join(s.dir, name)); err != nil {
		return nil, fmt.Errorf("name segment: %w", err)
	}
	if err := s.fs.SyncDir(s.dir); err != nil {
		return nil, fmt.Errorf("sync directory of segment %s: %w", name, err)
	}
	seg := &segment{segmentHeader: header, name: name, file: spare.file}
	seg.size.Store(s.bytes)
	seg.refs.Store(1)
	return seg, nil
}

// append adds a segment to the chain, in place of one with the same start that
// ends it.
func (s *segments) append(seg *segment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.all()
	if n := len(old); n > 0 && old[n-1].First == seg.First {
		replaced := old[n-1]
		old = old[:n-1]
		defer replaced.Release()
	}
	// Two who make segments of the cold log at once may come out of turn.
	c := slices.Insert(slices.Clone(old), old.index(seg.First)+1, seg)
	s.chain.Store(&c)
}

// remove takes those of these segments that are in the chain out of it. Their files are closed once the last
// answer that holds them is written.
func (s *segments) remove(gone map[*segment]bool) {
	s.mu.Lock()
	old := s.all()
	c := make(chain, 0, len(old))
	var left []*segment
	for _, seg := range old {
		if gone[seg] {
			left = append(left, seg)
		} else {
			c = append(c, seg)
		}
	}
	s.chain.Store(&c)
	s.mu.Unlock()
	for _, seg := range left {
		seg.Release()
	}
}

// prepare allocates the next file in the background unless one is there.
func (s *segments) prepare() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.stopping || s.mu.busy || s.mu.refused || s.mu.spare != nil {
		return
	}
	s.mu.busy = true
	name := s.tempNameLocked()
	s.mu.making.Go(func() {
		// A failure here is not yet one: the writer tries again when it needs
		// the file, and reports then.
		spare, err := s.allocate(name)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.mu.busy = false
		if s.mu.refused = err != nil; !s.mu.refused {
			s.mu.spare = spare
		}
	})
}

// takeSpare returns the prepared file, or makes one.
func (s *segments) takeSpare() (*spareSegment, error) {
	// One that is being made is waited for: a second one may not find room.
	s.mu.making.Wait()
	s.mu.Lock()
	spare, name := s.mu.spare, s.tempNameLocked()
	s.mu.spare, s.mu.refused = nil, false
	s.mu.Unlock()
	if spare != nil {
		return spare, nil
	}
	return s.allocate(name)
}

func (s *segments) tempNameLocked() string {
	s.mu.temps++
	return fmt.Sprintf("%s-%d%s", s.temp, s.mu.temps, tempSuffix)
}

// allocate makes a file of the full size, if the file system can.
func (s *segments) allocate(name string) (*spareSegment, error) {
	f, err := s.fs.Create(path.Join(s.dir, name))
	if err != nil {
		return nil, fmt.Errorf("create segment: %w", err)
	}
	spare := &spareSegment{name: name, file: f}
	if s.lazy {
		return spare, nil
	}
	err = f.Allocate(0, s.bytes)
	if err != nil && !errors.Is(err, vfs.ErrNotSupported) && (!s.frugal || !vfs.IsNoSpace(err)) {
		return nil, errors.Join(fmt.Errorf("allocate segment: %w", err), s.discard(spare))
	}
	return spare, nil
}

// discard removes a file that never held an entry.
func (s *segments) discard(spare *spareSegment) error {
	return errors.Join(spare.file.Close(), s.fs.Remove(path.Join(s.dir, spare.name)))
}

// close waits for the preparation and gives up the spare and the chain's holds.
func (s *segments) close() error {
	s.mu.Lock()
	s.mu.stopping = true
	s.mu.Unlock()
	s.mu.making.Wait()
	s.mu.Lock()
	spare := s.mu.spare
	s.mu.spare = nil
	s.mu.Unlock()
	var err error
	if spare != nil {
		err = s.discard(spare)
	}
	for _, seg := range s.all() {
		seg.Release()
	}
	s.chain.Store(&chain{})
	return err
}
