package main

import (
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/replication"
)

// fullPause is the least time between two rounds while the disk is full.
const fullPause = 5 * time.Second

// keeper applies retention now and then, and when the disk is full: what was
// deleted in the meantime may be all it takes to go on.
type keeper struct {
	clock    clock.Clock
	interval func() time.Duration
	round    func()
	full     <-chan struct{}
	stop     chan struct{}
	done     sync.WaitGroup
}

func startKeeper(b *broker) *keeper {
	k := &keeper{clock: b.clock, interval: b.retentionInterval, round: b.giveBack, full: b.full, stop: make(chan struct{})}
	k.done.Go(k.run)
	return k
}

// retentionInterval is how often retention is applied.
func (b *broker) retentionInterval() time.Duration {
	return b.cfg.Resolver.Duration(b.meta.Image(), "log.retention.check.interval.ms", time.Millisecond)
}

func (k *keeper) close() error {
	close(k.stop)
	k.done.Wait()
	return nil
}

func (k *keeper) run() {
	last := k.clock.Now().Add(-fullPause)
	for {
		t := k.clock.NewTimer(k.interval())
		select {
		case <-t.C():
		case <-k.full:
			t.Stop()
			if !clock.Wait(k.clock, fullPause-k.clock.Now().Sub(last), k.stop) {
				return
			}
			select {
			case <-k.full: // asked meanwhile: the same round serves it
			default:
			}
		case <-k.stop:
			t.Stop()
			return
		}
		k.round()
		last = k.clock.Now()
	}
}

// giveBack moves log starts and gives the space of what died back.
func (b *broker) giveBack() {
	b.tellRetention(b.partitions.Retain(b.retentionFailed))
	b.reclaim()
	// What the log takes is known only now.
	if b.keepShare() {
		b.reclaim()
	}
	b.disk.Poke()
}

// retentionLinesMax bounds the lines of one round of retention: it may concern tens of
// thousands of topics.
const retentionLinesMax = 50

// tellRetention says what retention takes, from which topic.
func (b *broker) tellRetention(taken []replication.Retention) {
	const text = "retention"
	for i, r := range taken {
		if i == retentionLinesMax {
			b.log.Info(text, zap.Int("more_topics", len(taken)-i))
			return
		}
		b.log.Info(text, zap.String("topic", r.Topic), zap.Int("partitions", r.Partitions), zap.Int64("offsets", r.Offsets))
	}
}

func (b *broker) reclaim() {
	segments, bytes, err := b.commitLog.Reclaim()
	switch {
	case err != nil:
		b.log.Warn("space could not be given back", zap.Error(err))
	case segments > 0:
		b.log.Info("space given back", zap.Int("segments", segments), zap.Int64("bytes", bytes))
	}
}
