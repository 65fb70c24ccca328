package doctor

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// responseMax bounds an answer: nothing is asked for that is large, and decoded it may
// take a hundred times as much.
const responseMax = 2 << 20

var (
	errClosed    = errors.New("it ends the connection without an answer")
	errSilent    = errors.New("it takes the connection and does not answer")
	errNotServed = errors.New("it has no version of that request which this program knows")
)

// alienError is an answer in another language.
type alienError struct{ first []byte }

func (e alienError) Error() string {
	return fmt.Sprintf("its answer begins with %q, which is none of Kafka's", e.first)
}

// peer is a connection to a broker.
type peer struct {
	nc          net.Conn
	address     string
	timeout     time.Duration
	format      *kmsg.RequestFormatter
	correlation int32
	served      map[int16]kmsg.ApiVersionsResponseApiKey // nil: not asked yet
	answer      *kmsg.ApiVersionsResponse
}

// open connects, and speaks TLS if that is what is spoken.
func (e *exam) open(ctx context.Context, at, serverName string) (*peer, error) {
	nc, err := e.dial(ctx, at)
	if err != nil {
		return nil, err
	}
	if e.tls {
		if nc, err = e.handshake(ctx, nc, serverName); err != nil {
			return nil, err
		}
	}
	return &peer{nc: nc, address: at, timeout: e.cfg.Timeout, format: kmsg.NewRequestFormatter(kmsg.FormatterClientID("mainstem-doctor"))}, nil
}

func (p *peer) close() { _ = p.nc.Close() }

// pick chooses the version of a request; most is one's own bound, negative for none.
func (p *peer) pick(req kmsg.Request, most int16) error {
	if p.served == nil {
		return nil
	}
	k, ok := p.served[req.Key()]
	version := min(req.MaxVersion(), k.MaxVersion)
	if most >= 0 {
		version = min(version, most)
	}
	if !ok || version < k.MinVersion {
		return fmt.Errorf("%s: %w", kmsg.NameForKey(req.Key()), errNotServed)
	}
	req.SetVersion(version)
	return nil
}

// ask sends a request and reads its answer.
func ask[R kmsg.Response](ctx context.Context, p *peer, req kmsg.Request) (resp R, err error) {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = p.nc.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	p.correlation++
	if _, err := p.nc.Write(p.format.AppendRequest(nil, req, p.correlation)); err != nil {
		return resp, plain(ctx, err)
	}
	body, err := p.read()
	if err != nil {
		return resp, plain(ctx, err)
	}
	if got := int32(binary.BigEndian.Uint32(body)); got != p.correlation {
		return resp, fmt.Errorf("it answers request %d, and was asked %d", got, p.correlation)
	}
	body = body[4:]
	answer := req.ResponseKind()
	flexible := answer.IsFlexible() && req.Key() != int16(kmsg.ApiVersions)
	if flexible {
		if body, err = skipTags(body); err != nil {
			return resp, err
		}
	}
	if req.Key() == int16(kmsg.ApiVersions) && len(body) >= 2 && int16(binary.BigEndian.Uint16(body)) == codeUnsupportedVersion {
		answer.SetVersion(0) // whatever was asked: KIP-511
	}
	if err := answer.ReadFrom(body); err != nil {
		return resp, fmt.Errorf("its answer to %s v%d can not be read: %w", kmsg.NameForKey(req.Key()), req.GetVersion(), err)
	}
	resp, ok := answer.(R)
	if !ok {
		panic("the answer is of another kind than the request")
	}
	return resp, nil
}

// read reads an answer.
func (p *peer) read() ([]byte, error) {
	var head [4]byte
	if n, err := io.ReadFull(p.nc, head[:]); err != nil {
		if n > 0 && errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, alienError{head[:n]}
		}
		return nil, err
	}
	size := binary.BigEndian.Uint32(head[:])
	if size < 4 || size > responseMax {
		rest := make([]byte, 12)
		n, _ := io.ReadFull(p.nc, rest)
		return nil, alienError{append(head[:], rest[:n]...)}
	}
	var body bytes.Buffer
	_, err := io.CopyN(&body, p.nc, int64(size))
	return body.Bytes(), err
}

// plain names what the error of a connection means.
func plain(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil && isTimeout(err):
		return errSilent
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return errClosed
	}
	return err
}

var errTags = errors.New("the header of its answer can not be read")

// skipTags skips the tagged fields of a header.
func skipTags(b []byte) ([]byte, error) {
	count, n := binary.Uvarint(b)
	if n <= 0 {
		return nil, errTags
	}
	b = b[n:]
	for range count {
		_, n := binary.Uvarint(b)
		if n <= 0 {
			return nil, errTags
		}
		size, m := binary.Uvarint(b[n:])
		if m <= 0 || size > uint64(len(b)-n-m) {
			return nil, errTags
		}
		b = b[n+m+int(size):]
	}
	return b, nil
}
