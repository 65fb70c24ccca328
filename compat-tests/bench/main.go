package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
)

type options struct {
	table          table
	rows, out, dir string
	targets        []harness.Target
	rounds         int
	scale, leave   float64
	limit, soak    time.Duration
	keep           bool
}

func main() {
	if isLoadProcess() {
		exit(runLoad(os.Stdin, os.Stdout))
	}
	var o options
	var targets, name string
	flag.StringVar(&name, "table", string(speedTable), "which rows there are: speed or storage")
	flag.StringVar(&o.rows, "rows", "all", "rows by name, comma-separated; a name may end in *; `list` lists them")
	flag.StringVar(&targets, "targets", "kafka,mainstem", "what is compared")
	flag.IntVar(&o.rounds, "rounds", 3, "counted rounds of each row")
	flag.Float64Var(&o.scale, "scale", 1, "fraction of the full amount, for smoke runs")
	flag.Float64Var(&o.leave, "leave", 9, "GiB of memory for brokers, client and page cache; the bench holds the rest (0: holds none)")
	flag.DurationVar(&o.limit, "limit", 55*time.Minute, "beyond which rows get fewer rounds than asked for, but at least one; a soak's time does not count")
	flag.DurationVar(&o.soak, "soak", 10*time.Minute, "how long the soak lasts (an hour for a claim)")
	flag.StringVar(&o.out, "out", "", "file for the report, beside standard output, rewritten after every round")
	flag.StringVar(&o.dir, "dir", "", "directory for the brokers' data; by default in the cache, on its disk")
	flag.BoolVar(&o.keep, "keep", false, "keep the data directories")
	flag.Parse()
	var err error
	if o.table, err = parseTable(name); err != nil {
		exit(err)
	}
	if o.rows == "list" {
		exit(list(o.table))
	}
	for name := range strings.SplitSeq(targets, ",") {
		t, err := harness.ParseTarget(name)
		if err != nil {
			exit(err)
		}
		o.targets = append(o.targets, t)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err = run(ctx, o)
	stop()
	exit(err)
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func list(t table) error {
	for _, r := range t.rows() {
		title := r.title
		if r.extra {
			title += " (not part of all)"
		}
		if _, err := fmt.Fprintf(os.Stdout, "%-18s %s\n", r.name, title); err != nil {
			return err
		}
	}
	return nil
}
