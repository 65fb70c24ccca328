package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/words"
)

// tally counts what became of the records that were sent.
type tally struct {
	clock clock.Clock
	stop  context.CancelFunc // ends the reading of input at the first failure
	mu    struct {
		sync.Mutex
		waiting        int64     // records that were sent, with no outcome yet
		moved          time.Time // when that last changed for the better
		records, bytes int64
		partitions     map[int32]*producedPartition
		failed         int64 // records that are not acknowledged
		first          *failure
	}
}

// failure is a record that is not written.
type failure struct {
	number    int64 // of the record, in the order of the input
	partition int32
	from      place
	err       error
}

// producedPartition is what one partition got.
type producedPartition struct {
	Partition int32 `json:"partition"`
	Records   int64 `json:"records"`
	First     int64 `json:"firstOffset"`
	Last      int64 `json:"lastOffset"`
}

// produced is the summary.
type produced struct {
	Topic      string              `json:"topic"`
	Records    int64               `json:"records"`
	Bytes      int64               `json:"bytes"` // of keys and values
	Partitions []producedPartition `json:"partitions,omitempty"`
}

// done takes the outcome of one record.
func (t *tally) done(r *kgo.Record, number int64, from place, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mu.waiting, t.mu.moved = t.mu.waiting-1, t.clock.Now()
	if err != nil {
		t.mu.failed++
		if t.mu.first == nil || number < t.mu.first.number {
			t.mu.first = &failure{number, r.Partition, from, err}
		}
		t.stop()
		return
	}
	t.mu.records++
	t.mu.bytes += int64(len(r.Key) + len(r.Value))
	p := t.mu.partitions[r.Partition]
	if p == nil {
		p = &producedPartition{Partition: r.Partition, First: r.Offset, Last: r.Offset}
		t.mu.partitions[r.Partition] = p
	}
	p.Records, p.First, p.Last = p.Records+1, min(p.First, r.Offset), max(p.Last, r.Offset)
}

// begin counts a record that is about to be sent.
func (t *tally) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mu.waiting++; t.mu.waiting == 1 {
		t.mu.moved = t.clock.Now()
	}
}

// watch gives up once no record had an outcome for so long: the client itself tries for
// ever, and what it has to bound that goes by the timestamps of records, which may be old.
func (t *tally) watch(patience time.Duration, stop <-chan struct{}, giveUp func()) {
	for clock.Wait(t.clock, patience/4, stop) {
		t.mu.Lock()
		stalled := t.mu.waiting > 0 && t.clock.Now().Sub(t.mu.moved) > patience
		t.mu.Unlock()
		if stalled {
			giveUp()
			return
		}
	}
}

// text is how far it is.
func (t *tally) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return fmt.Sprintf("%s, %s acknowledged", words.Counted(t.mu.records, "record", "records"), words.Bytes(t.mu.bytes))
}

// producePatience is after how many timeouts without any outcome records are given up:
// requests are tried again in that time.
const producePatience = 3

// writeAll sends all records and says what became of them.
func (f *produce) writeAll(cmd *cobra.Command, c *client, w *writing, files []string) error {
	stdin := cmd.InOrStdin()
	typed := slices.Contains(files, stdinName) && f.shell.Terminal(stdin)
	if typed && f.shell.Terminal(cmd.ErrOrStderr()) {
		if err := written(fmt.Fprintln(cmd.ErrOrStderr(), "mainstem: each line is a record; ctrl-D ends")); err != nil {
			return err
		}
	}
	ctx, stop := context.WithCancel(cmd.Context())
	defer stop()
	// What was read is brought to its end also after ctrl-C: each record is acknowledged
	// or not before anything is said of it.
	life, giveUp := context.WithCancel(context.WithoutCancel(ctx))
	defer giveUp()
	t := &tally{clock: f.shell.Clock, stop: stop}
	t.mu.partitions = map[int32]*producedPartition{}
	bar := newProgress(f.shell.Clock, cmd.ErrOrStderr(), typed || !f.shell.Terminal(cmd.ErrOrStderr()))
	var watching sync.WaitGroup
	sent := make(chan struct{})
	watching.Go(func() { t.watch(producePatience*f.timeout, sent, giveUp) })
	read := t.send(ctx, life, c, f.take(ctx, w, stdin, files), bar)
	err := c.Flush(context.WithoutCancel(ctx))
	close(sent)
	watching.Wait()
	bar.clear()
	if err != nil {
		return c.explain(err)
	}
	err = t.verdict(c, w, read, cmd.Context().Err() != nil)
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil && t.mu.records == 0 {
		return err
	}
	return errors.Join(f.summary(cmd, t, w), err)
}

// send sends records until the input ends. It returns why it stopped: nil at the end of
// the input, and after a failure that the tally knows.
func (t *tally) send(ctx, life context.Context, c *client, records <-chan taken, bar *progress) error {
	for number := int64(0); ; number++ {
		var next taken
		select {
		case next = <-records:
		case <-ctx.Done():
			return nil
		}
		switch {
		case errors.Is(next.err, io.EOF) && next.from == place{}:
			return nil
		case next.err != nil && next.from == place{}:
			return next.err // a file that can not be opened
		case next.err != nil:
			return fmt.Errorf("%s: %w", next.from, next.err)
		}
		from := next.from
		t.begin()
		c.Produce(life, next.record, func(r *kgo.Record, err error) { t.done(r, number, from, err) })
		bar.show(t.text)
	}
}

// verdict is the error of a run: nil if all records of the input are written.
func (t *tally) verdict(c *client, w *writing, read error, interrupted bool) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	first := t.mu.first
	switch {
	case first != nil:
		err := fmt.Errorf("%s: %w; %s acknowledged, all before it among them", first.from, t.why(c, w, first), were(t.mu.records))
		if t.mu.failed > 1 {
			err = fmt.Errorf("%w, and %d were not", err, t.mu.failed)
		}
		return err
	case read != nil:
		return fmt.Errorf("%w; before it %s written, and nothing behind it", read, were(t.mu.records))
	case interrupted:
		return fmt.Errorf("interrupted: the input was not read to its end; %s written", were(t.mu.records))
	}
	return nil
}

func were(n int64) string {
	if n == 1 {
		return "1 record was"
	}
	return words.Counted(n, "record", "records") + " were"
}

// why explains the error of a record.
func (t *tally) why(c *client, w *writing, of *failure) error {
	err := of.err
	switch {
	case errors.Is(err, kerr.MessageTooLarge):
		return fmt.Errorf("%w (%s)", w.tooLarge(), kerr.MessageTooLarge.Message)
	case errors.Is(err, context.Canceled): // by watch
		if address, _ := c.dials.node(); address == "" {
			if told := c.unwritten(w.topic, of.partition); told != nil {
				return fmt.Errorf("nothing was acknowledged for long; %w", told)
			}
			return errors.New("nothing was acknowledged for long; it may be written all the same (--timeout gives the brokers longer)")
		}
		err = context.DeadlineExceeded
	}
	return c.explain(err)
}

// summary says what was written.
func (f *produce) summary(cmd *cobra.Command, t *tally, w *writing) error {
	s := produced{Topic: w.topic, Records: t.mu.records, Bytes: t.mu.bytes}
	if w.acked {
		for _, n := range slices.Sorted(maps.Keys(t.mu.partitions)) {
			s.Partitions = append(s.Partitions, *t.mu.partitions[n])
		}
	}
	return f.show(cmd.OutOrStdout(), s, func(p *printer) {
		p.printf("%s (%s) ", words.Counted(s.Records, "record", "records"), words.Bytes(s.Bytes))
		switch {
		case !w.acked:
			p.printf("sent to topic %s, which nobody has acknowledged (--acks 0)\n", words.Quoted(s.Topic))
		case len(s.Partitions) == 1 && s.Records == 1:
			p.printf("written to %s-%d at offset %d\n", words.Quoted(s.Topic), s.Partitions[0].Partition, s.Partitions[0].First)
		default:
			p.printf("written to %s of topic %s\n", words.Counted(len(s.Partitions), "partition", "partitions"), words.Quoted(s.Topic))
		}
	})
}
