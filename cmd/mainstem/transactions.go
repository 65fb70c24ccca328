package main

import (
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/coordinator/txn"
	"github.com/mainstem-mq/mainstem/server"
)

func (b *broker) openTransactions() error {
	config := txnConfig(b.cfg.Resolver, b.meta.Image()) // none of it can be changed while the broker runs
	b.markers = server.NewMarkers(b.partitions, b.groups)
	txns, err := txn.New(func() txn.Config { return config }, txn.Env{
		Clock:         b.clock,
		Journals:      func(shard int32) txn.Journal { return server.NewTransactionsJournal(b.partitions, b.clock, shard) },
		Events:        b.txnEvent,
		NewProducerID: b.producers.Take,
		WriteMarkers:  b.markers.Finish,
	})
	if err != nil {
		return fmt.Errorf("transaction coordinator: %w", err)
	}
	b.txns = txns
	b.opened("transaction markers", func() error {
		b.markers.Close()
		return nil
	})
	b.opened("transaction coordinator", func() error {
		txns.Close()
		return nil
	})
	return nil
}

// txnConfig reads the rules of transactions.
func txnConfig(r *cluster.Resolver, img *cluster.Image) txn.Config {
	ms := func(key string) time.Duration { return r.Duration(img, key, time.Millisecond) }
	c := txn.DefaultConfig()
	c.Shards = int32(r.Int(img, cluster.TxnPartitionsKey))
	if t, ok := img.Topic(cluster.TransactionsTopic); ok {
		c.Shards = int32(len(t.Partitions))
	}
	c.TimeoutMax, c.WaitMax = ms(cluster.TxnTimeoutMaxKey), ms(cluster.TxnWaitKey)
	c.Expiration, c.ExpiryInterval = ms(cluster.TxnExpirationKey), ms(cluster.TxnExpiryCheckKey)
	// What does not fit a file of the log would be refused again and again.
	unit := int(r.Int(img, cluster.SegmentBytesKey) / 3)
	c.BatchBytesMax, c.UnitBytesMax = min(c.BatchBytesMax, unit), min(c.UnitBytesMax, unit)
	return c
}

// txnEvent writes a line for an event of the transaction coordinator. It is called
// on a shard's goroutine.
func (b *broker) txnEvent(e txn.Event) {
	fields := []zap.Field{zap.Int32("shard", e.Shard)}
	if e.ID != "" {
		fields = append(fields, zap.String("transactional_id", shortened(e.ID)), zap.Int64("producer", int64(e.Producer.ID)),
			zap.Int16("epoch", int16(e.Producer.Epoch)), zap.Int("partitions", e.Partitions), zap.Duration("age", e.Age))
	}
	if e.Client.ClientID != "" || e.Client.ClientHost != "" {
		fields = append(fields, zap.String("client", shortened(e.Client.ClientID)), zap.String("host", e.Client.ClientHost))
	}
	if e.Topic != "" {
		fields = append(fields, zap.String("topic", e.Topic), zap.Int32("partition", e.Partition))
	}
	if e.Reason != "" {
		fields = append(fields, zap.Stringer("error", e.Code), zap.String("reason", shortened(e.Reason)))
	}
	switch e.Kind {
	case txn.Long:
		b.log.Warn(e.Kind.String(), append(fields, zap.Duration("left", e.Left))...)
	case txn.TimedOut, txn.MarkersRetried, txn.MarkerRefused:
		b.log.Warn(e.Kind.String(), append(fields, zap.Int("count", e.Count))...)
	case txn.Fenced, txn.Aborted:
		b.log.Info(e.Kind.String(), fields...)
	case txn.ShardLoadFailed, txn.AppendFailed, txn.RecordSkipped:
		b.log.Warn(e.Kind.String(), append(fields, zap.Int("count", e.Count), zap.Error(e.Err))...)
	case txn.ShardLoading, txn.ShardLoaded, txn.ShardUnloaded, txn.Expired:
		b.log.Debug(e.Kind.String(), append(fields, zap.Int("ids", e.IDs), zap.Int("count", e.Count), zap.Duration("took", e.Took))...)
	}
}
