package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mainstem-mq/mainstem/cli"
)

// The scripts of testdata/cli are what a Kafka user does all day. They speak to a broker
// of their own, which the environment names, with these commands beside testscript's:
//
//	begin ID TOPIC N   a transaction with N records; it is left open
//	ctrl-c N ARGS...   runs the command with these, and ends it after N lines as ctrl-C does
//	bench-ctrl-c TOPIC  ends a bench as ctrl-C does once there is a record of it
//	exits CODE COMMAND runs it, and demands that exit code
//	like FILE          compares stdout; spans of time, sizes, ids and runs of blanks are alike
func TestCommandScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/cli",
		Setup: func(env *testscript.Env) error {
			b, err := startForScript(env)
			if err == nil {
				env.Values[brokerOfScript{}] = b
				env.Setenv(cli.BootstrapVariable, b.kafka)
			}
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"begin":        scripted(func(b *scriptBroker, args []string) error { return b.begin(args[0], args[1], args[2], args[3:]...) }),
			"ctrl-c":       scripted(func(b *scriptBroker, args []string) error { return b.interrupt(args[0], args[1:]) }),
			"bench-ctrl-c": scripted(func(b *scriptBroker, args []string) error { return b.interruptBench(args[0]) }),
			"exits":        exits,
			"like": func(ts *testscript.TestScript, _ bool, args []string) {
				got, want := alike(ts.ReadFile("stdout")), alike(ts.ReadFile(args[0]))
				if d := cmp.Diff(want, got); d != "" {
					ts.Fatalf("(-want +got)\n%s", d)
				}
			},
		},
	})
}

// interrupt runs a command until it has printed so many lines, and then ends it as
// ctrl-C does, which is to be no failure.
func (b *scriptBroker) interrupt(lines string, args []string) error {
	n, err := strconv.Atoi(lines)
	if err != nil {
		return err
	}
	ctx, interrupt := context.WithCancel(context.Background())
	defer interrupt()
	out, w := io.Pipe()
	stderr := newScriptLog()
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, process{args: args, environ: []string{cli.BootstrapVariable + "=" + b.kafka}, stdout: w, stderr: stderr})
		_ = w.Close()
	}()
	printed := bufio.NewScanner(out)
	for range n {
		if !printed.Scan() {
			return fmt.Errorf("it ended with %d: %s", <-ended, stderr.String())
		}
	}
	interrupt()
	if printed.Scan() {
		return fmt.Errorf("it has also printed %q", printed.Text())
	}
	if code := <-ended; code != exitOK {
		return fmt.Errorf("it ended with %d: %s", code, stderr.String())
	}
	return nil
}

// interruptBench ends a bench that writes to a topic, which is to be no failure and to
// show what was done.
func (b *scriptBroker) interruptBench(topic string) error {
	ctx, interrupt := context.WithCancel(context.Background())
	defer interrupt()
	environ := []string{cli.BootstrapVariable + "=" + b.kafka}
	stdout, stderr := newScriptLog(), newScriptLog()
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, process{args: []string{"bench", "produce", "--topic", topic, "--rate", "100"}, environ: environ, stdout: stdout, stderr: stderr})
	}()
	// It ends with the first record.
	if code := run(ctx, process{args: []string{"consume", topic, "--follow", "-n", "1"}, environ: environ, stdout: io.Discard, stderr: stderr}); code != exitOK {
		return fmt.Errorf("to read it ended with %d: %s", code, stderr.String())
	}
	interrupt()
	if code := <-ended; code != exitOK {
		return fmt.Errorf("it ended with %d: %s", code, stderr.String())
	}
	if shown := regexp.MustCompile(`(?m)^written +[1-9].* 0$\ninterrupted: `); !shown.MatchString(stdout.String()) {
		return fmt.Errorf("it has shown %s", stdout.String())
	}
	return nil
}
