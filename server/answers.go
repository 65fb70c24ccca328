package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
)

// The memory that clients share, and how none of them can keep it. A request of
// a few bytes may ask for megabytes (Metadata of all topics), and a client may
// ask and never read. Therefore:
//
//   - Each call has a cost: what its decoded request and its answer take, as
//     its API's weigher reckons before the handler runs.
//   - The calls of one connection that await their answers cost at most
//     owedMax together; its reader waits before it starts one more. That much
//     is every connection's own and not counted any further.
//   - A call that costs more waits until it is the only one of its connection,
//     and then for its share of the server's budget for answers. It is at its
//     turn already, so what it holds depends on nobody but its own client. A
//     large Produce claims its share behind others of its kind: these wait for
//     the disk only.
//   - Once encoded, the share shrinks to the bytes that wait for the socket.
//   - The bytes of a large request are read into a pool, piece by piece: who has
//     sent little holds little. Before, its reader waits until its connection's own
//     calls cannot hold it up (see pipeline.await); afterwards it waits for the next
//     piece and for shares only, and once decoded it gives the pool's memory back,
//     unless it is a Produce.
//   - Whoever holds of a budget or a pool for longer than patience, takes longer
//     than pieceMax for a piece of a request, or sends nothing of it for stillMax,
//     while others wait for the memory, loses the connection: a client that sends or
//     takes a byte now and then must not stop the others. While nobody waits, slow is
//     slow.
//
// There is no deadlock. The order is: a pool, the budget for decoding, that for
// answers; nobody waits for an earlier one with a later one in hand, and those who
// wait for more of a pool are served in the order in which they began, the first
// beyond the budget if need be (see span.Pool). Who holds a
// share waits for its client and for its handler only, and handlers that may
// wait for other connections (see api.parks) hold none. A claim larger than the
// whole budget is let in when all others have gone.
const (
	owedMax = 256 << 10
	// producedOwedMax is what a Produce may cost without a share. Before its bytes
	// are read, that much is free of what its connection may owe.
	producedOwedMax = owedMax / 2
	// callCost is a call itself, with the request's and the answer's structs.
	callCost = 1 << 10
	// leastRate is how many bytes a second a client takes or sends that holds
	// memory others wait for, behind the first StallMax.
	leastRate = 1 << 20
)

var (
	errGone = fmt.Errorf("%w: no more requests are let in", net.ErrClosed)
	errSlow = errors.New("the client is too slow for memory that others wait for")
)

// patience is how long a client may hold so many bytes that others wait for.
func (c *conn) patience(bytes int) time.Duration {
	return c.srv.cfg.StallMax + time.Duration(bytes/leastRate)*time.Second
}

// hogging reports whether others wait for memory that the connection has had
// for too long. The janitor asks.
func (c *conn) hogging(now time.Time) bool {
	return c.frames.late(now) || c.srv.memory.answers.Waiting() > 0 && c.pipe.late(now)
}

// admit decodes a call's request and lets the call into the pipeline, once
// there is memory for both the request and its answer.
func (c *conn) admit(k *call, body []byte) (kmsg.Request, error) {
	need, err := protocol.Measure(k.header.Key, k.header.Version, body)
	if err != nil {
		return nil, fmt.Errorf("%s v%d: %w", k.header.Key, k.header.Version, err)
	}
	if k.header.Key == protocol.KeyProduce {
		return c.admitProduce(k, body, need)
	}
	if k.api.keepsBytes {
		need += len(body)
	}
	if need > owedMax {
		return c.admitLarge(k, body, need)
	}
	req, err := k.decode(body)
	k.frame.release()
	if err != nil {
		return nil, err
	}
	k.mem.cost = callCost + need + k.api.weigh(c.srv, req, need)
	if !c.pipe.push(k) {
		return nil, errGone
	}
	if k.mem.cost > owedMax {
		err = k.claim(c.reading, k.mem.cost)
	}
	return req, c.orGiveUp(k, err)
}

// admitLarge is admit for a request that itself takes much memory: it is only
// decoded when there is room for that too.
func (c *conn) admitLarge(k *call, body []byte, need int) (kmsg.Request, error) {
	k.mem.cost = callCost + need
	if !c.pipe.push(k) {
		return nil, errGone
	}
	decoding, err := c.srv.memory.decoding.Reserve(c.reading, int64(need))
	if err != nil {
		return nil, c.orGiveUp(k, fmt.Errorf("memory for a request: %w", err))
	}
	defer decoding.Release()
	req, err := k.decode(body)
	k.frame.release()
	if err == nil {
		err = k.claim(c.reading, k.mem.cost+k.api.weigh(c.srv, req, need))
	}
	return req, c.orGiveUp(k, err)
}

// admitProduce is admit for the requests whose bytes are kept: what a large one
// takes beside them is known before it is decoded, and is a share from the
// start, so that more of them can follow.
func (c *conn) admitProduce(k *call, body []byte, need int) (kmsg.Request, error) {
	cost := callCost + need + k.api.weigh(c.srv, nil, need)
	if k.header.Version < produceBatches {
		cost += len(body) // the batches that are made of it
	}
	k.mem.cost = callCost
	if cost <= producedOwedMax {
		k.mem.cost = cost
	}
	if !c.pipe.push(k) {
		return nil, errGone
	}
	var err error
	if cost > producedOwedMax {
		err = k.claim(c.reading, cost)
	}
	if err != nil {
		return nil, c.orGiveUp(k, err)
	}
	req, err := k.decode(body)
	return req, c.orGiveUp(k, err)
}

// orGiveUp ends a call that was let in but cannot be started: the answers before
// it are still sent, then the connection ends.
func (c *conn) orGiveUp(k *call, err error) error {
	if err != nil {
		k.refuse(err.Error())
		c.pipe.handled(k)
	}
	return err
}

func (k *call) decode(body []byte) (kmsg.Request, error) {
	if k.api.keepsBytes {
		body = append([]byte(nil), body...)
	}
	req, err := protocol.DecodeMeasured(k.header.Key, k.header.Version, body)
	if err != nil {
		return nil, fmt.Errorf("%s v%d: %w", k.header.Key, k.header.Version, err)
	}
	return req, nil
}

// claim waits for n bytes of the budget for answers. They are the call's until
// its answer has been written or dropped.
func (k *call) claim(ctx context.Context, n int) error {
	share, err := k.conn.srv.memory.answers.Reserve(ctx, int64(n))
	if err != nil {
		return fmt.Errorf("memory for an answer: %w", err)
	}
	k.mem.share = share
	k.out.AddPin(share)
	due := k.conn.srv.clock.Now().Add(k.conn.patience(n))
	k.conn.pipe.mu.Lock()
	defer k.conn.pipe.mu.Unlock()
	k.mem.due = due
	return nil
}

// started ends the first phase of a call.
func (k *call) started() {
	if k.api.parks && k.mem.share != nil {
		k.giveBack() // the answer, if large, claims its own
	}
}

// giveBack ends a share before the answer has been written.
func (k *call) giveBack() {
	k.mem.share.Release()
	k.mem.share = nil
	k.conn.pipe.mu.Lock()
	defer k.conn.pipe.mu.Unlock()
	k.mem.due = time.Time{}
}

// encodeWeighed is encodeLater for an answer of which nobody knew beforehand
// how large it would be: bytes is what it takes when encoded.
func (k *call) encodeWeighed(resp kmsg.Response, bytes int) {
	k.mem.size = bytes
	k.encodeLater(resp)
}

// claims reports whether the answer needs a share to be encoded.
func (k *call) claims() bool { return k.mem.size > owedMax }

// encodeInTurn encodes an answer that was left to the writing goroutine.
func (k *call) encodeInTurn() error {
	if k.claims() {
		if k.mem.share != nil {
			k.giveBack() // a holder must not wait
		}
		if err := k.claim(k.conn.alive, k.mem.size); err != nil {
			return err
		}
	}
	k.encode(k.resp)
	k.resp = nil
	return nil
}
