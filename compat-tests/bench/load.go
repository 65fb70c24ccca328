package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// load is what one load process does. It runs apart from the one that
// measures, and apart from the broker, so that each one's CPU time is its own.
type load struct {
	Op         string // produce, txn, batches, consume, e2e, live, backlog, or one of groups.
	Addr       string
	Topics     []string
	Partitions int // Of each topic.
	Records    int
	Size       int // Of a record's value.
	BatchMax   int
	Producers  int
	// OneBatch keeps a request to one batch.
	OneBatch bool
	// Place is the partition to begin with, counted over all topics.
	Place int
	// From are the offsets to consume from; a partition without one is read
	// from its start.
	From map[string]map[int32]int64
	// To, if any, are the offsets to consume to, instead of so many Records.
	To map[string]map[int32]int64
	// Rate is records a second for e2e and live, and Seconds how long. For
	// batches 0 means as fast as it goes, until there were so many Records.
	Rate, Seconds int
	// Depth is how many requests of batches are in flight on each connection.
	Depth int
	// Keys, if any, is how many different keys the records of batches have.
	Keys int
	// Readers is how many clients read a backlog.
	Readers int
	// CommitEvery is how long a transaction takes what is produced.
	CommitEvery time.Duration
	// Group is what there is to do with groups.
	Group groupLoad
}

// outcome is what a load process saw.
type outcome struct {
	Records  int
	Bytes    int64 // Of values.
	Keys     int   // Different ones, where a consumer has seen some.
	Batches  int64
	Requests int64 // Produce or Fetch.
	Seconds  float64
	Commits  int     // Of transactions.
	P50, P99 float64 // Milliseconds, for e2e, live, commits, transactions and rebalances.
	// AckP50 and AckP99 are milliseconds until an acknowledgement, for batches
	// and live.
	AckP50, AckP99 float64
	// IDs are the members that live on, one a group.
	IDs []string
}

// perBatch is how many records fit beside the batch's header.
func (l *load) perBatch() int {
	size := l.Size + 12
	if l.Keys > 0 {
		size += keySize
	}
	return max(1, (l.BatchMax-100)/size)
}

// runLoad is the child's main: a load on stdin, an outcome on stdout.
func runLoad(in io.Reader, out io.Writer) error {
	var l load
	if err := json.NewDecoder(in).Decode(&l); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute+time.Duration(l.Seconds)*time.Second)
	defer cancel()
	var o outcome
	var err error
	switch l.Op {
	case "produce":
		o, err = l.produce(ctx)
	case "txn":
		o, err = l.transact(ctx)
	case "batches":
		o, err = l.batches(ctx)
	case "consume":
		o, err = l.consume(ctx)
	case "e2e":
		o, err = l.endToEnd(ctx)
	case "live":
		o, err = l.live(ctx)
	case "backlog":
		o, err = l.readBacklog(ctx)
	default:
		o, err = l.groups(ctx)
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(o)
}

// wire counts batches and requests as they go over the connection.
type wire struct{ batches, records, produces, fetches atomic.Int64 }

func (w *wire) OnProduceBatchWritten(_ kgo.BrokerMetadata, _ string, _ int32, m kgo.ProduceBatchMetrics) {
	w.batches.Add(1)
	w.records.Add(int64(m.NumRecords))
}

// produced waits until n records have been counted: the client tells of a
// request's batches only after their records are acknowledged.
func (w *wire) produced(n int) int64 {
	for begin := time.Now(); w.records.Load() < int64(n) && time.Since(begin) < 2*time.Second; {
		time.Sleep(time.Millisecond)
	}
	return w.batches.Load()
}

func (w *wire) OnFetchBatchRead(kgo.BrokerMetadata, string, int32, kgo.FetchBatchMetrics) {
	w.batches.Add(1)
}

func (w *wire) OnBrokerWrite(_ kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, err error) {
	const produce, fetch = 0, 1
	switch {
	case err != nil:
	case key == produce:
		w.produces.Add(1)
	case key == fetch:
		w.fetches.Add(1)
	}
}

func (l *load) client(opts ...kgo.Opt) (*kgo.Client, error) {
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	return kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(l.Addr), kgo.Dialer(dialer.DialContext),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
	}, opts...)...)
}

// loadMode is the argument that makes this program a load process.
const loadMode = "load-process"

func isLoadProcess() bool { return len(os.Args) == 2 && os.Args[1] == loadMode }
