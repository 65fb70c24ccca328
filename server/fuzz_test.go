package server_test

import (
	"encoding/binary"
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// FuzzRequests sends any bytes as the body of any request. The broker must
// answer or hang up, soon, without taking memory that the bytes do not pay
// for, and must still serve others.
func FuzzRequests(f *testing.F) {
	for _, key := range []int16{0, 1, 2, 3, 8, 9, 10, 11, 13, 14, 19, 20, 32, 37, 44, 60, 68, 69, 71, 72, 75} {
		req := kmsg.RequestForKey(key)
		for _, version := range []int16{0, 4, 7, 12} {
			if version <= req.MaxVersion() {
				req.SetVersion(version)
				f.Add(key, version, req.AppendTo(nil))
			}
		}
	}
	f.Add(int16(68), int16(1), joinRequest("g", "m", "t").AppendTo(nil))
	b := startBroker(f, options{})
	b.dial().createTopic("t", 1)
	f.Fuzz(func(t *testing.T, key, version int16, body []byte) {
		if len(body) > 1<<16 {
			return
		}
		conn, err := net.Dial("tcp", b.addr)
		must(t, err)
		defer func() { _ = conn.Close() }()
		must(t, conn.SetDeadline(time.Now().Add(10*time.Second))) //nolint:forbidigo // A guard against a test that hangs.
		frame := binary.BigEndian.AppendUint16(nil, uint16(key))
		frame = binary.BigEndian.AppendUint16(frame, uint16(version))
		frame = append(frame, 0, 0, 0, 1, 0, 1, 'f')
		if key >= 0 && key < 100 {
			if req := kmsg.RequestForKey(key); req != nil {
				if req.SetVersion(version); req.IsFlexible() {
					frame = append(frame, 0)
				}
			}
		}
		frame = append(frame, body...)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err = conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(frame))), frame...))
		must(t, err)
		// The end of the client's stream ends the server's, also of a long poll.
		tcp, ok := conn.(*net.TCPConn)
		if !ok {
			t.Fatal("no TCP")
		}
		must(t, tcp.CloseWrite())
		if _, err := io.Copy(io.Discard, conn); isTimeout(err) {
			t.Fatal("neither an answer nor an end")
		}
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > 64<<20 {
			t.Errorf("%d bytes of key %d version %d took %d of memory", len(body), key, version, took)
		}
	})
}

func isTimeout(err error) bool {
	ne, ok := err.(net.Error) //nolint:errorlint // Read returns it bare.
	return ok && ne.Timeout()
}
