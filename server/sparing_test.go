package server

import (
	"net"
	"testing"
)

// Connections leave descriptors to the log, however many come.
func TestConnectionsSpareDescriptors(t *testing.T) {
	var lc net.ListenConfig
	inner, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	turned := make(chan struct{}, 1)
	nl := &sparingListener{inner, 1, func(net.Conn) { turned <- struct{}{} }}
	ended := make(chan error, 1)
	go func() {
		_, err := nl.Accept()
		ended <- err
	}()
	var d net.Dialer
	nc, err := d.DialContext(t.Context(), "tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer closeQuietly(nc)
	<-turned
	if n, err := nc.Read(make([]byte, 1)); err == nil {
		t.Errorf("%d bytes read where the connection was to be closed", n)
	}
	if err := nl.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil {
		t.Error("a connection was let in")
	}
	if limit := descriptorLimit(); limit <= 0 {
		t.Errorf("the limit is %d", limit)
	}
}
