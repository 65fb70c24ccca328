package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/mainstem-mq/mainstem/cli"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2 // the command line or the configuration is wrong, or a check could not look
	exitLate   = 3 // what was asked for goes on, but was not done in time
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	code := run(ctx, process{name: os.Args[0], args: os.Args[1:], environ: os.Environ(), stdout: os.Stdout, stderr: os.Stderr})
	stop()
	os.Exit(code)
}

// process is what the command needs of the operating system's process.
type process struct {
	name           string // by which it was started; "": mainstem
	args, environ  []string
	stdout, stderr io.Writer
}

// notInTime says that something takes longer than its user would wait.
type notInTime struct{ error }

// usageError is a mistake of the operator, answered with words and exit code 2.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

func run(ctx context.Context, p process) int {
	root := newRoot(p)
	understood := false // else cobra itself did not know a command or a flag
	root.PersistentPreRun = func(*cobra.Command, []string) { understood = true }
	root.SetArgs(p.args)
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	if _, werr := fmt.Fprintf(p.stderr, "mainstem: %v\n", err); werr != nil {
		return exitFailed
	}
	var usage usageError
	var cannot couldNotRun
	if !understood || errors.As(err, &usage) || errors.As(err, new(cli.UsageError)) || errors.As(err, &cannot) {
		return exitUsage
	}
	var late notInTime
	if errors.As(err, &late) {
		return exitLate
	}
	return exitFailed
}
