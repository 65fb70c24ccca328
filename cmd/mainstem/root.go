package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/mainstem-mq/mainstem/cli"
	"github.com/mainstem-mq/mainstem/internal/clock"
)

const rootLong = `Mainstem is a message broker that speaks the Apache Kafka protocol and keeps all
partitions in one log.

Without a command it serves, as "mainstem serve" does. Settings have Kafka's
names. They come from --set and the other flags, else from the environment
(MAINSTEM_ and the name in capitals, dots as underscores), else from the file of
--config, else they have their default: "mainstem config print" shows each value
and where it comes from.`

const rootExample = `  mainstem                                     serve on 127.0.0.1:9092, data in ./mainstem-data
  mainstem serve --data-dir /var/lib/mainstem --listen 0.0.0.0:9092
  mainstem serve --config server.properties --set log.retention.hours=24
  MAINSTEM_NUM_PARTITIONS=6 mainstem config print
  mainstem topic create orders --partitions 6
  mainstem log check /var/lib/mainstem`

func newRoot(p process) *cobra.Command {
	root := newServe(p)
	root.Use = "mainstem"
	root.Short = "A Kafka-compatible message broker with one log for all partitions"
	root.Long = rootLong
	root.Example = rootExample
	root.Version = buildInfo().String() // makes cobra add --version
	root.SetVersionTemplate("{{.Version}}")
	root.Args = nil // cobra then names the command nearest to a mistyped one
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		if word, ok := unknownCommand(c, p.args); ok {
			err = fmt.Errorf("unknown command %q for %q", word, c.CommandPath())
		}
		return usageError{fmt.Errorf("%w (see %s --help)", err, c.CommandPath())}
	})
	root.AddCommand(newServe(p), newConfig(p), newLog(p), newGroup(p), newTxn(p), newVersion())
	root.AddCommand(cli.Commands(newShell(p))...)
	return root
}

// unknownCommand finds the word behind a command that has others below it and flags of
// none: a flag that is not known there was meant for a command that is not either.
func unknownCommand(c *cobra.Command, args []string) (word string, ok bool) {
	next := slices.Index(args, c.Name()) + 1
	if !c.HasParent() || !c.HasSubCommands() || next == 0 || next == len(args) || strings.HasPrefix(args[next], "-") {
		return "", false
	}
	return args[next], true
}

// newShell is what the commands for Kafka clients have of the process.
func newShell(p process) *cli.Shell {
	return &cli.Shell{
		Environ:  p.environ,
		Clock:    clock.Real{},
		Terminal: isTerminal,
		Confirm: func(ctx context.Context, in io.Reader, out io.Writer) error {
			return confirm(ctx, in, out, false)
		},
		BrokenPipes: func() func() {
			told := make(chan os.Signal, 1) // whoever asks for the signal is spared what it does
			signal.Notify(told, syscall.SIGPIPE)
			return func() { signal.Stop(told) }
		},
		Open: func(name string) (io.ReadCloser, error) { return os.Open(name) },
	}
}

// help is what a command that only has others below it does.
func help(c *cobra.Command, _ []string) error { return c.Help() }
