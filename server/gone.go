package server

import (
	"net"
	"syscall"
)

// States of TCP, as Linux numbers them.
const (
	tcpClosed    = 7 // by a reset, of a socket that we have not closed
	tcpCloseWait = 8 // the peer sends no more
)

// gone reports whether the client of a connection has left, which only who reads would
// notice otherwise. What it sent before it closed the connection counts as of one that is
// there; after a reset nothing does.
func gone(nc net.Conn) bool {
	left := false
	err := control(nc, func(fd int) {
		// The state is the first byte of what TCP_INFO gives.
		info, err := syscall.GetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_INFO)
		if err != nil {
			return
		}
		switch info & 0xff {
		case tcpClosed:
			left = true
		case tcpCloseWait:
			n, _, err := syscall.Recvfrom(fd, make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
			left = err == nil && n == 0
		}
	})
	return err == nil && left
}
