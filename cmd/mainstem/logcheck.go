package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/log"
)

const logCheckLong = `Check all files of a stopped broker: every byte of the log, checkpoints, indexes,
the start mark, the metadata, and what was set aside. It tells what the next
start would find, what it would not look for, which records are lost, and what
can be done. It writes nothing.

-o json has all that is found, also what the tables leave out. Its ranges, of offsets
and of bytes in the log, go from "from" up to "to", which is not in them: OFFSETS 579 to
799 of a table are "from": 579, "to": 800. docs/durability.md describes the fields.

The exit code is 0 if all is well, 1 if there is damage, and 2 if nothing can be
said: a broker uses the directory, or a newer version wrote it.`

// couldNotRun is why a check can say nothing, answered with exit code 2.
type couldNotRun struct{ err error }

func (e couldNotRun) Error() string { return e.err.Error() }
func (e couldNotRun) Unwrap() error { return e.err }

// errDamage ends a check that found damage; what it is stands in the report.
var errDamage = errors.New("there is damage")

func newLogCheck(p process) *cobra.Command {
	var (
		o      options
		output string
	)
	c := &cobra.Command{
		Use:   "check [DIR]",
		Short: "Check all files of a stopped broker, and say what is damaged or lost",
		Long:  logCheckLong,
		Example: `  mainstem log check /var/lib/mainstem
  mainstem log check --data-dir ./mainstem-data -o json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			dir, err := o.dir(p, args)
			if err != nil {
				return err
			}
			lock, err := lockForLook(vfs.OS{}, dir)
			if err != nil {
				return couldNotRun{err}
			}
			report, err := examine(vfs.OS{}, dir, cmd.ErrOrStderr())
			if err = errors.Join(err, lock.Close()); err != nil {
				return couldNotRun{err}
			}
			if output == outputJSON {
				err = printJSON(cmd.OutOrStdout(), report)
			} else {
				err = printReport(cmd.OutOrStdout(), report)
			}
			if err == nil && report.Damaged() {
				err = fmt.Errorf("%s: %w", dir, errDamage)
			}
			return err
		},
	}
	o.registerDir(c.Flags())
	registerOutput(c, &output)
	return c
}

// dir is the data directory: an argument, or that of the configuration.
func (o *options) dir(p process, args []string) (string, error) {
	cfg, err := o.load(p.environ, os.Hostname)
	if err != nil {
		return "", err
	}
	if len(args) == 0 {
		return cfg.DataDir, mustHoldData(vfs.OS{}, cfg.DataDir)
	}
	if o.dataDir.is && o.dataDir.text != args[0] {
		return "", usageError{fmt.Errorf("two directories are named: %s and --data-dir %s", args[0], o.dataDir.text)}
	}
	return args[0], mustHoldData(vfs.OS{}, args[0])
}

// mustHoldData says in the same words to every verb that there is nothing to
// look at.
func mustHoldData(fsys vfs.FS, dir string) error {
	const hint = "name the data directory of a broker, as DIR or by --data-dir; the broker's log has it in the line \"ready\""
	holds, err := holdsData(fsys, dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return couldNotRun{fmt.Errorf("there is no directory %s: %s", dir, hint)}
	case errors.Is(err, syscall.ENOTDIR):
		return couldNotRun{fmt.Errorf("%s is a file: %s", dir, hint)}
	case err != nil:
		return couldNotRun{err}
	case !holds && !holdsRest(fsys, dir):
		return couldNotRun{fmt.Errorf("%s holds no data of a broker: %s", dir, hint)}
	}
	return nil
}

// holdsRest reports whether a directory has what is left where segments,
// checkpoints and metadata are gone.
func holdsRest(fsys vfs.FS, dir string) bool {
	names, err := fsys.List(dir)
	return err == nil && slices.ContainsFunc(names, func(n string) bool {
		return n == "start" || strings.HasSuffix(n, ".index") || strings.HasPrefix(n, "quarantine-")
	})
}

type nothingToClose struct{}

func (nothingToClose) Close() error { return nil }

// lockForLook keeps brokers away while somebody looks. It makes no file: a
// directory without a lock file was copied, and no broker has it.
func lockForLook(fsys vfs.FS, dir string) (io.Closer, error) {
	lock, err := fsys.LockShared(filepath.Join(dir, lockName))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nothingToClose{}, nil
	case errors.Is(err, vfs.ErrLocked):
		return nil, fmt.Errorf("a broker uses %s: stop it first. What it knows of damage is in its /readyz?verbose and /metrics, "+
			"and `mainstem log dump` may be used meanwhile", dir)
	case err != nil:
		return nil, fmt.Errorf("lock the data directory: %w", err)
	}
	return lock, nil
}

// examine checks metadata and log.
func examine(fsys vfs.FS, dir string, stderr io.Writer) (*log.CheckReport, error) {
	meta, err := cluster.Inspect(fsys, dir)
	if err != nil {
		return nil, fmt.Errorf("metadata: %w", err)
	}
	bar := newProgressBar(stderr)
	opts := log.CheckOptions{Progress: bar.show}
	if meta.Image != nil {
		names := partitionNames(meta.Image)
		opts.Standing = func(id model.PartitionID) log.Standing { return log.Standing(meta.Image.Standing(id)) }
		opts.Name = func(id model.PartitionID) (string, int32, bool) {
			n, ok := names[id]
			return n.topic, n.index, ok
		}
	}
	report, err := log.Check(fsys, dir, opts)
	bar.clear()
	if err != nil {
		return nil, fmt.Errorf("log: %w", err)
	}
	first := []log.Finding{}
	if meta.Fault != nil {
		first = append(first, log.Finding{
			Severity: log.SeverityDamage, Kind: log.KindOfMetadata, Text: "the broker does not start: " + meta.Fault.Error(),
			Advice: "put the metadata directory back from a backup; without one, docs/durability.md tells how the records can still be read",
		})
	}
	if meta.Image != nil && meta.Image.PartitionsGiven() && report.Segments == 0 {
		first = append(first, log.Finding{
			Severity: log.SeverityDamage, Kind: log.KindOfSegments,
			Text:   fmt.Sprintf("the metadata knows %d topics, but there is no segment: all records are gone, and the broker does not start", meta.Image.TopicCount()),
			Advice: "put the segment files back from a copy",
		})
	}
	report.Findings = append(first, report.Findings...)
	for _, note := range meta.Notes {
		report.Findings = append(report.Findings, log.Finding{Severity: log.SeverityNote, Kind: log.KindOfMetadata, Text: note})
	}
	return report, nil
}

// partitionName is a partition as people know it.
type partitionName struct {
	topic string
	index int32
}

func partitionNames(img *cluster.Image) map[model.PartitionID]partitionName {
	names := make(map[model.PartitionID]partitionName)
	img.Topics(func(t *cluster.Topic) bool {
		for i := range t.Partitions {
			names[t.Partitions[i].ID] = partitionName{t.Name, t.Partitions[i].Index}
		}
		return true
	})
	return names
}
