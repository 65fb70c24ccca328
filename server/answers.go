package server

import (
	"fmt"
	"net"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/protocol"
)

// The memory for answers. A request of a few bytes may ask for megabytes
// (Metadata of all topics), and a client may ask and never read. Therefore:
//
//   - Each call has a cost: what its decoded request and its answer take, as
//     its API's weigher reckons before the handler runs.
//   - The calls of one connection that await their answers cost at most
//     owedMax together; its reader waits before it starts one more. That much
//     is every connection's own and not counted any further.
//   - A call that costs more waits until it is the only one of its connection,
//     and then for its share of the server's budget for answers. It is at its
//     turn already, so what it holds depends on nobody but its own client: a
//     client that takes nothing is closed after StallMax.
//   - Once encoded, the share shrinks to the bytes that wait for the socket.
//
// There is no deadlock: who holds a share waits for its client and for its
// handler only, and handlers that may wait for other connections (see
// api.parks) hold none. One that costs more than the whole budget is let in
// when all others have gone.
const (
	owedMax = 256 << 10
	// callCost is a call itself, with the request's and the answer's structs.
	callCost = 1 << 10
)

// admit decodes a call's request and lets the call into the pipeline, once
// there is memory for both the request and its answer.
func (c *conn) admit(k *call, body []byte) (kmsg.Request, error) {
	need, err := protocol.Measure(k.header.Key, k.header.Version, body)
	if err != nil {
		return nil, fmt.Errorf("%s v%d: %w", k.header.Key, k.header.Version, err)
	}
	if k.api.keepsBytes {
		need += len(body)
	}
	if need > owedMax {
		return c.admitLarge(k, body, need)
	}
	req, err := k.decode(body)
	if err != nil {
		return nil, err
	}
	k.cost = callCost + need + k.api.weigh(c.srv, req, need)
	if !c.pipe.push(k) {
		return nil, net.ErrClosed
	}
	if k.cost <= owedMax {
		return req, nil
	}
	return req, k.claim(k.cost)
}

// admitLarge is admit for a request that itself takes much memory: it is only
// decoded when there is room for that too. Who holds of that second budget
// waits for the first, never the other way round.
func (c *conn) admitLarge(k *call, body []byte, need int) (kmsg.Request, error) {
	k.cost = callCost + need
	if !c.pipe.push(k) {
		return nil, net.ErrClosed
	}
	decoding, err := c.srv.memory.decoding.Reserve(c.alive, int64(need))
	if err != nil {
		return nil, fmt.Errorf("memory for a request: %w", err)
	}
	defer decoding.Release()
	req, err := k.decode(body)
	if err != nil {
		return nil, err
	}
	return req, k.claim(k.cost + k.api.weigh(c.srv, req, need))
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
func (k *call) claim(n int) error {
	share, err := k.conn.srv.memory.answers.Reserve(k.conn.alive, int64(n))
	if err != nil {
		return fmt.Errorf("memory for an answer: %w", err)
	}
	k.share = share
	k.out.AddPin(share)
	return nil
}

// started ends the first phase of a call.
func (k *call) started() {
	if k.api.parks && k.share != nil {
		k.share.Release() // the answer, if large, takes it up again
	}
}

// encodeWeighed is encodeLater for an answer of which nobody knew beforehand
// how large it would be: bytes is what it takes when encoded.
func (k *call) encodeWeighed(resp kmsg.Response, bytes int) {
	if bytes > owedMax {
		k.encoded = bytes
	}
	k.encodeLater(resp)
}

// encodeInTurn encodes an answer that was left to the writing goroutine.
func (k *call) encodeInTurn() error {
	if k.encoded > 0 {
		if k.share != nil {
			k.share.Release() // a holder must not wait
		}
		if err := k.claim(k.encoded); err != nil {
			return err
		}
	}
	k.encode(k.resp)
	k.resp = nil
	return nil
}
