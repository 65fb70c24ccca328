package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// options say what is filled, and how far.
type options struct {
	dir          string
	partitions   []model.PartitionID
	bytes        int64
	batchBytes   int
	segmentBytes int64
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "logfill:", err)
		os.Exit(1)
	}
}

func run(args []string) (err error) {
	var o options
	var list string
	flags := flag.NewFlagSet("logfill", flag.ContinueOnError)
	flags.StringVar(&o.dir, "data-dir", "", "data directory of a stopped broker")
	flags.StringVar(&list, "partitions", "", "numbers of partitions in the log, comma-separated, as `mainstem log dump --topics` has them")
	flags.Int64Var(&o.bytes, "bytes", 0, "bytes of batches to append, all partitions together")
	flags.IntVar(&o.batchBytes, "batch-bytes", 1<<20, "bytes of a batch")
	flags.Int64Var(&o.segmentBytes, "segment-bytes", 256<<20, "mainstem.log.segment.bytes of the broker")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("flags: %w", err)
	}
	for text := range strings.SplitSeq(list, ",") {
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return fmt.Errorf("partition %q: %w", text, err)
		}
		o.partitions = append(o.partitions, model.PartitionID(n))
	}
	lock, err := vfs.OS{}.Lock(filepath.Join(o.dir, "lock"))
	if err != nil {
		return fmt.Errorf("lock the data directory: %w", err)
	}
	defer func() {
		if closed := lock.Close(); err == nil {
			err = closed
		}
	}()
	return fill(o)
}
