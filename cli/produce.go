package cli

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/internal/words"
)

const produceLong = `Write records to a topic: each line of the files, or of the standard input, is the value
of one. With --key-delimiter a line is a key, the delimiter, and a value; with --whole a
file as a whole is one record; with -i json a line is a record as "mainstem consume -o
json" prints it, with its key, value, headers and timestamp. (Its topic and offset are
left out, and so is its partition but with --partition same. A value that is no string is
written as its JSON.)

Records go to partitions as Java's clients have it: those of one key to one partition. It
ends when all records are acknowledged, with a line that says so. If one is not it stops,
says which line was the first that is not written, and exits with 1.

` + jsonLong

// produce is the command's flags.
type produce struct {
	flags

	input, key, keyDelimiter, null, partition, codec, acks, timestamp string

	headers       []string
	whole, create bool
}

func newProduce(s *Shell) *cobra.Command {
	f := produce{flags: flags{shell: s}}
	c := &cobra.Command{
		Use:   "produce TOPIC [FILE...]",
		Short: "Write records to a topic",
		Long:  produceLong,
		Example: `  echo hello | mainstem produce greetings --create
  mainstem produce orders --key-delimiter : --codec zstd orders.txt
  mainstem produce pictures --key logo --header type=image/png --whole logo.png
  mainstem consume orders -o json | mainstem produce orders.copy -i json`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return UsageError{fmt.Errorf("which topic? %s TOPIC; `mainstem topic list` shows all", c.CommandPath())}
			}
			return checkTopicNames(args[:1])
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveDefault // files
			}
			return f.topicNames(cmd.Context(), nil, begun), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: f.run,
	}
	c.Flags().StringVarP(&f.input, "input", "i", inputLines, "`FORM` of the input: "+wordList(inputWords))
	c.Flags().BoolVar(&f.whole, "whole", false, "make one record of each file as a whole, not of its lines")
	c.Flags().StringVarP(&f.key, "key", "k", "", "give records this `KEY`")
	c.Flags().StringVar(&f.keyDelimiter, "key-delimiter", "", "what stands between key and value of a line: this `TEXT`")
	c.Flags().StringArrayVarP(&f.headers, "header", "H", nil, "give records a header, as `KEY=VALUE`; may be repeated")
	c.Flags().StringVar(&f.null, "null", "", "a key or value that is this `TEXT` is none (null); '' makes that of empty ones")
	c.Flags().StringVarP(&f.partition, "partition", "p", "", "write to partition `N`, or to the same one that JSON names")
	c.Flags().StringVar(&f.codec, "codec", codecWords[0], "`CODEC` of the batches: "+wordList(codecWords[:]))
	c.Flags().StringVar(&f.acks, "acks", ackWords[0], "`WHO` has to have a record: "+wordList(ackWords[:])+" (all in-sync replicas, the leader, nobody)")
	c.Flags().StringVar(&f.timestamp, "timestamp", "", "give records this `TIME`, such as 2026-11-22T13:00:00Z, @MS, or 15m for that long ago")
	c.Flags().BoolVar(&f.create, "create", false, "create the topic with the broker's defaults if there is none")
	f.register(c, outputTable, outputJSON)
	return c
}

const inputLines = "lines"

// What the flags of produce may say.
const (
	samePartition = "same"
	inputJSON     = "json"
)

var (
	inputWords = []string{inputLines, inputJSON}
	codecWords = [...]string{"none", "gzip", "snappy", "lz4", "zstd"}
	ackWords   = [...]string{"all", "1", "0"}
)

// writing is what the flags mean.
type writing struct {
	parser

	whole   bool
	options []kgo.Opt
	acked   bool // brokers say what they have
}

// plan reads the flags.
func (f *produce) plan(cmd *cobra.Command, now time.Time) (w writing, err error) {
	given := cmd.Flags().Changed
	switch {
	case !slices.Contains(inputWords, f.input):
		return w, UsageError{fmt.Errorf("-i %s: must be %s", words.Quoted(f.input), wordList(inputWords))}
	case f.input == inputJSON && (given("key-delimiter") || given("null") || f.whole):
		return w, UsageError{errors.New("-i json says of each record what its key and value are: it goes without --key-delimiter, --null and --whole")}
	case f.keyDelimiter != "" && (f.whole || given("key")):
		return w, UsageError{errors.New("--key-delimiter takes the key from each line: it goes without --key and --whole")}
	case given("key-delimiter") && f.keyDelimiter == "":
		return w, UsageError{errors.New("--key-delimiter is empty")}
	case f.partition == samePartition && f.input != inputJSON:
		return w, UsageError{errors.New("--partition same needs -i json, which names a partition")}
	}
	w.parser = parser{json: f.input == inputJSON, delimiter: []byte(f.keyDelimiter), hasNull: given("null"), null: []byte(f.null), partition: -1}
	if given("key") {
		w.key = []byte(f.key)
	}
	w.same = f.partition == samePartition
	if f.partition != "" && !w.same {
		n, err := strconv.ParseUint(f.partition, 10, 31)
		if err != nil {
			return w, UsageError{fmt.Errorf("--partition %s: must be the number of a partition, or %s", words.Quoted(f.partition), samePartition)}
		}
		w.partition = int32(n)
	}
	headers, err := keyValues("--header", f.headers)
	if err != nil {
		return w, err
	}
	for _, h := range headers {
		w.headers = append(w.headers, kgo.RecordHeader{Key: h.key, Value: []byte(h.value)})
	}
	if f.timestamp != "" {
		at, err := parseWhere(f.timestamp, now)
		if err != nil || at.kind != atTime {
			return w, UsageError{fmt.Errorf("--timestamp %s: must be a time such as 2026-11-22T13:00:00Z, @1795352400000 (in ms), or 15m for that long ago", words.Quoted(f.timestamp))}
		}
		w.timestamp = at.at
	}
	w.whole = f.whole
	return w, f.transport(&w)
}

// transport reads how batches are made and acknowledged.
func (f *produce) transport(w *writing) error {
	codecs := [...]kgo.CompressionCodec{kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression()}
	codec := slices.Index(codecWords[:], f.codec)
	if codec < 0 {
		return UsageError{fmt.Errorf("--codec %s: must be %s", words.Quoted(f.codec), wordList(codecWords[:]))}
	}
	w.options = append(w.options, kgo.ProducerBatchCompression(codecs[codec]))
	w.acked = true
	switch f.acks {
	case "all":
		w.options = append(w.options, kgo.RequiredAcks(kgo.AllISRAcks()))
	case "1":
		w.options = append(w.options, kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite())
	case "0":
		w.acked = false
		w.options = append(w.options, kgo.RequiredAcks(kgo.NoAck()), kgo.DisableIdempotentWrite())
	default:
		return UsageError{fmt.Errorf("--acks %s: must be %s", words.Quoted(f.acks), wordList(ackWords[:]))}
	}
	if w.partition >= 0 || w.same {
		w.options = append(w.options, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	}
	return nil
}

// Limits of what is held while it is not acknowledged. A topic may allow batches of any
// size; beyond the first limit they are not made.
const (
	batchBytesMax     = 64 << 20
	batchBytesDefault = 1048588 // of max.message.bytes
	batchBytesLeast   = 512     // that the client's library takes
	bufferedBytesMax  = 128 << 20
)

func (f *produce) run(cmd *cobra.Command, args []string) error {
	w, err := f.plan(cmd, f.shell.Clock.Now())
	if err != nil {
		return err
	}
	c, err := f.connect(cmd.Context())
	if err != nil {
		return err
	}
	defer c.Close()
	t, err := f.topicFor(cmd, c, args[0])
	if err != nil {
		return err
	}
	w.topic, w.partitions = t.name, int32(len(t.partitions))
	if w.partition >= w.partitions {
		return fmt.Errorf("topic %s has no partition %d: it has %s, from 0", words.Quoted(t.name), w.partition, words.Counted(w.partitions, "partition", "partitions"))
	}
	w.bytesMax = batchBytesDefault
	if configs, err := c.configs(cmd.Context(), []topic{t}); err == nil {
		for _, x := range configs[t.name] {
			if x.Name == "max.message.bytes" && x.Value != nil {
				if n, err := strconv.Atoi(*x.Value); err == nil && n > 0 {
					w.bytesMax = min(n, batchBytesMax)
				}
			}
		}
	}
	producer, err := f.connect(cmd.Context(), append(w.options, kgo.DefaultProduceTopic(t.name), kgo.ProducerBatchMaxBytes(int32(max(w.bytesMax, batchBytesLeast))),
		kgo.MaxBufferedBytes(bufferedBytesMax), kgo.AllowIdempotentProduceCancellation())...)
	if err != nil {
		return err
	}
	defer producer.Close()
	files := args[1:]
	if len(files) == 0 {
		files = []string{stdinName}
	}
	return f.writeAll(cmd, producer, &w, files)
}

// topicFor looks the topic up, and creates it if that is asked for.
func (f *produce) topicFor(cmd *cobra.Command, c *client, name string) (topic, error) {
	topics, err := c.topics(cmd.Context(), []string{name})
	switch {
	case err == nil:
		return topics[0], nil
	case !errors.As(err, new(unknownTopic)):
		return topic{}, err
	case !f.create:
		return topic{}, fmt.Errorf("%w; --create makes one", err)
	}
	create := topicCreate{flags: f.flags, partitions: -1, replication: -1, ifNotExists: true}
	resp, err := create.request(cmd.Context(), c, []string{name}, nil)
	if err != nil {
		return topic{}, err
	}
	if _, failed := create.answers([]string{name}, resp); len(failed) > 0 {
		return topic{}, failed[0]
	}
	if topics, err = c.awaitTopics(cmd.Context(), []string{name}); err != nil {
		return topic{}, err
	}
	return topics[0], nil
}
