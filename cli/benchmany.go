package cli

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func newBenchLatency(s *Shell) *cobra.Command {
	c, f := newBenchVerb(s, "latency", "Time records from their producer to their consumer",
		"Write records at a rate and read them at the same time: how long from the time that a record\nhas until it is acknowledged, and until a consumer of this process has it.\n\n"+benchLong,
		10_000, 1000, (*benchRun).latency)
	f.clients = 1
	c.Example = "  mainstem bench latency --rate 500 -n 30000 --acks all"
	return c
}

// latency writes and reads at once.
func (r *benchRun) latency() error {
	if r.rate == 0 || r.size < stampSize {
		return UsageError{fmt.Errorf("latency needs a --rate, and a --size of at least %d, as a record carries its time", stampSize)}
	}
	if err := r.prepare(); err != nil {
		return err
	}
	topics, err := r.admin.topics(r.ctx, []string{r.name})
	if err != nil {
		return err
	}
	plan := reading{from: where{kind: atEnd}, to: where{kind: atEnd}, bounded: true, isolation: readUncommitted}
	spans, _, err := r.admin.spans(r.ctx, topics, &plan)
	if err != nil {
		return err
	}
	written, received := r.row("acknowledged"), r.row("received")
	outer := r.ctx
	ctx, stop := context.WithCancel(outer)
	defer stop()
	reader := *r
	reader.ctx, reader.bar = ctx, newProgress(r.shell.Clock, nil, true)
	var readErr, late error
	var reading sync.WaitGroup
	reading.Go(func() { readErr = reader.read(received, spans, r.records) })
	err = r.write(written, 1)
	// Who was acknowledged is read, or does not come any more.
	ended := make(chan struct{})
	go func() {
		reading.Wait()
		close(ended)
	}()
	if written.result().Errors == 0 && err == nil {
		timer := r.shell.Clock.NewTimer(r.timeout)
		defer timer.Stop()
		select {
		case <-ended:
		case <-timer.C():
			late = fmt.Errorf("not all records that were acknowledged have come to the consumer within %s", r.timeout)
		case <-outer.Done():
		}
	}
	stop()
	<-ended
	return errors.Join(err, late, readErr)
}

func newBenchMany(s *Shell) *cobra.Command {
	var topics int
	c, f := newBenchVerb(s, "many", "See how a broker does with many topics, partitions and connections",
		"Make many topics, connect many clients, have each ask for all topics, and write --records\nover all partitions (--rate bounds them all together). Each step is a line of the table.\n\n"+benchLong,
		10_000, 0, func(r *benchRun) error { return r.many(topics) })
	c.Flags().IntVar(&topics, "topics", 1000, "`NUMBER` of topics")
	c.Flags().IntVar(&f.clients, "clients", 100, "`NUMBER` of clients")
	c.Example = "  mainstem bench many --topics 5000 --partitions 4 --clients 1000"
	return c
}

// benchTopicsMost bounds --topics.
const benchTopicsMost = 1_000_000

func (r *benchRun) many(topics int) error {
	switch {
	case topics < 1 || topics > benchTopicsMost:
		return UsageError{fmt.Errorf("--topics must be from 1 to %d", benchTopicsMost)}
	case r.topic != "":
		return UsageError{errors.New("many makes its own topics: it goes without --topic")}
	}
	prefix := r.newName()
	r.name = ""
	row := r.row("topics made")
	names := make([]string, topics)
	for i := range names {
		names[i] = fmt.Sprintf("%s-%d", prefix, i)
		if r.ctx.Err() != nil {
			return nil
		}
		err := r.timed(row, func() error { return r.create(names[i : i+1]) })
		if err != nil {
			return err
		}
	}
	row = r.row("clients connected")
	var clients []*client
	defer func() { closeClients(clients) }()
	for range r.clients {
		err := r.timed(row, func() error {
			c, err := r.client()
			if err == nil {
				clients = append(clients, c)
			}
			return err
		})
		if err != nil || r.ctx.Err() != nil {
			return err
		}
	}
	row = r.row("all topics asked for")
	for _, c := range clients {
		if err := r.timed(row, func() error { return r.askAll(c) }); err != nil || r.ctx.Err() != nil {
			return err
		}
	}
	r.sendAll(r.row("written"), clients, func(i int64) string { return names[i%int64(len(names))] })
	return nil
}

// timed does something that the table counts.
func (r *benchRun) timed(row *benchRow, do func() error) error {
	begun := r.shell.Clock.Now()
	err := do()
	now := r.shell.Clock.Now()
	if r.ctx.Err() == nil {
		row.done(now, now.Sub(begun), 0, err)
	}
	r.bar.show(row.text)
	return err
}

func (r *benchRun) askAll(c *client) error {
	ctx, cancel := c.within(r.ctx)
	defer cancel()
	req := kmsg.NewPtrMetadataRequest()
	_, err := req.RequestWith(ctx, c)
	return c.explain(err)
}
