package vfs

import (
	"errors"
	"io"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	slicesMax   = 1024 // IOV_MAX of Linux
	slicesStack = 128  // how many slices go without an allocation
)

// osFile is a bare descriptor: os.File would add a poller and a finaliser that
// regular files have no use for, and its vectored writes are not reachable.
type osFile struct {
	fd   int
	name string
}

// ReadAt implements io.ReaderAt.
func (f *osFile) ReadAt(p []byte, off int64) (int, error) {
	done := 0
	for done < len(p) {
		n, err := unix.Pread(f.fd, p[done:], off+int64(done))
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return done, pathError("read", f.name, err)
		case n == 0:
			return done, io.EOF
		default:
			done += n
		}
	}
	return done, nil
}

// ReadAtCached implements File.
func (f *osFile) ReadAtCached(p []byte, off int64) (int, error) {
	done := 0
	for done < len(p) {
		iov := unix.Iovec{Base: &p[done]}
		iov.SetLen(len(p) - done)
		n, errno := f.vectored(unix.SYS_PREADV2, &iov, 1, off+int64(done), unix.RWF_NOWAIT)
		switch errno {
		case 0:
			if n == 0 {
				return done, io.EOF
			}
			done += n
		case unix.EINTR:
		case unix.EAGAIN, unix.EOPNOTSUPP, unix.ENOSYS, unix.EINVAL:
			// A file system that cannot tell counts as "not in memory".
			return done, ErrWouldBlock
		default:
			return done, pathError("read cached", f.name, errno)
		}
	}
	return done, nil
}

// WriteAt implements io.WriterAt.
func (f *osFile) WriteAt(p []byte, off int64) (int, error) {
	done := 0
	for done < len(p) {
		n, err := unix.Pwrite(f.fd, p[done:], off+int64(done))
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return done, pathError("write", f.name, err)
		case n == 0:
			return done, pathError("write", f.name, io.ErrShortWrite)
		default:
			done += n
		}
	}
	return done, nil
}

// WritevAt implements File.
func (f *osFile) WritevAt(bufs [][]byte, off int64) (int, error) {
	var small [slicesStack]unix.Iovec
	iov := small[:0]
	if len(bufs) > slicesStack {
		iov = make([]unix.Iovec, 0, min(len(bufs), slicesMax))
	}
	done, at, skip := 0, 0, 0 // bytes written; first slice not done and how much of it is
	for {
		iov = iov[:0]
		for _, b := range bufs[at:] {
			if len(iov) == cap(iov) {
				break
			}
			if len(b) > skip {
				v := unix.Iovec{Base: &b[skip]}
				v.SetLen(len(b) - skip)
				iov = append(iov, v)
			}
			skip = 0
		}
		if len(iov) == 0 {
			return done, nil
		}
		n, errno := f.vectored(unix.SYS_PWRITEV, &iov[0], len(iov), off+int64(done), 0)
		switch {
		case errno == unix.EINTR:
		case errno != 0:
			return done, pathError("write", f.name, errno)
		case n == 0:
			return done, pathError("write", f.name, io.ErrShortWrite)
		}
		done += n
		at, skip = advance(bufs, done)
	}
}

// advance finds the byte number done in bufs.
func advance(bufs [][]byte, done int) (at, skip int) {
	for at < len(bufs) && done >= len(bufs[at]) {
		done -= len(bufs[at])
		at++
	}
	return at, done
}

// vectored makes the raw call: the wrappers of x/sys build their vectors on
// the heap, and every Produce and many a Fetch come this way.
func (f *osFile) vectored(trap uintptr, iov *unix.Iovec, n int, off int64, flags uintptr) (int, unix.Errno) {
	done, _, errno := unix.Syscall6(trap, uintptr(f.fd), uintptr(unsafe.Pointer(iov)), uintptr(n),
		uintptr(off), 0, flags)
	if errno != 0 {
		return 0, errno
	}
	return int(done), 0
}

// Datasync implements File. Not even an interrupted one is tried again.
func (f *osFile) Datasync() error { return pathError("sync", f.name, unix.Fdatasync(f.fd)) }

// Allocate implements File.
func (f *osFile) Allocate(off, n int64) error {
	err := retry(func() error { return unix.Fallocate(f.fd, 0, off, n) })
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		err = ErrNotSupported
	}
	return pathError("allocate", f.name, err)
}

// Truncate implements File.
func (f *osFile) Truncate(size int64) error {
	return pathError("truncate", f.name, retry(func() error { return unix.Ftruncate(f.fd, size) }))
}

// Size implements File.
func (f *osFile) Size() (int64, error) {
	var st unix.Stat_t
	if err := retry(func() error { return unix.Fstat(f.fd, &st) }); err != nil {
		return 0, pathError("stat", f.name, err)
	}
	return st.Size, nil
}

// NextData implements File. What is reserved and was never written counts as a
// hole, also with pages of it in memory that are not yet on the disk: those are
// data.
func (f *osFile) NextData(off int64) (from, to int64, err error) {
	if from, err = f.seek(off, unix.SEEK_DATA); err != nil {
		return off, off, err
	}
	to, err = f.seek(from, unix.SEEK_HOLE)
	if to <= from {
		to, err = f.Size() // it can not tell
	}
	if err == nil && to <= off {
		err = io.EOF
	}
	return from, to, err
}

// seek finds data or a hole; off itself where the file system can not tell.
func (f *osFile) seek(off int64, whence int) (at int64, err error) {
	err = retry(func() error {
		at, err = unix.Seek(f.fd, off, whence)
		return err
	})
	switch {
	case err == nil:
		return max(at, off), nil
	case errors.Is(err, unix.ENXIO):
		return off, io.EOF
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOSYS):
		return off, nil
	}
	return off, pathError("seek data", f.name, err)
}

// Cached implements File.
func (f *osFile) Cached(off, n int64) (bytes int64, ok bool) {
	if n <= 0 {
		return 0, true // the kernel takes 0 for all that follows
	}
	var st unix.Cachestat_t
	r := unix.CachestatRange{Off: uint64(off), Len: uint64(n)}
	if err := unix.Cachestat(uint(f.fd), &r, &st, 0); err != nil {
		return 0, false // Linux knows it since 6.5
	}
	page := int64(os.Getpagesize())
	missing := (off+n-1)/page - off/page + 1 - int64(st.Cache)
	return max(0, n-missing*page), true
}

// ReadAhead implements File.
func (f *osFile) ReadAhead(off, n int64) {
	// A hint: without it each reader asks the disk.
	_ = unix.Fadvise(f.fd, off, n, unix.FADV_WILLNEED)
}

// DropCache implements File.
func (f *osFile) DropCache(off, n int64) {
	// A hint: without it only memory is used longer.
	_ = unix.Fadvise(f.fd, off, n, unix.FADV_DONTNEED)
}

// Descriptor implements File.
func (f *osFile) Descriptor() (fd uintptr, ok bool) { return uintptr(f.fd), true }

// Close implements io.Closer.
func (f *osFile) Close() error {
	fd := f.fd
	f.fd = -1 // a use after Close fails instead of reaching another file
	if fd < 0 {
		return pathError("close", f.name, unix.EBADF)
	}
	return pathError("close", f.name, unix.Close(fd))
}
