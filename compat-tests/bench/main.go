// Command bench measures Mainstem and Apache Kafka in turn, with the same
// client and on the same disk, and prints medians, spread and ratios.
//
//	go run ./bench -rows produce1m,e2e* -rounds 5 -out table.md
//
// Files in reading order: main.go, rows.go (what is measured), stand.go (one
// target while it is measured), load.go (the load, in a process of its own),
// disk.go, table.go.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
)

type options struct {
	rows, targets, out, dir string
	rounds                  int
	scale                   float64
	keep                    bool
}

func main() {
	if isLoadProcess() {
		exit(runLoad(os.Stdin, os.Stdout))
	}
	var o options
	flag.StringVar(&o.rows, "rows", "all", "rows by name, comma-separated; a name may end in *; `list` lists them")
	flag.StringVar(&o.targets, "targets", "kafka,mainstem", "what is compared")
	flag.IntVar(&o.rounds, "rounds", 5, "counted rounds of each row")
	flag.Float64Var(&o.scale, "scale", 1, "fraction of the full amount, for smoke runs")
	flag.StringVar(&o.out, "out", "", "file for the table, beside standard output")
	flag.StringVar(&o.dir, "dir", "", "directory for the brokers' data; by default in the cache, on its disk")
	flag.BoolVar(&o.keep, "keep", false, "keep the data directories")
	flag.Parse()
	if o.rows == "list" {
		for _, r := range allRows() {
			fmt.Printf("%-20s %s\n", r.name, r.title)
		}
		return
	}
	exit(run(context.Background(), o))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// progress goes to standard error, so that standard output is the table.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format("15:04:05 ")+format+"\n", args...)
}

func run(ctx context.Context, o options) (err error) {
	rows, err := pick(o.rows)
	if err != nil {
		return err
	}
	var targets []harness.Target
	for name := range strings.SplitSeq(o.targets, ",") {
		t, err := harness.ParseTarget(name)
		if err != nil {
			return err
		}
		targets = append(targets, t)
	}
	dir := o.dir
	if dir == "" {
		if dir, err = harness.ScratchDir("bench-"); err != nil {
			return err
		}
	} else if dir, err = os.MkdirTemp(dir, "bench-"); err != nil {
		return err
	}
	if o.keep {
		progress("data stays in %s", dir)
	} else {
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	t := &table{targets: targets, rounds: o.rounds, scale: o.scale, begun: time.Now()}
	var failed error
	for _, r := range rows {
		if err := runRow(ctx, o, r, targets, dir, t); err != nil {
			// The other rows are still worth having.
			progress("%s: FAILED: %v", r.name, err)
			failed = errors.Join(failed, fmt.Errorf("%s: %w", r.name, err))
		}
		if o.out != "" {
			// After every row: a run that is cut short leaves what it has.
			if err := os.WriteFile(o.out, []byte(t.markdown()), 0o644); err != nil {
				return err
			}
		}
	}
	fmt.Print(t.markdown())
	return failed
}

// runRow measures one row on fresh brokers, the targets in turn.
func runRow(ctx context.Context, o options, r row, targets []harness.Target, dir string, t *table) (err error) {
	free, err := freeBytes(dir)
	if err != nil {
		return err
	}
	// Twice a round's bytes a target, for what is not deleted at once, the
	// warm-up, and room to spare.
	need := int64((2*r.gib*float64(len(targets))*max(o.scale, 0.05) + 3) * (1 << 30))
	if free < need {
		return fmt.Errorf("needs %d GiB on the disk, free are %d", need>>30, free>>30)
	}
	d, err := measureDisk(dir, o.scale)
	if err != nil {
		return err
	}
	progress("%s: %s (disk %.0f MB/s, fdatasync p50 %.2f ms, p99 %.2f ms)", r.name, r.title, d.MBPerSecond, d.P50, d.P99)
	result := t.add(r, d)
	var stands []*stand
	defer func() {
		for _, s := range stands {
			if o.keep {
				err = errors.Join(err, s.broker.Stop())
			} else {
				err = errors.Join(err, s.broker.Remove())
			}
		}
	}()
	for _, target := range targets {
		home, err := os.MkdirTemp(dir, r.name+"-"+string(target)+"-")
		if err != nil {
			return err
		}
		b, err := harness.Start(ctx, target, harness.Options{Dir: home, Heap: "1g", Props: harness.TestProps(), ReadyTimeout: 3 * time.Minute})
		if err != nil {
			return err
		}
		s := &stand{row: r, scale: o.scale, broker: b}
		stands = append(stands, s)
		if err := s.warm(); err != nil {
			return fmt.Errorf("%s: %w", target, err)
		}
		progress("%s: %s is warm", r.name, target)
	}
	for round := range o.rounds {
		for i := range stands {
			// Who goes first changes, so that a drift favours none.
			s := stands[(i+round)%len(stands)]
			out, err := s.runOnce()
			if err != nil {
				return fmt.Errorf("%s, round %d: %w", s.broker.Target(), round+1, err)
			}
			result.add(s.broker.Target(), out)
			progress("%s: round %d of %d, %-8s %s", r.name, round+1, o.rounds, s.broker.Target(), brief(out))
		}
	}
	return nil
}
