package vfs

import (
	"io"
	"io/fs"

	"golang.org/x/sys/unix"
)

// memFile is an open file of a Mem.
type memFile struct {
	disk     *Mem
	ino      *inode
	name     string
	writable bool
	closed   bool // guarded by the disk's mutex
}

// with runs f under the disk's lock if the file is still alive.
func (f *memFile) with(op string, write bool, do func() error) error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	switch {
	case f.disk.mu.dead:
		return pathError(op, f.name, ErrDead)
	case f.closed:
		return pathError(op, f.name, fs.ErrClosed)
	case write && !f.writable:
		return pathError(op, f.name, unix.EBADF)
	}
	if err := do(); err != nil {
		return pathError(op, f.name, err)
	}
	return nil
}

// ReadAt implements io.ReaderAt.
func (f *memFile) ReadAt(p []byte, off int64) (n int, err error) {
	eof := false
	err = f.with("read", false, func() error {
		if off < 0 {
			return unix.EINVAL
		}
		n = int(max(0, min(int64(len(p)), f.ino.cacheSize-off)))
		eof = n < len(p)
		f.ino.read(p[:n], off)
		return nil
	})
	if err == nil && eof {
		err = io.EOF
	}
	return n, err
}

// ReadAtCached implements File; all of a Mem is in memory. Use a Fault to be
// told otherwise.
func (f *memFile) ReadAtCached(p []byte, off int64) (int, error) { return f.ReadAt(p, off) }

// WriteAt implements io.WriterAt.
func (f *memFile) WriteAt(p []byte, off int64) (n int, err error) {
	err = f.with("write", true, func() error {
		n, err = f.writeLocked(p, off)
		return err
	})
	return n, err
}

// writeLocked writes what fits, as real disks do.
func (f *memFile) writeLocked(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, unix.EINVAL
	}
	n = len(p)
	if grow := off + int64(n) - f.ino.cacheSize; grow > 0 && !f.ino.unlinked {
		if free := f.disk.freeLocked(); grow > free {
			n = int(max(0, int64(n)-(grow-free)))
		}
	}
	f.ino.write(p[:n], off)
	if n < len(p) {
		return n, ErrNoSpace
	}
	return n, nil
}

// WritevAt implements File. Kill and PowerCut do not come in the middle: the
// writer would else be told of an error although its bytes are all there but
// for the last.
func (f *memFile) WritevAt(bufs [][]byte, off int64) (done int, err error) {
	err = f.with("write", true, func() error {
		for _, b := range bufs {
			n, err := f.writeLocked(b, off+int64(done))
			done += n
			if err != nil {
				return err
			}
		}
		return nil
	})
	return done, err
}

// Datasync implements File.
func (f *memFile) Datasync() error {
	return f.with("sync", false, func() error {
		if !f.disk.mu.lies {
			f.ino.sync()
		}
		return nil
	})
}

// failSync is what a Fault does instead of a sync that it lets fail.
func (f *memFile) failSync() {
	// On a dead disk there is nothing left to lose.
	_ = f.with("sync", false, func() error {
		f.ino.failSync()
		return nil
	})
}

// Allocate implements File.
func (f *memFile) Allocate(off, n int64) error {
	return f.with("allocate", true, func() error {
		if off < 0 || n <= 0 {
			return unix.EINVAL
		}
		grow := off + n - f.ino.cacheSize
		if grow <= 0 {
			return nil
		}
		if !f.ino.unlinked && grow > f.disk.freeLocked() {
			return ErrNoSpace
		}
		f.ino.resize(off + n)
		return nil
	})
}

// Truncate implements File.
func (f *memFile) Truncate(size int64) error {
	return f.with("truncate", true, func() error {
		switch {
		case size < 0:
			return unix.EINVAL
		case size != f.ino.cacheSize:
			f.ino.resize(size)
		}
		return nil
	})
}

// Size implements File.
func (f *memFile) Size() (size int64, err error) {
	err = f.with("stat", false, func() error {
		size = f.ino.cacheSize
		return nil
	})
	return size, err
}

// NextData implements File.
func (f *memFile) NextData(off int64) (from, to int64, err error) {
	err = f.with("seek data", false, func() error {
		if off < 0 {
			return unix.EINVAL
		}
		list, size := f.ino.cache, f.ino.cacheSize
		s := off / sectorSize
		for s < int64(len(list)) && list[s] == nil {
			s++
		}
		from = max(off, s*sectorSize)
		for s < int64(len(list)) && list[s] != nil {
			s++
		}
		to = min(s*sectorSize, size)
		return nil
	})
	if err == nil && from >= to {
		return off, off, io.EOF
	}
	return from, to, err
}

// Cached implements File.
func (f *memFile) Cached(_, n int64) (bytes int64, ok bool) { return n, true }

// ReadAhead implements File.
func (f *memFile) ReadAhead(_, _ int64) {}

// DropCache implements File.
func (f *memFile) DropCache(_, _ int64) {}

// Descriptor implements File.
func (f *memFile) Descriptor() (fd uintptr, ok bool) { return 0, false }

// Close implements io.Closer.
func (f *memFile) Close() error {
	return f.with("close", false, func() error {
		f.closed = true
		return nil
	})
}
