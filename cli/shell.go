package cli

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/mainstem-mq/mainstem/internal/clock"
)

// Shell is what the commands need of the process that they run in.
type Shell struct {
	Environ []string
	Clock   clock.Clock
	// Terminal reports whether somebody looks at a stream, or types into it.
	Terminal func(stream any) bool
	// Confirm asks on out whether to go on; an error is a no.
	Confirm func(ctx context.Context, in io.Reader, out io.Writer) error
	// BrokenPipes makes writes to a pipe that nobody reads any more fail, where they would
	// end the process, until restore is called.
	BrokenPipes func() (restore func())
	// Open opens a file to be read.
	Open func(name string) (io.ReadCloser, error)
}

// UsageError is a mistake in the command line, made before a broker was asked.
type UsageError struct{ Err error }

// Error implements error.
func (e UsageError) Error() string { return e.Err.Error() }

// Unwrap is for errors.Is and errors.As.
func (e UsageError) Unwrap() error { return e.Err }

// Commands are all that the room has.
func Commands(s *Shell) []*cobra.Command {
	return []*cobra.Command{newTopic(s), newProduce(s), newConsume(s), newImport(s), newDoctor(s), newBench(s)}
}

// help is what a command that only has others below it does.
func help(c *cobra.Command, _ []string) error { return c.Help() }
