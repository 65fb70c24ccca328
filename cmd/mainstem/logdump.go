package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

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
	)
	c := &cobra.Command{
		Use:   "dump",
		Short: "Print segments, indexes and checkpoints as text",
		Long:  logDumpLong,
		Example: `  mainstem log dump --data-dir ./mainstem-data
  mainstem log dump --entries --from 1048576
  mainstem log dump --batches --partition 3`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := o.load(cmd.Flags(), p.environ, os.Hostname)
			if err != nil {
				return err
			}
			d.Entries = d.Entries || d.Batches || partition != 0 || from != 0
			d.Partition, d.From = model.PartitionID(partition), log.Position(from)
			if err := log.Dump(cmd.OutOrStdout(), vfs.OS{}, cfg.DataDir, d); err != nil {
				return fmt.Errorf("dump: %w", err)
			}
			if err := disk.Dump(cmd.OutOrStdout(), vfs.OS{}, cfg.DataDir); err != nil {
				return fmt.Errorf("dump: %w", err)
			}
			return nil
		},
	}
	o.register(c.Flags())
	c.Flags().BoolVar(&d.Entries, "entries", false, "print every entry of the segments")
	c.Flags().BoolVar(&d.Batches, "batches", false, "print every entry and every batch in it")
	c.Flags().BoolVar(&d.Indexes, "indexes", false, "print the sections of the index files")
	c.Flags().Uint32Var(&partition, "partition", 0, "of this partition only, by its number in the log; 0 means all")
	c.Flags().Uint64Var(&from, "from", 0, "entries from this Position on")
	return c
}
