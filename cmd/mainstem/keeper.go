package main

import (
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/mainstem-mq/mainstem/log"
	"github.com/mainstem-mq/mainstem/replication"
)

// logStats is the log's figures, for logCollector.
type logStats = log.Stats

// keeper applies retention now and then.
type keeper struct {
	b    *broker
	stop chan struct{}
	done sync.WaitGroup
}

func startKeeper(b *broker) *keeper {
	k := &keeper{b: b, stop: make(chan struct{})}
	k.done.Go(k.run)
	return k
}

func (k *keeper) close() error {
	close(k.stop)
	k.done.Wait()
	return nil
}

func (k *keeper) run() {
	for {
		ms := k.b.cfg.Resolver.Int(k.b.meta.Image(), "log.retention.check.interval.ms")
		t := k.b.clock.NewTimer(time.Duration(ms) * time.Millisecond)
		select {
		case <-t.C():
			k.round()
		case <-k.stop:
			t.Stop()
			return
		}
	}
}

// round moves log starts and gives the space of what died back.
func (k *keeper) round() {
	k.b.partitions.Retain(func(p *replication.Partition, err error) {
		k.b.log.Warn("retention", zap.String("topic", p.Topic().Name), zap.Int32("partition", p.Index()), zap.Error(err))
	})
	segments, bytes, err := k.b.commitLog.Reclaim()
	switch {
	case err != nil:
		k.b.log.Warn("space could not be given back", zap.Error(err))
	case segments > 0:
		k.b.log.Info("space given back", zap.Int("segments", segments), zap.Int64("bytes", bytes))
	}
}
