package span

import (
	"errors"
	"io"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	slicesMax   = 1024    // IOV_MAX of Linux
	slicesKept  = 128     // how large an idle connection's vector may be
	sendfileMax = 1 << 30 // below the kernel's limit of a call
)

// errNoSendfile says that a file must be read instead.
var errNoSendfile = errors.New("file cannot be sent by the kernel")

// vector is the reused argument of writev.
type vector struct{ iov []unix.Iovec }

// fill takes the memory spans from the cursor on, and returns the index of the
// first span that is not among them.
func (v *vector) fill(c *cursor) (next int) {
	v.iov = v.iov[:0]
	off := c.off
	for next = c.i; next < len(c.spans) && len(v.iov) < slicesMax; next++ {
		b := c.spans[next].Mem
		if b == nil {
			break
		}
		iov := unix.Iovec{Base: &b[off]}
		iov.SetLen(len(b) - off)
		v.iov = append(v.iov, iov)
		off = 0
	}
	return next
}

// clear forgets the memory pointed at.
func (v *vector) clear() {
	clear(v.iov)
	v.iov = v.iov[:0]
	if cap(v.iov) > slicesKept {
		v.iov = nil
	}
}

// send writes the vector; more says that other bytes follow at once, so that
// the kernel does not send a header alone in a packet.
func (v *vector) send(fd int, more bool) (int, error) {
	if more {
		return sendMore(fd, v.iov)
	}
	n, _, errno := unix.Syscall(unix.SYS_WRITEV, uintptr(fd), uintptr(unsafe.Pointer(&v.iov[0])), uintptr(len(v.iov)))
	if errno != 0 {
		return 0, errnoError(errno)
	}
	return int(n), nil
}

func sendMore(fd int, iov []unix.Iovec) (int, error) {
	msg := unix.Msghdr{Iov: &iov[0]}
	msg.SetIovlen(len(iov))
	n, _, errno := unix.Syscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&msg)), unix.MSG_MORE|unix.MSG_NOSIGNAL)
	if errno != 0 {
		return 0, errnoError(errno)
	}
	return int(n), nil
}

// sendfile moves n bytes of in at off to fd. The offset is always explicit:
// two answers read the same descriptor at once.
func sendfile(fd int, in uintptr, off int64, n int) (int, error) {
	sent, err := unix.Sendfile(fd, int(in), &off, min(n, sendfileMax))
	switch {
	case err == nil && sent == 0:
		return 0, io.ErrUnexpectedEOF // the file is shorter than the list says
	case err == nil:
		return sent, nil
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS):
		return 0, errNoSendfile
	}
	return 0, err
}

// errnoError boxes the two everyday errors without an allocation.
func errnoError(e syscall.Errno) error {
	switch e {
	case unix.EAGAIN:
		return errAgain
	case unix.EINTR:
		return errInterrupted
	}
	return e
}

var (
	errAgain       error = unix.EAGAIN
	errInterrupted error = unix.EINTR
)
