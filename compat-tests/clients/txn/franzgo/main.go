// Command franzgo does transactions as it is told. See ..
package main

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/compat-tests/clients/txn/commands"
)

func main() { commands.Main(start) }

// worker has a client of its own for what it writes; one that takes has it in a
// session, which ends transactions together with the offsets of its group.
type worker struct {
	cl        *kgo.Client
	session   *kgo.GroupTransactSession
	to        string
	bootstrap string
}

func start(flags commands.Flags) (commands.Worker, error) {
	w := &worker{to: flags["to"], bootstrap: flags["bootstrap"]}
	opts := []kgo.Opt{
		kgo.SeedBrokers(w.bootstrap),
		kgo.TransactionalID(flags["id"]),
		kgo.TransactionTimeout(flags.Millis("timeout")),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
	}
	var err error
	if flags["group"] == "" {
		w.cl, err = kgo.NewClient(opts...)
		return w, err
	}
	w.session, err = kgo.NewGroupTransactSession(append(opts,
		kgo.ConsumerGroup(flags["group"]),
		kgo.ConsumeTopics(flags["from"]),
		kgo.SessionTimeout(flags.Millis("session")),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
	)...)
	if err == nil {
		w.cl = w.session.Client()
	}
	return w, err
}

func (w *worker) Init() error {
	_, _, err := w.cl.ProducerID(context.Background())
	return err
}

func (w *worker) Begin() error { return w.cl.BeginTransaction() }

func (w *worker) Send(topic string, partition int32, values []string) error {
	rs := make([]*kgo.Record, len(values))
	for i, v := range values {
		rs[i] = &kgo.Record{Topic: topic, Partition: partition, Value: []byte(v)}
	}
	return w.cl.ProduceSync(context.Background(), rs...).FirstErr()
}

func (w *worker) Take() (int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	fs := w.session.PollFetches(ctx)
	if fs.NumRecords() == 0 {
		return 0, nil
	}
	if err := w.session.Begin(); err != nil {
		return 0, err
	}
	var rs []*kgo.Record
	fs.EachRecord(func(r *kgo.Record) {
		rs = append(rs, &kgo.Record{Topic: w.to, Partition: r.Partition, Value: r.Value})
	})
	return len(rs), w.session.ProduceSync(context.Background(), rs...).FirstErr()
}

// Offsets leaves it to Commit: a session does both at once.
func (w *worker) Offsets() error { return nil }

func (w *worker) Commit() error { return w.end(kgo.TryCommit) }

func (w *worker) Abort() error { return w.end(kgo.TryAbort) }

func (w *worker) end(try kgo.TransactionEndTry) error {
	ctx := context.Background()
	if w.session == nil {
		return w.cl.EndTransaction(ctx, try)
	}
	committed, err := w.session.End(ctx, try)
	if err == nil && committed != bool(try) {
		err = errors.New("the session aborted the transaction")
	}
	return err
}

func (w *worker) Read(topic string, partitions int32, committed bool, got func(commands.Record) bool) error {
	all := map[int32]kgo.Offset{}
	for p := range partitions {
		all[p] = kgo.NewOffset().AtStart()
	}
	level := kgo.ReadUncommitted()
	if committed {
		level = kgo.ReadCommitted()
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(w.bootstrap), kgo.FetchIsolationLevel(level),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: all}))
	if err != nil {
		return err
	}
	defer cl.Close()
	for more := true; more; {
		fs := cl.PollFetches(context.Background())
		for _, e := range fs.Errors() {
			return e.Err
		}
		fs.EachRecord(func(r *kgo.Record) {
			more = got(commands.Record{Partition: r.Partition, Offset: r.Offset, Value: string(r.Value)})
		})
	}
	return nil
}
