package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/internal/words"
)

const benchLong = `Measure a Kafka broker, any one, from here. Each bench makes a topic of its own, and deletes
it at the end (--keep does not, --topic uses one that there is). Ctrl-C ends it early, with
the table of what was done until then.

With --rate records have their time, and latency counts from that time on, not from when
the client came to send them: a broker that stands still for a second is seen to have kept
waiting all records of that second. Without --rate as much is sent as goes; latency then is
mostly how long a record waits in the client's own buffer.

The client of this program is measured with the broker, on this machine's CPUs.`

// bench is the flags that all of them share.
type bench struct {
	flags

	topic, acks, codec, sizeText string

	records    int64
	size       int
	rate       float64
	linger     time.Duration
	clients    int
	partitions int32
	keep       bool
}

func newBench(s *Shell) *cobra.Command {
	c := &cobra.Command{Use: "bench", Short: "Measure how fast a broker writes, reads and answers", Long: benchLong, Args: cobra.NoArgs, RunE: help}
	c.AddCommand(newBenchProduce(s), newBenchConsume(s), newBenchLatency(s), newBenchMany(s))
	return c
}

// newBenchVerb makes a command of a measurement.
func newBenchVerb(s *Shell, use, short, long string, records int64, rate float64, run func(*benchRun) error) (*cobra.Command, *bench) {
	f := &bench{flags: flags{shell: s}}
	c := &cobra.Command{
		Use: use + " [HOST:PORT]", Short: short, Long: long, Args: cobra.MaximumNArgs(1), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args, run) },
	}
	c.Flags().StringVar(&f.topic, "topic", "", "use the topic `NAME`, which is there, and is not deleted")
	c.Flags().BoolVar(&f.keep, "keep", false, "do not delete the topics that were made")
	c.Flags().Int32Var(&f.partitions, "partitions", 1, "`NUMBER` of partitions of a topic that is made")
	c.Flags().Int64VarP(&f.records, "records", "n", records, "`NUMBER` of records")
	c.Flags().StringVar(&f.sizeText, "size", "1KiB", "size of a record's value, in `BYTES`, KiB or MiB")
	c.Flags().Float64Var(&f.rate, "rate", rate, "`RECORDS` a second; 0: as many as go")
	c.Flags().StringVar(&f.acks, "acks", ackWords[0], "`WHO` has to have a record: "+wordList(ackWords[:]))
	c.Flags().StringVar(&f.codec, "codec", codecWords[0], "`CODEC` of the batches: "+wordList(codecWords[:]))
	c.Flags().Var((*SpanFlag)(&f.linger), "linger", "how much `TIME` a batch waits for more records")
	f.register(c, outputTable, outputJSON)
	_ = c.RegisterFlagCompletionFunc("topic", f.completeTopics) // it fails for a flag that there is not
	return c, f
}

// Bounds of the flags.
const (
	benchSizeMost    = 64 << 20 // what the client can send is 100 MiB, as brokers take by default
	benchClientsMost = 10000
)

// check reads the flags.
func (f *bench) check() (options []kgo.Opt, err error) {
	w := writing{parser: parser{partition: -1}}
	transport := produce{codec: f.codec, acks: f.acks}
	if err := transport.transport(&w); err != nil {
		return nil, err
	}
	if f.size, err = parseSize(f.sizeText); err != nil {
		return nil, UsageError{fmt.Errorf("--size: %w", err)}
	}
	switch {
	case f.records < 1:
		return nil, UsageError{errors.New("--records must be at least 1")}
	case !(f.rate >= 0 && f.rate <= 1e9): // NaN is neither
		return nil, UsageError{errors.New("--rate must be from 0 to 1e9")}
	case f.partitions < 1:
		return nil, UsageError{errors.New("--partitions must be at least 1")}
	case f.clients < 1 || f.clients > benchClientsMost:
		return nil, UsageError{fmt.Errorf("--clients must be from 1 to %d", benchClientsMost)}
	}
	if f.topic != "" {
		if err := checkTopicNames([]string{f.topic}); err != nil {
			return nil, err
		}
	}
	return append(w.options, kgo.MaxBufferedBytes(max(bufferedBytesMax/f.clients, 2*f.size)), kgo.AllowIdempotentProduceCancellation(),
		kgo.RecordDeliveryTimeout(producePatience*f.timeout), kgo.ProducerLinger(f.linger), kgo.ProducerBatchMaxBytes(int32(max(1_000_000, f.size+f.size/8+1024)))), nil
}

// parseSize reads a number of bytes.
func parseSize(text string) (int, error) {
	number, unit := text, 1
	for _, u := range []struct {
		name  string
		bytes int
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"kB", 1000}, {"MB", 1000 * 1000}} {
		if n, ok := strings.CutSuffix(text, u.name); ok {
			number, unit = strings.TrimSpace(n), u.bytes
		}
	}
	n, err := strconv.ParseUint(number, 10, 31)
	if err != nil || n > benchSizeMost || int(n)*unit > benchSizeMost {
		return 0, fmt.Errorf("%s is no size up to 64 MiB, such as 100, 4KiB or 1MiB", words.Quoted(text))
	}
	return int(n) * unit, nil
}

// benchRun is one measurement.
type benchRun struct {
	*bench

	cmd     *cobra.Command
	ctx     context.Context // ends with ctrl-C
	admin   *client
	options []kgo.Opt
	name    string // of the topic
	made    []string
	rows    []*benchRow
	bar     *progress
}

func (f *bench) run(cmd *cobra.Command, args []string, measure func(*benchRun) error) error {
	if len(args) == 1 && f.bootstrap != "" {
		return UsageError{errors.New("the address stands twice on the command line: as an argument, and with -b")}
	}
	if len(args) == 1 {
		f.bootstrap = args[0]
	}
	options, err := f.check()
	if err != nil {
		return err
	}
	r := &benchRun{bench: f, cmd: cmd, ctx: cmd.Context(), options: options, name: f.topic}
	if r.admin, err = f.connect(cmd.Context()); err != nil {
		return err
	}
	defer r.admin.Close()
	r.bar = newProgress(f.shell.Clock, cmd.ErrOrStderr(), !f.shell.Terminal(cmd.ErrOrStderr()))
	err = measure(r)
	r.bar.clear()
	if r.ctx.Err() != nil {
		err = nil // what was done until then is shown
	}
	return errors.Join(r.show(), err, r.clean())
}

// prepare makes the topic, or sees that the one that was named is there.
func (r *benchRun) prepare() error {
	if r.topic != "" {
		_, err := r.admin.topics(r.ctx, []string{r.topic})
		return err
	}
	r.name = r.newName()
	if err := r.create([]string{r.name}); err != nil {
		return err
	}
	_, err := r.admin.awaitTopics(r.ctx, []string{r.name})
	return err
}

func (r *benchRun) newName() string {
	return fmt.Sprintf("mainstem-bench-%d", r.shell.Clock.Now().UnixNano())
}

// create makes topics.
func (r *benchRun) create(names []string) error {
	r.made = append(r.made, names...) // also if the answer is lost
	create := topicCreate{flags: r.flags, partitions: r.partitions, replication: -1}
	resp, err := create.request(r.ctx, r.admin, names, nil)
	if err != nil {
		return err
	}
	_, failed := create.answers(names, resp)
	return errors.Join(failed...)
}

// benchDeleteAtOnce is how many topics are deleted with one request.
const benchDeleteAtOnce = 500

// clean deletes the topics that were made.
func (r *benchRun) clean() error {
	if r.keep {
		return nil
	}
	var failed []error
	for names := r.made; len(names) > 0; {
		n := min(len(names), benchDeleteAtOnce)
		failed = append(failed, r.delete(names[:n]))
		names = names[n:]
	}
	return errors.Join(failed...)
}

func (r *benchRun) delete(names []string) error {
	resp, err := r.requestDeletion(r.ctx, r.admin, names)
	if err != nil {
		return fmt.Errorf("topic %s and %d more are left: %w", names[0], len(names)-1, err)
	}
	var failed []error
	for i := range resp.Topics {
		t := &resp.Topics[i]
		if t.Topic != nil && t.ErrorCode != 3 { // that it is not there is what is wanted
			failed = append(failed, refused("topic "+words.Quoted(*t.Topic), t.ErrorCode, t.ErrorMessage))
		}
	}
	return errors.Join(failed...)
}
