package server

import (
	"errors"
	"fmt"
	"net"
	"syscall"
)

const (
	// tcpNotsentLowat is TCP_NOTSENT_LOWAT of Linux (ip-sysctl: tcp_notsent_lowat).
	tcpNotsentLowat = 25
	// unsentMax is how many bytes of answers the kernel keeps for a client that does
	// not take them; the rest stays with the broker, under its budgets and its
	// patience. By itself the kernel lets a send buffer grow to 4 MiB: two hundred
	// clients that read nothing took 840 MB of what it has for all connections. (Kafka
	// sets a send buffer of 100 KiB, which also bounds what is under way to a client
	// that is far away; this does not.)
	unsentMax = 256 << 10
)

// boundUnsent keeps the kernel from taking more than unsentMax for a connection. It
// has to be said of each: they do not inherit it.
func boundUnsent(nc net.Conn) error {
	var setErr error
	err := control(nc, func(fd int) {
		setErr = syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, tcpNotsentLowat, unsentMax)
	})
	if errors.Is(err, errNoSocket) {
		return nil
	}
	if err := errors.Join(err, setErr); err != nil {
		return fmt.Errorf("TCP_NOTSENT_LOWAT: %w", err)
	}
	return nil
}
