package main

import (
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/disk"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/log"
)

func newLog(p process) *cobra.Command {
	c := &cobra.Command{Use: "log", Short: "Look at the files of the log, check and mend them", Args: cobra.NoArgs, RunE: help}
	c.AddCommand(newLogDump(p), newLogCheck(p), newLogSalvage(p))
	return c
}

const logDumpLong = `Print the files of the log as text: segments with their chain, index files,
checkpoints and the ballast, and on request every entry and batch.

Nothing is opened for writing, and damaged files are printed as far as they can
be read. On a broker that runs it shows what was written when it looked.`

func newLogDump(p process) *cobra.Command {
	var (
		o         options
		d         log.DumpOptions
		partition uint32
		from      uint64
		topics    bool
	)
	c := &cobra.Command{
		Use:   "dump [DIR]",
		Short: "Print segments, indexes and checkpoints as text",
		Long:  logDumpLong,
		Example: `  mainstem log dump ./mainstem-data
  mainstem log dump --topics
  mainstem log dump --entries --from 1048576
  mainstem log dump --batches --partition 3`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := o.dir(p, args)
			if err != nil {
				return err
			}
			if topics {
				return dumpTopics(cmd.OutOrStdout(), vfs.OS{}, dir)
			}
			if err := noteUnknown(cmd.ErrOrStderr(), vfs.OS{}, dir, model.PartitionID(partition)); err != nil {
				return err
			}
			d.Entries = d.Entries || d.Batches || partition != 0 || from != 0
			d.Partition, d.From = model.PartitionID(partition), log.Position(from)
			if err := log.Dump(cmd.OutOrStdout(), vfs.OS{}, dir, d); err != nil {
				return fmt.Errorf("dump: %w", err)
			}
			if err := disk.Dump(cmd.OutOrStdout(), vfs.OS{}, dir); err != nil {
				return fmt.Errorf("dump: %w", err)
			}
			return nil
		},
	}
	o.registerDir(c.Flags())
	c.Flags().BoolVar(&d.Entries, "entries", false, "print every entry of the segments")
	c.Flags().BoolVar(&d.Batches, "batches", false, "print every entry and every batch in it")
	c.Flags().BoolVar(&d.Indexes, "indexes", false, "print the sections of the index files")
	c.Flags().BoolVar(&topics, "topics", false, "print only which topic's partition has which number in the log")
	c.Flags().Uint32Var(&partition, "partition", 0, "of this partition only, by its number in the log (see --topics); 0 means all")
	c.Flags().Uint64Var(&from, "from", 0, "entries from this Position on")
	return c
}

// numbers are the partitions by their numbers in the log.
func numbers(fsys vfs.FS, dir string) (map[model.PartitionID]partitionName, error) {
	meta, err := cluster.Inspect(fsys, dir)
	if err == nil {
		err = meta.Fault
	}
	if err != nil {
		return nil, fmt.Errorf("metadata: %w", err)
	}
	return partitionNames(meta.Image), nil
}

// dumpTopics prints which partition has which number.
func dumpTopics(w io.Writer, fsys vfs.FS, dir string) error {
	names, err := numbers(fsys, dir)
	if err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(names)) {
		if err := printf(w, "%d: %s-%d\n", id, names[id].topic, names[id].index); err != nil {
			return err
		}
	}
	return nil
}

// noteUnknown warns of a number that no partition has: those of deleted topics
// may have entries all the same.
func noteUnknown(w io.Writer, fsys vfs.FS, dir string, id model.PartitionID) error {
	names, err := numbers(fsys, dir)
	if _, known := names[id]; known || id == 0 || err != nil {
		return nil //nolint:nilerr // Damaged metadata is no reason not to print the log.
	}
	return printf(w, "note: no partition of a topic has the number %d now; `mainstem log dump --topics` lists them\n", id)
}
