package main

import (
	"errors"

	"github.com/spf13/cobra"
)

func newLog(p process) *cobra.Command {
	c := &cobra.Command{Use: "log", Short: "Look at the log of a stopped broker"}
	c.AddCommand(newLogDump(p))
	return c
}

func newLogDump(_ process) *cobra.Command {
	return &cobra.Command{
		Use:   "dump",
		Short: "Print segments, indexes and checkpoints as text",
		Args:  cobra.NoArgs,
		RunE: func(_ *cobra.Command, _ []string) error {
			return errors.New("log dump is not built yet")
		},
	}
}
