package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/words"
)

// pollPatience is how long nothing comes before it is asked why.
const pollPatience = 500 * time.Millisecond

// idlesToLook is how many such times who follows looks whether the topics and their
// brokers are still there: quiet topics are not to cost brokers much.
const idlesToLook = 4

// reader reads partitions without a group.
type reader struct {
	*reading

	consumer *client // reads
	looker   *client // asks
	spans    map[model.TopicPartition]*span
	out      *recordWriter
	notices  io.Writer
	bar      *progress
	told     string // the last notice
	idles    int    // polls in turn that brought nothing
}

// readPartitions prints what is to be read of partitions.
func (f *consume) readPartitions(cmd *cobra.Command, c *client, topics []topic, r *reading, out *recordWriter) error {
	spans, held, err := c.spans(cmd.Context(), topics, r)
	if err != nil {
		return err
	}
	x := &reader{reading: r, looker: c, spans: spans, out: out, notices: cmd.ErrOrStderr()}
	places := map[string]map[int32]kgo.Offset{}
	for tp, s := range spans {
		if s.done() {
			continue
		}
		if places[tp.Topic] == nil {
			places[tp.Topic] = map[int32]kgo.Offset{}
		}
		places[tp.Topic][tp.Partition] = kgo.NewOffset().At(s.next)
	}
	if len(places) > 0 {
		x.consumer, err = f.connect(cmd.Context(), append(r.options(), kgo.ConsumePartitions(places),
			kgo.ConsumeResetOffset(kgo.NoResetOffset()), kgo.KeepControlRecords())...)
		if err != nil {
			return err
		}
		defer x.consumer.Close()
		x.bar = f.newProgress(cmd, r)
		err = x.run(cmd.Context())
		x.bar.clear()
	}
	if err == nil && held > 0 && (r.count == 0 || out.records < r.count) {
		return written(fmt.Fprintf(x.notices, "mainstem: %s from the first open transaction on not shown (--isolation read_uncommitted shows them)\n",
			words.Counted(held, "offset", "offsets")))
	}
	return err
}

// options are those of every consumer.
func (r *reading) options() []kgo.Opt {
	level := kgo.ReadUncommitted()
	if r.isolation == readCommitted {
		level = kgo.ReadCommitted()
	}
	return []kgo.Opt{kgo.FetchIsolationLevel(level)}
}

// newProgress shows how far a reader is, where somebody looks and records go elsewhere.
func (f *flags) newProgress(cmd *cobra.Command, r *reading) *progress {
	quiet := !r.bounded || f.shell.Terminal(cmd.OutOrStdout()) || !f.shell.Terminal(cmd.ErrOrStderr())
	return newProgress(f.shell.Clock, cmd.ErrOrStderr(), quiet)
}

// run reads until everything is read, or enough, or somebody ends it.
func (x *reader) run(ctx context.Context) error {
	for x.left() {
		poll, cancel := context.WithTimeout(ctx, pollPatience)
		fetches := x.consumer.PollRecords(poll, pollRecordsMax)
		cancel()
		before := x.out.records
		moved, err := x.print(fetches)
		if err := errors.Join(err, x.out.flush()); err != nil {
			return err
		}
		if err := fetchError(x.consumer, fetches); err != nil && x.left() {
			return err
		}
		if x.out.records > before {
			x.told, x.idles = "", 0
		}
		switch {
		case over(ctx) && x.bounded && x.left():
			return fmt.Errorf("interrupted after %s", words.Counted(x.out.records, "record", "records"))
		case over(ctx):
			return nil
		case !moved:
			if err := x.idle(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// pollRecordsMax bounds what is taken of the client at a time.
const pollRecordsMax = 10_000

// left reports whether there is something to read yet.
func (x *reader) left() bool {
	if x.count > 0 && x.out.records >= x.count {
		return false
	}
	for _, s := range x.spans {
		if !s.done() {
			return true
		}
	}
	return false
}

// print prints what was fetched, as far as it was asked for.
func (x *reader) print(fetches kgo.Fetches) (moved bool, err error) {
	fetches.EachPartition(func(p kgo.FetchTopicPartition) {
		s := x.spans[model.TopicPartition{Topic: p.Topic, Partition: p.Partition}]
		for _, r := range p.Records {
			if err != nil || s == nil || s.done() || x.count > 0 && x.out.records >= x.count {
				return
			}
			moved = true
			s.next = r.Offset + 1
			if r.Attrs.IsControl() || !s.endless && r.Offset >= s.end {
				continue
			}
			err = x.out.write(r)
		}
	})
	x.bar.show(func() string { return x.progressText() })
	return moved, err
}

func (x *reader) progressText() string {
	read, all := int64(0), int64(0)
	for _, s := range x.spans {
		read, all = read+min(s.next, s.end)-s.start, all+s.end-s.start
	}
	return fmt.Sprintf("%s, %s, %.0f%% of the offsets", words.Counted(x.out.records, "record", "records"), words.Bytes(x.out.bytes), 100*float64(read)/float64(max(all, 1)))
}

// idle asks why nothing comes: ends may have been reached without a record, brokers may
// be gone.
func (x *reader) idle(ctx context.Context) error {
	if !x.bounded {
		if x.idles++; x.idles%idlesToLook != 0 {
			return nil
		}
		var names []string
		for tp := range x.spans {
			names = append(names, tp.Topic)
		}
		slices.Sort(names)
		_, err := x.looker.topics(ctx, slices.Compact(names))
		if err == nil || over(ctx) {
			return nil
		}
		if errors.As(err, new(unknownTopic)) {
			return err
		}
		return x.tell(err)
	}
	for _, tp := range slices.SortedFunc(maps.Keys(x.spans), byName) {
		s := x.spans[tp]
		if s.done() {
			continue
		}
		empty, err := x.looker.emptyTail(ctx, tp, s.next, s.end, x.isolation)
		switch {
		case over(ctx):
			return nil // run says so
		case err != nil:
			return err
		case empty:
			s.next = s.end
		}
	}
	return nil
}

// over reports whether somebody has ended the command.
func over(ctx context.Context) bool { return ctx.Err() != nil }

// tell says once what a reader waits for.
func (x *reader) tell(err error) error {
	if text := err.Error(); text != x.told {
		x.told = text
		return written(fmt.Fprintf(x.notices, "mainstem: waiting: %s\n", text))
	}
	return nil
}

func byName(a, b model.TopicPartition) int {
	if c := strings.Compare(a.Topic, b.Topic); c != 0 {
		return c
	}
	return int(a.Partition) - int(b.Partition)
}

// damaged reports whether a partition could not be read for what is in it: the broker
// knows that it is damaged, or the client has held it against its checksum.
func damaged(err error) bool {
	return errors.Is(err, kerr.CorruptMessage) || strings.Contains(err.Error(), "does not match calculated crc") // of franz-go
}

// fetchError is what makes going on useless.
func fetchError(c *client, fetches kgo.Fetches) error {
	for _, e := range fetches.Errors() {
		switch {
		case errors.Is(e.Err, context.DeadlineExceeded), errors.Is(e.Err, context.Canceled):
			continue // of the poll
		case errors.Is(e.Err, kerr.OffsetOutOfRange):
			return fmt.Errorf("partition %s-%d: what was to be read next is gone from the log (retention, or the topic is another one by now): begin again (%s)",
				words.Quoted(e.Topic), e.Partition, kerr.OffsetOutOfRange.Message)
		case e.Topic == "":
			return c.explain(e.Err)
		case damaged(e.Err):
			return fmt.Errorf("partition %s-%d: what comes next is damaged: %w; --partition %d --from OFFSET goes on behind it, and `mainstem log check` on the stopped broker tells where it ends",
				words.Quoted(e.Topic), e.Partition, e.Err, e.Partition)
		}
		return fmt.Errorf("partition %s-%d: %w", words.Quoted(e.Topic), e.Partition, c.explain(e.Err))
	}
	return nil
}
