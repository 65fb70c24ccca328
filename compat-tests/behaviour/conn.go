package behaviour

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// answerTimeout is how long an answer may take.
const answerTimeout = 10 * time.Second

// errClosed says that the broker closed the connection.
var errClosed = errors.New("closed by the broker")

// conn is one connection; it is dialled anew after the broker closed it.
type conn struct {
	addr        string
	nc          net.Conn
	correlation int32
	pending     kmsg.Request // Sent and not answered yet.
}

func (c *conn) dial() error {
	if c.nc != nil {
		return nil
	}
	nc, err := net.DialTimeout("tcp", c.addr, answerTimeout)
	c.nc = nc
	return err
}

func (c *conn) close() {
	if c.nc != nil {
		_ = c.nc.Close() // The other side may have closed it before.
		c.nc = nil
	}
}

func (c *conn) write(b []byte) error {
	if err := c.dial(); err != nil {
		return err
	}
	if err := c.nc.SetDeadline(time.Now().Add(answerTimeout)); err != nil {
		return err
	}
	if _, err := c.nc.Write(b); err != nil {
		c.close()
		return errClosed
	}
	return nil
}

// frame reads one answer without its size.
func (c *conn) frame() ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(c.nc, size[:]); err != nil {
		return nil, c.lost(err)
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > 64<<20 {
		return nil, fmt.Errorf("an answer of %d bytes", n)
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(c.nc, body); err != nil {
		return nil, c.lost(err)
	}
	return body, nil
}

func (c *conn) lost(err error) error {
	c.close()
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return errors.New("no answer")
	}
	return errClosed
}

func (c *conn) send(req kmsg.Request) error {
	c.correlation++
	c.pending = req
	return c.write(kmsg.NewRequestFormatter(kmsg.FormatterClientID("behaviour")).AppendRequest(nil, req, c.correlation))
}

func (c *conn) receive() (kmsg.Response, error) {
	if c.pending == nil || c.nc == nil {
		return nil, errors.New("nothing was sent")
	}
	resp := c.pending.ResponseKind()
	body, err := c.frame()
	if err != nil {
		return nil, err
	}
	c.pending = nil
	if len(body) < 4 || int32(binary.BigEndian.Uint32(body)) != c.correlation {
		return nil, fmt.Errorf("answer %x does not carry correlation id %d", body, c.correlation)
	}
	body = body[4:]
	const apiVersions = 18 // Its answers have the old header in every version.
	if resp.IsFlexible() && resp.Key() != apiVersions {
		if body, err = skipTags(body); err != nil {
			return nil, err
		}
	}
	return resp, resp.ReadFrom(body)
}

// skipTags skips the tagged fields of a response header.
func skipTags(b []byte) ([]byte, error) {
	uvarint := func() uint64 {
		v, n := binary.Uvarint(b)
		b = b[max(n, 0):]
		return v
	}
	for tags := uvarint(); tags > 0; tags-- {
		uvarint()
		size := uvarint()
		if size > uint64(len(b)) {
			return nil, errors.New("a tag is longer than its answer")
		}
		b = b[size:]
	}
	return b, nil
}
