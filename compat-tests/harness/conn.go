package harness

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// answerMost is the largest answer that a Conn takes.
const answerMost = 64 << 20

// Conn is a bare connection to a broker, for tests and loads that want to say
// every byte themselves. It is not for concurrent use, but for one goroutine
// that writes beside one that reads.
type Conn struct {
	net.Conn
	correlation int32
}

// Dial connects to a broker.
func Dial(addr string, timeout time.Duration) (*Conn, error) {
	nc, err := net.DialTimeout("tcp", addr, timeout)
	if err != nil {
		return nil, err
	}
	return &Conn{Conn: nc}, nil
}

// Ask sends a request and reads its answer, both within the time.
func (c *Conn) Ask(req kmsg.Request, timeout time.Duration) (kmsg.Response, error) {
	if err := c.SetDeadline(time.Now().Add(timeout)); err != nil {
		return nil, err
	}
	c.correlation++
	if _, err := c.Write(kmsg.NewRequestFormatter(kmsg.FormatterClientID("harness")).AppendRequest(nil, req, c.correlation)); err != nil {
		return nil, err
	}
	resp := req.ResponseKind()
	return resp, c.Receive(resp)
}

// Receive reads the next answer.
func (c *Conn) Receive(resp kmsg.Response) error {
	var head [8]byte
	if _, err := io.ReadFull(c, head[:]); err != nil {
		return err
	}
	size := binary.BigEndian.Uint32(head[:4])
	if size < 4 || size > answerMost {
		return fmt.Errorf("an answer of %d bytes", size)
	}
	body := make([]byte, size-4)
	if _, err := io.ReadFull(c, body); err != nil {
		return err
	}
	if resp.IsFlexible() {
		if len(body) == 0 || body[0] != 0 {
			return errors.New("an answer whose header has tags")
		}
		body = body[1:]
	}
	return resp.ReadFrom(body)
}
