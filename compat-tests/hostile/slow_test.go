package hostile

import (
	"net"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestSlowloris holds 500 connections that send a byte a second.
func TestSlowloris(t *testing.T) {
	const connections, seconds = 500, 5
	before := anon(t)
	// A frame that claims a lot, of which each connection sends a bit.
	frame := framed(64<<20, header(0, 9))
	conns := make([]net.Conn, connections)
	for i := range conns {
		conns[i] = dial(t)
	}
	for second := range seconds {
		for i, nc := range conns {
			if _, err := nc.Write(frame[second : second+1]); err != nil {
				t.Fatalf("connection %d, second %d: %v", i, second, err)
			}
		}
		begin := time.Now()
		unharmed(t)
		time.Sleep(max(0, time.Second-time.Since(begin)))
	}
	spared(t, before, 64)
	for _, nc := range conns {
		if err := nc.Close(); err != nil {
			t.Error(err)
		}
	}
	unharmed(t)
}

// TestNeverReads asks and asks and takes no answer: the broker has to stop
// reading, and not to keep the answers.
func TestNeverReads(t *testing.T) {
	before := anon(t)
	const clients = 20
	req := kmsg.NewPtrApiVersionsRequest()
	req.SetVersion(0)
	ask := kmsg.NewRequestFormatter(kmsg.FormatterClientID("hostile")).AppendRequest(nil, req, 1)
	block := make([]byte, 0, 1000*len(ask))
	for range 1000 {
		block = append(block, ask...)
	}
	for range clients {
		nc := dial(t)
		if err := nc.SetReadBuffer(4096); err != nil {
			t.Fatal(err)
		}
		if err := nc.SetWriteDeadline(time.Now().Add(500 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		stuck := false
		for range 10_000 {
			if _, err := nc.Write(block); err != nil {
				// A timeout or a closed connection: both end it.
				stuck = true
				break
			}
		}
		if !stuck {
			t.Fatal("the broker reads on and on")
		}
	}
	unharmed(t)
	spared(t, before, 100)
}

// TestHalfOpen leaves 500 connections that send nothing.
func TestHalfOpen(t *testing.T) {
	before := anon(t)
	for range 500 {
		dial(t)
	}
	unharmed(t)
	spared(t, before, 64)
}
