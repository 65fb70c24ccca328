package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/cli"
)

// The scripts of testdata/cli are what a Kafka user does all day. They speak to a broker
// of their own, which the environment names, with these commands beside testscript's:
//
//	begin ID TOPIC N   a transaction with N records; it is left open
//	ctrl-c N ARGS...   runs the command with these, and ends it after N lines as ctrl-C does
//	join-ctrl-c GROUP TOPIC  ends a member as ctrl-C does while its group waits for another
//	set KEY VALUE      changes a setting of the broker
//	damage TEXT        changes a byte of it in the log, of which the broker does not know
//	logged PATTERN     waits until the broker's log has a line that matches
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
			"join-ctrl-c":  scripted(func(b *scriptBroker, args []string) error { return b.interruptJoin(args[0], args[1]) }),
			"set":          scripted(func(b *scriptBroker, args []string) error { return b.set(args[0], args[1]) }),
			"damage":       scripted(func(b *scriptBroker, args []string) error { return b.damage(args[0]) }),
			"logged":       scripted(func(b *scriptBroker, args []string) error { return b.log.await(args[0]) }),
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

// damage changes a byte of what was stored, once.
func (b *scriptBroker) damage(text string) error {
	segments, err := filepath.Glob(filepath.Join(b.data, "*.segment"))
	if err != nil {
		return err
	}
	for _, name := range segments {
		stored, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if at := bytes.Index(stored, []byte(text)); at >= 0 {
			f, err := os.OpenFile(name, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteAt([]byte{stored[at] ^ 1}, int64(at))
			return errors.Join(err, f.Close())
		}
	}
	return fmt.Errorf("%q is in none of %d segments", text, len(segments))
}

// interruptJoin ends a consumer whose group waits for a member that does not come: it is
// to be gone long before that one is given up, and to leave nothing in the group.
func (b *scriptBroker) interruptJoin(group, topic string) error {
	if err := b.absent(group); err != nil {
		return err
	}
	ctx, interrupt := context.WithCancel(context.Background())
	defer interrupt()
	stderr := newScriptLog()
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, process{
			args: []string{"consume", topic, "--group", group}, environ: []string{cli.BootstrapVariable + "=" + b.kafka}, stdout: io.Discard, stderr: stderr,
		})
	}()
	if err := b.log.await(`rebalance started.*"group": "` + group + `".*"members": 2, "reason": "member mainstem-`); err != nil {
		return err
	}
	interrupt()
	hangs := time.NewTimer(time.Minute)
	defer hangs.Stop()
	select {
	case code := <-ended:
		if code != exitOK {
			return fmt.Errorf("it ended with %d: %s", code, stderr.String())
		}
	case <-hangs.C:
		return errors.New("it waits for the other member")
	}
	return b.log.await(`member removed.*"group": "` + group + `".*"member": "mainstem-.*"it left"`)
}

// absent joins a group with a member that is never heard of again, and is given up after
// five minutes.
func (b *scriptBroker) absent(group string) error {
	req := kmsg.NewPtrJoinGroupRequest()
	req.Group, req.ProtocolType, req.SessionTimeoutMillis, req.RebalanceTimeoutMillis = group, "consumer", 300_000, 300_000
	req.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range", Metadata: []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0}}}
	for {
		resp, err := req.RequestWith(context.Background(), b.client)
		if err != nil || resp.ErrorCode == 0 {
			return err
		}
		if resp.ErrorCode != kerr.MemberIDRequired.Code {
			return fmt.Errorf("join: error %d", resp.ErrorCode)
		}
		req.MemberID = resp.MemberID
	}
}

// set changes a setting of all brokers.
func (b *scriptBroker) set(key, value string) error {
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	change := kmsg.IncrementalAlterConfigsRequestResourceConfig{Name: key, Value: &value}
	req.Resources = []kmsg.IncrementalAlterConfigsRequestResource{{
		ResourceType: kmsg.ConfigResourceTypeBroker, Configs: []kmsg.IncrementalAlterConfigsRequestResourceConfig{change},
	}}
	resp, err := req.RequestWith(context.Background(), b.client)
	if err == nil {
		err = kerr.ErrorForCode(resp.Resources[0].ErrorCode)
	}
	return err
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
