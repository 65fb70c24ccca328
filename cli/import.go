package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mainstem-mq/mainstem/cli/importer"
	"github.com/mainstem-mq/mainstem/internal/words"
)

const importLong = `Copy topics from any Kafka cluster (--from) to a Mainstem broker (-b), and keep: the
offsets of all records, keys, values, headers, timestamps and their kind, compression, the
settings that the topics have of their own, where their logs begin, and the positions of
consumer groups. Records of aborted transactions are left out; their offsets stay empty.

Then the copy is compared with the source: every record, read from both. A difference is
an error that names the offset. What retention or compaction has taken from the source
meanwhile is counted.

Until it is finished a topic takes no other records, keeps all that it has, and can be
read. So: run it while the source is in use, as often as you like; each run goes on where
the target ends, also after one that was killed. Then stop the producers and consumers of
the source, run it with --finish, and have them go on with the target. --finish waits
until the source stands still and both sides are the same, copies the positions of groups,
and opens the topics for producers.

In --topics and --groups * stands for any characters. Nothing is changed at the source.`

// importTopics is the command's flags.
type importTopics struct {
	flags

	from                   string
	topics, groups, skip   []string
	noGroups, activeGroups bool
	finish                 bool
	parallel               int
	patience               time.Duration
}

func newImport(s *Shell) *cobra.Command {
	f := importTopics{flags: flags{shell: s}, patience: 2 * time.Minute}
	c := &cobra.Command{
		Use:   "import --from HOST:PORT --topics NAME[,...]",
		Short: "Copy topics from any Kafka cluster, and keep their offsets",
		Long:  importLong,
		Example: `  mainstem import --from kafka1:9092 --topics orders,payments
  mainstem import --from kafka1:9092 --topics 'shop.*' --finish
  mainstem import --from kafka1:9092 --topics '*' --groups 'billing-*' --finish -o json`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              f.run,
	}
	c.Flags().StringVar(&f.from, "from", "", "copy from the Kafka brokers at `HOST:PORT[,...]`, one of them is enough")
	c.Flags().StringSliceVar(&f.topics, "topics", nil, "`NAMES` of the topics, with commas between")
	c.Flags().StringSliceVar(&f.groups, "groups", []string{"*"}, "`NAMES` of the consumer groups whose positions are copied, of those that have any in the topics")
	c.Flags().BoolVar(&f.noGroups, "no-groups", false, "copy no positions of groups")
	c.Flags().BoolVar(&f.activeGroups, "active-groups", false, "copy positions of groups that have members, too, as they are then")
	c.Flags().StringSliceVar(&f.skip, "skip-config", nil, "`NAMES` of settings that the topics shall not take over")
	c.Flags().BoolVar(&f.finish, "finish", false, "once source and target are the same, copy positions of groups and open the topics for producers")
	c.Flags().IntVar(&f.parallel, "parallel", 4, "`NUMBER` of partitions at work side by side")
	c.Flags().Var((*SpanFlag)(&f.patience), "patience", "how much `TIME` a broker may be away before the import is given up")
	f.register(c, outputTable, outputJSON)
	return c
}

// parallelMost bounds how many partitions are at work: each takes several MiB.
const parallelMost = 64

func (f *importTopics) check(cmd *cobra.Command) error {
	switch {
	case f.from == "":
		return UsageError{errors.New("from where? --from HOST:PORT names a broker of the source")}
	case len(f.topics) == 0:
		return UsageError{errors.New("which topics? --topics NAME[,...]; --topics '*' is all that are not internal")}
	case f.parallel < 1 || f.parallel > parallelMost:
		return UsageError{fmt.Errorf("--parallel %d: must be from 1 to %d", f.parallel, parallelMost)}
	case f.patience < 0:
		return UsageError{errors.New("--patience is negative")}
	case f.noGroups && (f.activeGroups || cmd.Flags().Changed("groups")):
		return UsageError{errors.New("--no-groups goes without --groups and --active-groups")}
	}
	for _, name := range f.topics {
		if err := checkTopicNames([]string{strings.ReplaceAll(name, "*", "x")}); err != nil {
			return UsageError{fmt.Errorf("--topics: %s can not be the name of a topic", words.Quoted(name))}
		}
	}
	return nil
}

func (f *importTopics) run(cmd *cobra.Command, _ []string) error {
	if err := f.check(cmd); err != nil {
		return err
	}
	ctx := cmd.Context()
	from := flags{shell: f.shell, bootstrap: f.from, named: "--from", timeout: f.timeout}
	source, err := from.connect(ctx)
	if err != nil {
		return fmt.Errorf("source: %w", err)
	}
	defer source.Close()
	target, err := f.connect(ctx)
	if err != nil {
		return fmt.Errorf("target: %w", err)
	}
	defer target.Close()
	bar := newImportBar(f.shell, cmd.ErrOrStderr())
	cfg := importer.Config{
		Source: importer.Cluster{Client: source.Client, Explain: source.explain},
		Target: importer.Cluster{Client: target.Client, Explain: target.explain},
		Clock:  f.shell.Clock, Topics: f.topics, Groups: f.groups, ActiveGroups: f.activeGroups, Skip: f.skip,
		Finish: f.finish, Parallel: f.parallel, Patience: f.patience, Progress: bar.show,
	}
	if f.noGroups {
		cfg.Groups = nil
	}
	report, err := importer.New(cfg).Run(ctx)
	bar.clear()
	if errors.Is(err, context.Canceled) {
		err = errors.New("interrupted; the same command goes on where the target ends")
	}
	if err != nil && len(report.Topics) == 0 {
		return err
	}
	return errors.Join(f.show(cmd.OutOrStdout(), report, func(p *printer) { p.imported(report, err == nil) }), err)
}
