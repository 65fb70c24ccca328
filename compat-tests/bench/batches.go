package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
)

// batches sends batches made beforehand, one a request, over so many
// connections with so many requests in flight on each. Partition follows
// partition. With a Rate it sends so many records a second for Seconds.
func (l *load) batches(ctx context.Context) (outcome, error) {
	producers := max(l.Producers, 1)
	lines := make([]*line, producers)
	for i := range lines {
		c, err := harness.Dial(l.Addr, 10*time.Second)
		if err != nil {
			return outcome{}, err
		}
		defer c.Close()
		stop := context.AfterFunc(ctx, func() { _ = c.Close() })
		defer stop()
		ln := &line{load: l, conn: c, number: i, window: make(chan time.Time, max(l.Depth, 1)-1)}
		for _, t := range l.Topics {
			ln.requests = append(ln.requests, l.newRequest(t))
		}
		lines[i] = ln
	}
	var wg sync.WaitGroup
	begin := time.Now()
	for _, ln := range lines {
		wg.Go(func() { ln.sent, ln.failed = ln.run(ctx, begin) })
	}
	wg.Wait()
	o := outcome{Seconds: time.Since(begin).Seconds()}
	var failed error
	var took []float64
	for _, ln := range lines {
		failed = errors.Join(failed, ln.failed)
		o.Batches += int64(ln.sent)
		took = append(took, ln.took...)
	}
	if failed != nil {
		return outcome{}, failed
	}
	o.Requests, o.Records = o.Batches, int(o.Batches)*l.perBatch()
	o.Bytes = int64(o.Records) * int64(l.Size)
	if len(took) > 0 {
		o.AckP50, o.AckP99 = quantile(took, 0.50), quantile(took, 0.99)
	}
	return o, nil
}

// line is one connection.
type line struct {
	load     *load
	conn     *harness.Conn
	number   int
	requests []*request     // By topic.
	window   chan time.Time // When what is in flight was sent; one is in the hands of the reader.

	sent   int
	took   []float64 // Milliseconds from sending to the answer.
	failed error
}

// run sends, and reads the answers beside it.
func (ln *line) run(ctx context.Context, begin time.Time) (int, error) {
	answers := make(chan error, 1)
	go func() {
		err := ln.receive()
		if err != nil {
			// The sender may wait for room, or for the socket.
			_ = ln.conn.Close()
			for range ln.window {
			}
		}
		answers <- err
	}()
	sent, err := ln.send(ctx, begin)
	close(ln.window)
	if failed := <-answers; failed != nil {
		err = failed
	}
	return sent, errors.Join(err, ctx.Err())
}

func (ln *line) send(ctx context.Context, begin time.Time) (int, error) {
	l := ln.load
	producers := max(l.Producers, 1)
	per, all := l.perBatch(), len(l.Topics)*l.Partitions
	most := l.Records / per / producers
	every := time.Duration(0)
	if l.Rate > 0 {
		every = time.Duration(float64(per*producers) / float64(l.Rate) * float64(time.Second))
		most = int(time.Duration(l.Seconds) * time.Second / every)
	}
	for n := range most {
		if every > 0 && !sleepUntil(ctx, begin.Add(time.Duration(n)*every)) {
			return n, ctx.Err()
		}
		at := (l.Place + n*producers + ln.number) % all
		r := ln.requests[at%len(l.Topics)]
		now := time.Now()
		r.address(uint32(n), int32(at/len(l.Topics)), now, (n*producers+ln.number)*per, max(l.Keys, 1))
		ln.window <- now
		if _, err := ln.conn.Write(r.raw); err != nil {
			return n, err
		}
	}
	return most, nil
}

// sleepUntil returns false if the load is to end.
func sleepUntil(ctx context.Context, at time.Time) bool {
	wait := time.Until(at)
	if wait <= 0 {
		return true
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(wait):
		return true
	}
}

// receive reads an answer for each request that was sent.
func (ln *line) receive() error {
	resp := kmsg.NewPtrProduceResponse()
	for sent := range ln.window {
		resp.SetVersion(produceVersion)
		if err := ln.conn.Receive(resp); err != nil {
			return err
		}
		for _, t := range resp.Topics {
			for _, p := range t.Partitions {
				if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
					return fmt.Errorf("partition %d of %s: %w", p.Partition, t.Topic, err)
				}
			}
		}
		ln.took = append(ln.took, milliseconds(time.Since(sent)))
	}
	return nil
}
