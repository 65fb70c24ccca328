package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// buffered bounds what the producers of a load hold together.
const buffered = 256 << 20

func (l *load) producer(w *wire, opts ...kgo.Opt) (*kgo.Client, error) {
	request := int32(100 << 20)
	if l.OneBatch {
		// Room for the request's own fields, and not for a second batch.
		request = int32(l.BatchMax + l.BatchMax/4)
	}
	return l.client(append([]kgo.Opt{
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchMaxBytes(int32(l.BatchMax)),
		kgo.BrokerMaxWriteBytes(request),
		// Deep enough that every partition always has a next batch.
		kgo.MaxBufferedRecords(1 << 20), kgo.MaxBufferedBytes(buffered / max(l.Producers, 1)),
		kgo.ProducerLinger(5 * time.Millisecond),
		kgo.WithHooks(w),
	}, opts...)...)
}

func (l *load) produce(ctx context.Context) (outcome, error) {
	producers := max(l.Producers, 1)
	counter := &wire{}
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
			f := feeder{load: l, client: cl, failed: &failed}
			f.feed(ctx, i, n)
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
	return outcome{
		Records: n, Bytes: int64(n) * int64(l.Size), Seconds: took.Seconds(),
		Batches: counter.produced(n), Requests: counter.produces.Load(),
	}, nil
}

// feeder hands records to one client, a whole batch's worth to a partition and
// then to the next one, so that batches are of one size on every broker.
type feeder struct {
	load   *load
	client *kgo.Client
	failed *atomic.Pointer[error]
}

func (f *feeder) feed(ctx context.Context, seed, n int) {
	l := f.load
	value := make([]byte, l.Size)
	for i := range value {
		value[i] = byte(i*7 + seed)
	}
	perBatch, all := l.perBatch(), len(l.Topics)*l.Partitions
	// A client that has to wait for room sends what it has: a batch would be
	// cut. So the waiting is done here, between two batches.
	window := make(chan struct{}, max(1, buffered/max(l.Producers, 1)*3/4/(perBatch*l.Size)))
	for sent, place := 0, l.Place+seed; sent < n && f.failed.Load() == nil; place++ {
		at := place % all
		topic, partition := l.Topics[at%len(l.Topics)], int32(at/len(l.Topics))
		window <- struct{}{}
		size := min(perBatch, n-sent)
		for i := range size {
			last := i == size-1
			f.client.Produce(ctx, &kgo.Record{Topic: topic, Partition: partition, Value: value}, func(_ *kgo.Record, err error) {
				if err != nil {
					f.failed.Store(&err)
				}
				if last {
					<-window
				}
			})
		}
		sent += size
	}
}
