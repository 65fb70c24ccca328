package cli

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/model"
)

func newBenchProduce(s *Shell) *cobra.Command {
	c, f := newBenchVerb(s, "produce", "Write records as fast as they go, or at a rate", "Write records, and time each until it is acknowledged.\n\n"+benchLong,
		1_000_000, 0, func(r *benchRun) error {
			if err := r.prepare(); err != nil {
				return err
			}
			return r.write(r.row("written"), r.clients)
		})
	c.Example = "  mainstem bench produce\n  mainstem bench produce kafka-1:9092 --rate 5000 -n 100000 --codec zstd -o json"
	c.Flags().IntVar(&f.clients, "clients", 1, "`NUMBER` of producers, each with connections of its own")
	return c
}

// client makes one more client that writes. The library changes what the options hold:
// one after the other.
func (r *benchRun) client() (*client, error) { return r.connect(r.ctx, r.options...) }

// clientsOf makes several; on an error it has closed them.
func (r *benchRun) clientsOf(n int) (all []*client, err error) {
	for range n {
		c, err := r.client()
		if err != nil {
			closeClients(all)
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

func closeClients(all []*client) {
	for _, c := range all {
		c.Close()
	}
}

// write sends the records, shared by some producers. Latency is from the time that a
// record has by the rate, or else from when it is handed to the client.
func (r *benchRun) write(row *benchRow, clients int) error {
	all, err := r.clientsOf(clients)
	if err != nil {
		return err
	}
	defer closeClients(all)
	r.sendAll(row, all, func(int64) string { return r.name })
	return nil
}

// sendAll has clients send the records.
func (r *benchRun) sendAll(row *benchRow, clients []*client, topic func(i int64) string) {
	row.begun = r.shell.Clock.Now() // to connect is not part of it
	noise := newNoise(r.size)
	var sending sync.WaitGroup
	for i, c := range clients {
		sending.Go(func() {
			r.send(row, c, payload{block: noise, size: r.size, at: i}, int64(i), int64(len(clients)), topic)
		})
	}
	r.watch(row, &sending)
}

// watch draws how far it is until all are done.
func (r *benchRun) watch(row *benchRow, running *sync.WaitGroup) {
	done := make(chan struct{})
	go func() {
		running.Wait()
		close(done)
	}()
	for clock.Wait(r.shell.Clock, progressEvery, done) {
		r.bar.show(row.text)
	}
}

// send sends each step-th record from the first on.
func (r *benchRun) send(row *benchRow, c *client, values payload, first, step int64, topic func(i int64) string) {
	life, giveUp := context.WithCancel(context.WithoutCancel(r.ctx))
	defer giveUp()
	// After ctrl-C the broker has the time of one answer for what it was sent. It may stand
	// still, and the client then waits for room.
	defer context.AfterFunc(r.ctx, func() {
		if clock.Wait(r.shell.Clock, r.timeout, life.Done()) {
			giveUp()
		}
	})()
	for i := first; i < r.records && r.ctx.Err() == nil; i += step {
		sent, ok := r.due(row.begun, i)
		if !ok {
			break
		}
		record := &kgo.Record{Topic: topic(i), Value: values.next(sent)}
		c.Produce(life, record, func(_ *kgo.Record, err error) {
			now := r.shell.Clock.Now()
			row.done(now, now.Sub(sent), r.size, c.explain(err))
		})
	}
	// What was sent is brought to its end, within what a broker has for answers.
	flush, cancel := context.WithTimeout(life, producePatience*r.timeout)
	defer cancel()
	if c.Flush(flush) != nil {
		_ = c.AbortBufferedRecords(context.WithoutCancel(life)) // each then has its error
	}
}

// due waits for the time that a record has by the rate, if there is one.
func (r *benchRun) due(begun time.Time, i int64) (at time.Time, ok bool) {
	now := r.shell.Clock.Now()
	if r.rate == 0 {
		return now, true
	}
	at = begun.Add(time.Duration(float64(i) / r.rate * float64(time.Second)))
	wait := at.Sub(now)
	return at, wait <= 0 || clock.Wait(r.shell.Clock, wait, r.ctx.Done())
}

// payload makes values that no codec makes smaller, cut from one block that all share.
type payload struct {
	block []byte
	size  int
	at    int
}

// newNoise is a block for values of a size.
func newNoise(size int) []byte {
	block := make([]byte, size+1<<16)
	source := rand.New(rand.NewPCG(1, 1))
	for i := 0; i+8 <= len(block); i += 8 {
		binary.LittleEndian.PutUint64(block[i:], source.Uint64())
	}
	return block
}

// stampSize is how much of a value its time takes, if there is room.
const stampSize = 8

func (p *payload) next(at time.Time) []byte {
	p.at = (p.at + 4099) % (len(p.block) - p.size + 1)
	if p.size < stampSize {
		return p.block[p.at : p.at+p.size]
	}
	value := append(make([]byte, 0, p.size), p.block[p.at:p.at+p.size]...)
	binary.BigEndian.PutUint64(value, uint64(at.UnixNano()))
	return value
}

func newBenchConsume(s *Shell) *cobra.Command {
	c, f := newBenchVerb(s, "consume", "Read records as fast as they come",
		"Read a topic from its beginning: one of its own, that it fills first with --records (which the\ntable shows, too), or --topic. The time of one record tells nothing here, so there is no latency.\n\n"+benchLong,
		1_000_000, 0, (*benchRun).consume)
	f.clients = 1
	c.Example = "  mainstem bench consume\n  mainstem bench consume --topic orders"
	return c
}

// consume fills a topic and reads it.
func (r *benchRun) consume() error {
	if err := r.prepare(); err != nil {
		return err
	}
	if r.topic == "" {
		if err := r.write(r.row("written"), 1); err != nil {
			return err
		}
	}
	topics, err := r.admin.topics(r.ctx, []string{r.name})
	if err != nil {
		return err
	}
	plan := reading{from: where{kind: atBeginning}, to: where{kind: atEnd}, bounded: true, isolation: readUncommitted}
	spans, _, err := r.admin.spans(r.ctx, topics, &plan)
	if err != nil {
		return err
	}
	return r.read(r.row("read"), spans, 0)
}

// read reads up to the ends of spans, or so many records if that is not 0.
func (r *benchRun) read(row *benchRow, spans map[model.TopicPartition]*span, count int64) error {
	offsets := map[string]map[int32]kgo.Offset{}
	left := int64(0)
	for tp, s := range spans {
		if s.start < s.end || count > 0 {
			if offsets[tp.Topic] == nil {
				offsets[tp.Topic] = map[int32]kgo.Offset{}
			}
			offsets[tp.Topic][tp.Partition] = kgo.NewOffset().At(s.start)
			left++
		}
	}
	if left == 0 {
		return nil
	}
	c, err := r.connect(r.ctx, kgo.ConsumePartitions(offsets), kgo.KeepControlRecords(), kgo.FetchMaxWait(500*time.Millisecond))
	if err != nil {
		return err
	}
	defer c.Close()
	planned := row.begun // before anything was written that is waited for
	if count == 0 {
		row.begun = r.shell.Clock.Now() // to connect is not part of it
	}
	for seen := int64(0); left > 0 && r.ctx.Err() == nil; {
		ctx, cancel := context.WithTimeout(r.ctx, r.timeout)
		fetches := c.PollFetches(ctx)
		late := ctx.Err() != nil
		cancel()
		now := r.shell.Clock.Now()
		if err := fetches.Err(); err != nil && r.ctx.Err() == nil {
			if late && count > 0 {
				continue // who writes says when it is over
			}
			return fmt.Errorf("read topic %s: %w", r.name, c.explain(err))
		}
		fetches.EachRecord(func(rec *kgo.Record) {
			latency := time.Duration(-1) // unknown
			if count > 0 {
				if len(rec.Value) < stampSize {
					return
				}
				sent := time.Unix(0, int64(binary.BigEndian.Uint64(rec.Value)))
				if sent.Before(planned) || sent.After(now) {
					return // it is of another writer
				}
				latency = now.Sub(sent)
			}
			if !rec.Attrs.IsControl() { // that of a transaction's end only tells how far it is
				row.done(now, latency, len(rec.Value), nil)
				seen++
			}
			if count > 0 && seen == count {
				left = 0
			}
			s := spans[model.TopicPartition{Topic: rec.Topic, Partition: rec.Partition}]
			if count == 0 && s.next < s.end {
				if s.next = rec.Offset + 1; s.next >= s.end {
					left--
				}
			}
		})
		r.bar.show(row.text)
	}
	return nil
}
