package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
	"github.com/mainstem-mq/mainstem/compat-tests/loop"
)

// Of each loop.
const (
	loopPartitions = 4
	loopWorkers    = 2
	loopRate       = 200
	// loopSettles is how often a life is long enough for a group to get over a crash.
	loopSettles = 4
)

// loops are those beside a bank.
type loops []*loop.Loop

// startLoops starts the loops that are asked for.
func startLoops(ctx context.Context, addr string, o options) (ls loops, err error) {
	if o.loops == "" {
		return nil, nil
	}
	for name := range strings.SplitSeq(o.loops, ",") {
		command, err := loopCommand(ctx, name)
		if err != nil {
			return ls, err
		}
		l, err := loop.Start(ctx, addr, loop.Options{
			Name: "loop-" + name, Command: command, Partitions: loopPartitions, Workers: loopWorkers, Rate: loopRate,
			Timeout: o.txnTimeout, Scan: scan, Restart: restart, Seed: o.seed,
		})
		if err != nil {
			return ls, err
		}
		ls = append(ls, l)
	}
	return ls, nil
}

// loopCommand is how the program of a client is started.
func loopCommand(ctx context.Context, client string) ([]string, error) {
	const programs = "clients/txn"
	jars := map[string]string{"java": "kafka", "java-3.9": "kafka-clients-3.9"}
	switch client {
	case "java", "java-3.9":
		module, err := harness.ModuleDir()
		if err != nil {
			return nil, err
		}
		return harness.JavaProgramWith(ctx, jars[client], filepath.Join(module, programs, "java", "Worker.java"))
	case "franzgo":
		bin, err := harness.GoProgram(ctx, programs+"/franzgo")
		return []string{bin}, err
	}
	return nil, fmt.Errorf("-loops: %q is not java, java-3.9 or franzgo", client)
}

// settle is how much longer the life of a cycle is for the loops' sake.
func (ls loops) settle(cycle int) time.Duration {
	if len(ls) > 0 && cycle%loopSettles == 0 {
		return loop.SettleTime
	}
	return 0
}

func (ls loops) away(yes bool) {
	for _, l := range ls {
		l.Away(yes)
	}
}

func (ls loops) err() error {
	var errs []error
	for _, l := range ls {
		errs = append(errs, l.Err())
	}
	return errors.Join(errs...)
}

func (ls loops) finish(ctx context.Context) error {
	for _, l := range ls {
		if err := l.Finish(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (ls loops) stop() {
	for _, l := range ls {
		l.Stop()
	}
}

func (ls loops) tell() {
	for _, l := range ls {
		fmt.Println("  " + l.Story())
	}
}

// verdict is what a run that went well has shown of the loops.
func (ls loops) verdict() string {
	if len(ls) == 0 {
		return ""
	}
	return "; every record of the loops was copied once and in order"
}
