package main

import (
	"fmt"
	"time"

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
		Events:        newTxnEvents(b.log, b.clock).write,
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
