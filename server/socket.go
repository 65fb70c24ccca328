package server

import (
	"errors"
	"fmt"
	"net"
	"syscall"
)

// errNoSocket: what a test dials may be a pipe.
var errNoSocket = errors.New("no socket")

// control has something done with the descriptor of a connection, which it must not keep.
func control(nc net.Conn, do func(fd int)) error {
	c, ok := nc.(syscall.Conn)
	if !ok {
		return errNoSocket
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	if err := raw.Control(func(fd uintptr) { do(int(fd)) }); err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	return nil
}
