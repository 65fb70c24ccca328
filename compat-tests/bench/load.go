package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// load is what one load process does. It runs apart from the one that
// measures, and apart from the broker, so that each one's CPU time is its own.
type load struct {
	Op         string // produce, consume or e2e.
	Addr       string
	Topics     []string
	Partitions int // Of each topic.
	Records    int
	Size       int // Of a record's value.
	BatchMax   int
	Producers  int
	// Spread sends record after record to partition after partition; else each
	// partition gets a whole batch's worth in turn.
	Spread bool
	// Rate is records a second for e2e, and Seconds how long.
	Rate, Seconds int
}

// outcome is what a load process saw.
type outcome struct {
	Records  int
	Bytes    int64 // Of values.
	Batches  int64
	Seconds  float64
	P50, P99 float64 // Milliseconds, for e2e.
}

// runLoad is the child's main: a load on stdin, an outcome on stdout.
func runLoad(in io.Reader, out io.Writer) error {
	var l load
	if err := json.NewDecoder(in).Decode(&l); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	var o outcome
	var err error
	switch l.Op {
	case "produce":
		o, err = l.produce(ctx)
	case "consume":
		o, err = l.consume(ctx)
	case "e2e":
		o, err = l.endToEnd(ctx)
	default:
		err = fmt.Errorf("unknown load %q", l.Op)
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(o)
}

// batchCount counts batches as they go over the wire.
type batchCount struct{ n atomic.Int64 }

func (b *batchCount) OnProduceBatchWritten(kgo.BrokerMetadata, string, int32, kgo.ProduceBatchMetrics) {
	b.n.Add(1)
}

func (b *batchCount) OnFetchBatchRead(kgo.BrokerMetadata, string, int32, kgo.FetchBatchMetrics) {
	b.n.Add(1)
}

func (l *load) client(opts ...kgo.Opt) (*kgo.Client, error) {
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	return kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(l.Addr), kgo.Dialer(dialer.DialContext),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
	}, opts...)...)
}

func (l *load) producer(counter *batchCount, opts ...kgo.Opt) (*kgo.Client, error) {
	return l.client(append([]kgo.Opt{
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchMaxBytes(int32(l.BatchMax)),
		kgo.BrokerMaxWriteBytes(100 << 20),
		// Deep enough that every partition always has a next batch.
		kgo.MaxBufferedRecords(1 << 20), kgo.MaxBufferedBytes(256 << 20 / max(l.Producers, 1)),
		kgo.ProducerLinger(5 * time.Millisecond),
		kgo.WithHooks(counter),
	}, opts...)...)
}

func (l *load) produce(ctx context.Context) (outcome, error) {
	producers := max(l.Producers, 1)
	counter := &batchCount{}
	clients := make([]*kgo.Client, producers)
	for i := range clients {
		cl, err := l.producer(counter)
		if err != nil {
			return outcome{}, err
		}
		defer cl.Close()
		// Connections and metadata are not what is measured.
		if err := cl.Ping(ctx); err != nil {
			return outcome{}, err
		}
		clients[i] = cl
	}
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	begin := time.Now()
	for i, cl := range clients {
		n := l.Records / producers
		wg.Go(func() {
			l.feed(ctx, cl, i, n, &failed)
			if err := cl.Flush(ctx); err != nil {
				failed.Store(&err)
			}
		})
	}
	wg.Wait()
	took := time.Since(begin)
	if err := failed.Load(); err != nil {
		return outcome{}, *err
	}
	n := l.Records / producers * producers
	return outcome{Records: n, Bytes: int64(n) * int64(l.Size), Batches: counter.n.Load(), Seconds: took.Seconds()}, nil
}

// feed hands n records to a client.
func (l *load) feed(ctx context.Context, cl *kgo.Client, seed, n int, failed *atomic.Pointer[error]) {
	value := make([]byte, l.Size)
	for i := range value {
		value[i] = byte(i*7 + seed)
	}
	promise := func(_ *kgo.Record, err error) {
		if err != nil {
			failed.Store(&err)
		}
	}
	perBatch := 1
	if !l.Spread {
		// What fits beside the batch's header and some bytes a record.
		perBatch = max(1, (l.BatchMax-100)/(l.Size+12))
	}
	all := len(l.Topics) * l.Partitions
	for sent, place := 0, seed; sent < n && failed.Load() == nil; place++ {
		at := place % all
		topic, partition := l.Topics[at%len(l.Topics)], int32(at/len(l.Topics))
		for range min(perBatch, n-sent) {
			cl.Produce(ctx, &kgo.Record{Topic: topic, Partition: partition, Value: value}, promise)
			sent++
		}
	}
}

func (l *load) consume(ctx context.Context) (outcome, error) {
	counter := &batchCount{}
	from := map[string]map[int32]kgo.Offset{}
	for _, t := range l.Topics {
		from[t] = map[int32]kgo.Offset{}
		for p := range int32(l.Partitions) {
			from[t][p] = kgo.NewOffset().AtStart()
		}
	}
	cl, err := l.client(kgo.ConsumePartitions(from), kgo.WithHooks(counter))
	if err != nil {
		return outcome{}, err
	}
	defer cl.Close()
	var o outcome
	begin := time.Now()
	for o.Records < l.Records {
		fs := cl.PollFetches(ctx)
		if err := fs.Err(); err != nil {
			return outcome{}, fmt.Errorf("after %d of %d records: %w", o.Records, l.Records, err)
		}
		fs.EachPartition(func(p kgo.FetchTopicPartition) {
			for _, r := range p.Records {
				o.Bytes += int64(len(r.Value))
			}
			o.Records += len(p.Records)
		})
	}
	o.Seconds, o.Batches = time.Since(begin).Seconds(), counter.n.Load()
	return o, nil
}

// settle is the first part of an end-to-end run, which does not count.
const settle = 2 * time.Second

func (l *load) endToEnd(ctx context.Context) (outcome, error) {
	counter := &batchCount{}
	prod, err := l.producer(counter, kgo.ProducerLinger(0))
	if err != nil {
		return outcome{}, err
	}
	defer prod.Close()
	cons, err := l.client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{l.Topics[0]: {0: kgo.NewOffset().AtStart()}}))
	if err != nil {
		return outcome{}, err
	}
	defer cons.Close()
	total := l.Rate * l.Seconds
	begin := time.Now()
	var failed atomic.Pointer[error]
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		l.pace(ctx, prod, begin, total, &failed)
	}()
	var latencies []time.Duration
	got := 0
	for got < total && failed.Load() == nil {
		fs := cons.PollFetches(ctx)
		now := time.Since(begin)
		if err := fs.Err(); err != nil {
			return outcome{}, fmt.Errorf("after %d of %d records: %w", got, total, err)
		}
		fs.EachRecord(func(r *kgo.Record) {
			got++
			if at := time.Duration(binary.BigEndian.Uint64(r.Value)); at > min(settle, time.Duration(l.Seconds)*time.Second/4) {
				latencies = append(latencies, now-at)
			}
		})
	}
	<-sent
	if err := failed.Load(); err != nil {
		return outcome{}, *err
	}
	if len(latencies) == 0 {
		return outcome{}, errors.New("no latencies")
	}
	slices.Sort(latencies)
	ms := func(q float64) float64 {
		return float64(latencies[int(q*float64(len(latencies)-1))]) / float64(time.Millisecond)
	}
	return outcome{
		Records: got, Bytes: int64(got) * int64(l.Size), Batches: counter.n.Load(),
		Seconds: time.Since(begin).Seconds(), P50: ms(0.50), P99: ms(0.99),
	}, nil
}

// pace sends at the rate, as many as are due at each millisecond.
func (l *load) pace(ctx context.Context, cl *kgo.Client, begin time.Time, total int, failed *atomic.Pointer[error]) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for sent := 0; sent < total && failed.Load() == nil; <-tick.C {
		due := min(total, int(time.Since(begin).Seconds()*float64(l.Rate)))
		for ; sent < due; sent++ {
			value := make([]byte, l.Size)
			binary.BigEndian.PutUint64(value, uint64(time.Since(begin)))
			cl.Produce(ctx, &kgo.Record{Topic: l.Topics[0], Partition: 0, Value: value}, func(_ *kgo.Record, err error) {
				if err != nil {
					failed.Store(&err)
				}
			})
		}
	}
	if err := cl.Flush(ctx); err != nil {
		failed.Store(&err)
	}
}

// loadMode is the argument that makes this program a load process.
const loadMode = "load-process"

func isLoadProcess() bool { return len(os.Args) == 2 && os.Args[1] == loadMode }
