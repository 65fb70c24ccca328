package log

import (
	"errors"
	"fmt"

	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// Reader is who reads. The disk is shared evenly among those that differ in
// Key, whatever each asks for. It belongs to one goroutine at a time.
type Reader struct {
	Key uint64
	// FromDisk counts the bytes that had to be read from the disk for it.
	FromDisk int64
}

// key is 0 for who did not say: they are one.
func (r *Reader) key() uint64 {
	if r == nil {
		return 0
	}
	return r.Key
}

func (r *Reader) took(n int) {
	if r != nil {
		r.FromDisk += int64(n)
	}
}

// fill reads b, from the page cache if it is there and else from the disk.
func (c *coldLane) fill(who *Reader, seg *segment, at Position, b []byte, step aheadStep) error {
	off, n, stays := seg.offset(at), 0, step.shared
	there := step.there
	switch {
	case step.cached:
		there = len(b)
	case !step.asked:
		there = inCache(seg.file, off, len(b))
	}
	// The kernel takes a read that must not wait as a reason to read, and much
	// more than was asked for. So it is asked only for what is there.
	if there == len(b) {
		var err error
		if n, err = seg.file.ReadAtCached(b, off); err == nil {
			return nil
		} else if !errors.Is(err, vfs.ErrWouldBlock) {
			return readError(err)
		}
	} else if there > len(b)/2 {
		stays = true // for others, who have it there
	}
	if err := c.fetch(who, seg.file, off+int64(n), b[n:]); err != nil {
		return err
	}
	if !stays {
		c.leave(extent{place{seg.Log, at + Position(n)}, len(b) - n})
	}
	return nil
}

// inCache is how much of a range is in the page cache, as far as the system can
// tell without reading; where it can not, it has to be tried.
func inCache(f vfs.File, off int64, n int) int {
	bytes, ok := f.Cached(off, int64(n))
	if !ok {
		return n
	}
	return int(bytes)
}

// fetch reads b from the disk, piece by piece as the gate lets it.
func (c *coldLane) fetch(who *Reader, f vfs.File, off int64, b []byte) error {
	for len(b) > 0 {
		n, err := c.turn(who, f, off, len(b), func(n int) error {
			_, err := f.ReadAt(b[:n], off)
			return err
		})
		if err != nil {
			return err
		}
		off, b = off+int64(n), b[n:]
	}
	return nil
}

// warm brings a range into the page cache. It is read and forgotten, so that
// an error of the disk shows.
func (c *coldLane) warm(who *Reader, f vfs.File, off int64, n int) error {
	scratch, err := c.scratch()
	if err != nil {
		return fmt.Errorf("memory for a read: %w", err)
	}
	defer scratch.Release()
	for n > 0 {
		done, err := c.turn(who, f, off, n, func(n int) error {
			for at := 0; at < n; at += len(scratch.B) {
				if _, err := f.ReadAt(scratch.B[:min(n-at, len(scratch.B))], off+int64(at)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		off, n = off+int64(done), n-done
	}
	return nil
}

// turn waits for a turn and reads as much of want as may be read in it.
func (c *coldLane) turn(who *Reader, f vfs.File, off int64, want int, read func(n int) error) (int, error) {
	turn, n := c.gate.enter(who.key(), want)
	// Told what is wanted, the kernel reads that and no more: what it reads
	// ahead by itself, up to many MiB, would be in the way of syncs.
	f.ReadAhead(off, int64(n))
	err := read(n)
	c.gate.leave(turn)
	if err != nil {
		return 0, readError(err)
	}
	c.reads.Add(1)
	c.bytes.Add(uint64(n))
	who.took(n)
	return n, nil
}

// leave has what was read from the disk leave the page cache after a while.
func (c *coldLane) leave(x extent) {
	for _, old := range c.behind.add(x) {
		c.drop(old)
	}
}

// drop takes a range out of the page cache, but for the end of the log.
func (c *coldLane) drop(x extent) {
	if x.at.log == mainLog && x.at.at+Position(x.n)+c.behind.spare > c.written() {
		return
	}
	if seg := c.segmentsOf(x.at.log).pin(x.at.at); seg != nil {
		seg.file.DropCache(seg.offset(x.at.at), int64(x.n))
		seg.Release()
	}
}
