package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/coordinator/txn"
	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// TestTxnConfig: every setting of transactions reaches the coordinator, and without
// any it has Kafka's.
func TestTxnConfig(t *testing.T) {
	meta, err := cluster.Open(vfs.NewMem(), "data", cluster.Options{NodeID: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := meta.Close(); err != nil {
			t.Error(err)
		}
	}()
	of := func(static map[string]string) txn.Config { return txnConfig(cluster.NewResolver(static), meta.Image()) }
	if diff := cmp.Diff(txn.DefaultConfig(), of(nil)); diff != "" {
		t.Errorf("defaults (-coordinator +broker):\n%s", diff)
	}
	want := txn.DefaultConfig()
	want.Shards, want.TimeoutMax, want.WaitMax = 7, 2*time.Second, 3*time.Millisecond
	want.Expiration, want.ExpiryInterval = 4*time.Second, 5*time.Second
	want.BatchBytesMax, want.UnitBytesMax = 1<<18, 1<<18 // they fit a file of the log
	got := of(map[string]string{
		"transaction.state.log.num.partitions": "7", "transaction.max.timeout.ms": "2000", "add.partitions.to.txn.retry.backoff.max.ms": "3",
		"transactional.id.expiration.ms": "4000", "transaction.remove.expired.transaction.cleanup.interval.ms": "5000",
		cluster.SegmentBytesKey: fmt.Sprint(3 << 18),
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
