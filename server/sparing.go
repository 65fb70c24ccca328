package server

import (
	"net"
	"syscall"
)

// descriptorsKept is how many of the process's descriptors no connection
// takes, but at most a quarter of all. Who has none left can not take a new
// segment, nor sync the directory that names it: that ends the broker.
const descriptorsKept = 32

// sparingListener turns connections away that take one of the last descriptors.
type sparingListener struct {
	net.Listener
	limit   int // from this number on; 0: none
	refused func(nc net.Conn)
}

// sparing makes a listener leave descriptors to the log.
func sparing(nl net.Listener, refused func(nc net.Conn)) net.Listener {
	return &sparingListener{nl, descriptorLimit(), refused}
}

// descriptorLimit is the first number that a connection may not have; 0 if it
// is not known.
func descriptorLimit() int {
	var r syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r); err != nil || r.Cur > 1<<30 {
		return 0
	}
	all := int(r.Cur)
	return all - min(all/4, descriptorsKept)
}

// Accept implements net.Listener.
func (l *sparingListener) Accept() (net.Conn, error) {
	for {
		nc, err := l.Listener.Accept()
		if err != nil || l.limit == 0 || descriptorOf(nc) < l.limit {
			return nc, err //nolint:wrapcheck // As the listener itself.
		}
		l.refused(nc)
		closeQuietly(nc)
	}
}

// descriptorOf is the number that the system gave a connection, the lowest
// that was free; -1 if it has none.
func descriptorOf(nc net.Conn) int {
	number := -1
	if err := control(nc, func(fd int) { number = fd }); err != nil {
		return -1
	}
	return number
}
