package cli

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mainstem-mq/mainstem/internal/words"
)

const consumeLong = `Print the records of topics: from the beginning of the log, up to what is its end now.
With --follow it goes on with what comes. Several partitions are read side by side: order
is kept within each of them.

--from and --to (which is not printed any more) are each one of
  beginning, end              the first record that is left, or behind the last one
  2026-11-22T13:00:00Z, 15m   the first record of that time (or so long ago, in d, h,
                              m and s) or later; also @MS, in ms since 1970
  -N                          N records before the end of each partition
  N                           the record at that offset
and are kept within what is in the log.

With --group it is a member of that consumer group, until ctrl-C or -n: it shares the
partitions with the other members, goes on where the group stopped, and commits what it
has printed. --from then says where the group begins if it has committed nothing.

A value is printed with a line end behind it, or as --format says. On a terminal, what
is no text is printed as \xHH; into a file or pipe everything goes as it is.

` + formatLong + "\n\n" + jsonLong

// consume is the command's flags.
type consume struct {
	flags

	from, to, group, partitions, format, isolation string
	count                                          int64
	follow                                         bool
}

func newConsume(s *Shell) *cobra.Command {
	f := consume{flags: flags{shell: s}}
	c := &cobra.Command{
		Use:   "consume TOPIC...",
		Short: "Print the records of topics",
		Long:  consumeLong,
		Example: `  mainstem consume orders
  mainstem consume orders --from 15m --follow
  mainstem consume orders --from=-10 --format '%t [%p] at %o: %k = %s\n'
  mainstem consume orders --partition 0 --from 1200 -n 1 -o json
  mainstem consume orders --group readers`,
		Args:              someTopics,
		ValidArgsFunction: f.completeTopics,
		RunE:              f.run,
	}
	c.Flags().StringVar(&f.from, "from", "beginning", "`WHERE` to begin: beginning, end, a time, an offset, or -N")
	c.Flags().StringVar(&f.to, "to", "", "`WHERE` to end (default: where the end is now)")
	c.Flags().BoolVarP(&f.follow, "follow", "f", false, "go on with what comes, until ctrl-C")
	c.Flags().StringVarP(&f.group, "group", "g", "", "be a member of the consumer group `NAME`")
	c.Flags().Int64VarP(&f.count, "count", "n", 0, "end after so many `RECORDS`")
	c.Flags().StringVarP(&f.partitions, "partition", "p", "", "only these partitions, as `N,M-O`")
	c.Flags().StringVar(&f.format, "format", "", "print records in this `FORMAT` (default '%s\\n')")
	c.Flags().StringVar(&f.isolation, "isolation", isolationWords[readCommitted], "`LEVEL`: read_committed leaves out transactions that are open or aborted, read_uncommitted does not")
	f.register(c, outputText, outputJSON)
	_ = c.RegisterFlagCompletionFunc("group", f.completeGroups) // it fails for a flag that there is not
	return c
}

// isolationWords are Kafka's names of the levels.
var isolationWords = [...]string{readUncommitted: "read_uncommitted", readCommitted: "read_committed"}

// reading is what the flags mean.
type reading struct {
	from, to   where
	bounded    bool // it ends at to
	partitions []int32
	format     format
	json       bool
	isolation  int8
	count      int64 // 0: all
	group      string
}

// plan reads the flags.
func (f *consume) plan(cmd *cobra.Command, now time.Time) (r reading, err error) {
	given := cmd.Flags().Changed
	r = reading{bounded: !f.follow && f.group == "", to: where{kind: atEnd}, json: f.output == outputJSON, count: f.count, group: f.group}
	switch {
	case given("group") && f.group == "":
		return r, UsageError{errors.New("a group's name is not empty")}
	case f.group != "" && (f.to != "" || f.partitions != ""):
		return r, UsageError{errors.New("--group shares the partitions out and goes on where it stopped: it goes without --to and --partition (-n ends it)")}
	case f.follow && f.to != "":
		return r, UsageError{errors.New("--follow does not end: it goes without --to")}
	case given("count") && f.count < 1:
		return r, UsageError{errors.New("-n must be at least 1")}
	case given("format") && r.json:
		return r, UsageError{errors.New("--format is for text: it goes without -o json")}
	}
	if r.from, err = parseWhere(f.from, now); err != nil {
		return r, UsageError{fmt.Errorf("--from: %w", err)}
	}
	if f.group != "" && r.from.kind != atBeginning && r.from.kind != atEnd {
		return r, UsageError{fmt.Errorf("--from %s: where a group has committed nothing it begins at the beginning or the end (mainstem group reset moves what it has committed)", f.from)}
	}
	if f.to != "" {
		if r.to, err = parseWhere(f.to, now); err != nil {
			return r, UsageError{fmt.Errorf("--to: %w", err)}
		}
	}
	level := slices.Index(isolationWords[:], f.isolation)
	if level < 0 {
		return r, UsageError{fmt.Errorf("--isolation %s: must be %s", words.Quoted(f.isolation), wordList(isolationWords[:]))}
	}
	r.isolation = int8(level)
	if r.partitions, err = parsePartitions(f.partitions); err != nil {
		return r, UsageError{fmt.Errorf("--partition: %w", err)}
	}
	if f.format == "" && !given("format") {
		f.format = `%s\n`
	}
	if r.format, err = parseFormat(f.format); err != nil {
		return r, UsageError{fmt.Errorf("--format: %w", err)}
	}
	return r, nil
}

// partitionsMax bounds the numbers that a range stands for.
const partitionsMax = 1 << 20

// parsePartitions reads a list such as 0,2-4.
func parsePartitions(text string) (out []int32, err error) {
	if text == "" {
		return nil, nil
	}
	for word := range strings.SplitSeq(text, ",") {
		low, high, isRange := strings.Cut(strings.TrimSpace(word), "-")
		if !isRange {
			high = low
		}
		first, err := strconv.ParseUint(low, 10, 31)
		last, err2 := strconv.ParseUint(high, 10, 31)
		if err != nil || err2 != nil || last < first || last-first >= partitionsMax {
			return nil, fmt.Errorf("%q is not the number of a partition, nor a range such as 2-4", word)
		}
		for n := first; n <= last; n++ {
			out = append(out, int32(n))
		}
		if len(out) > partitionsMax {
			return nil, errors.New("too many partitions")
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

func (f *consume) run(cmd *cobra.Command, args []string) error {
	r, err := f.plan(cmd, f.shell.Clock.Now())
	if err != nil {
		return err
	}
	return f.withTopics(cmd.Context(), args, func(c *client, topics []topic) error {
		out := newRecordWriter(cmd.OutOrStdout(), &r, f.shell.Terminal(cmd.OutOrStdout()))
		if r.group != "" {
			return f.readGroup(cmd, c, args, &r, out)
		}
		if err := only(topics, r.partitions); err != nil {
			return err
		}
		return f.readPartitions(cmd, c, topics, &r, out)
	})
}

// only leaves the partitions that were asked for.
func only(topics []topic, numbers []int32) error {
	if numbers == nil {
		return nil
	}
	for i := range topics {
		t := &topics[i]
		for _, n := range numbers {
			if !slices.ContainsFunc(t.partitions, func(p partition) bool { return p.number == n }) {
				return fmt.Errorf("topic %s has no partition %d: it has %s, from 0", words.Quoted(t.name), n, words.Counted(len(t.partitions), "partition", "partitions"))
			}
		}
		t.partitions = slices.DeleteFunc(t.partitions, func(p partition) bool { return !slices.Contains(numbers, p.number) })
	}
	return nil
}
