package main

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// TestLongTimes: the largest values, by which people say never, and for ever,
// mean a very long time; they do not turn into a short or a negative one.
func TestLongTimes(t *testing.T) {
	const never = "9223372036854775807"
	synctest.Test(t, func(t *testing.T) {
		meta, err := cluster.Open(vfs.NewMem(), "data", cluster.Options{NodeID: 1})
		if err != nil {
			t.Fatal(err)
		}
		b := &broker{meta: meta, cfg: Config{Resolver: cluster.NewResolver(map[string]string{
			"log.retention.check.interval.ms":     never,
			cluster.CleanerBackoffKey:             never,
			"offsets.retention.check.interval.ms": never,
			"offsets.retention.minutes":           "2147483647",
		})}}
		const year = 365 * 24 * time.Hour
		c := groupConfig(b.cfg.Resolver, meta.Image())
		if err := c.Validate(); err != nil {
			t.Error(err)
		}
		if c.OffsetsRetention < 100*year || c.OffsetsCheckInterval < 100*year {
			t.Errorf("offsets are kept for %v, and looked at every %v", c.OffsetsRetention, c.OffsetsCheckInterval)
		}
		var rounds atomic.Int32
		k := &keeper{
			clock: clock.Real{}, interval: b.retentionInterval, stop: make(chan struct{}),
			round: func() {
				rounds.Add(1)
				time.Sleep(time.Second) // so that the hour passes for a keeper that does not wait, too
			},
		}
		cleaner := &compactor{clock: clock.Real{}, pause: b.compactionPause, round: func() int { return int(rounds.Add(1)) }, stop: make(chan struct{})}
		k.done.Go(k.run)
		cleaner.done.Go(cleaner.run)
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := rounds.Load(); n != 0 {
			t.Errorf("%d rounds in an hour", n)
		}
		_, _ = k.close(), cleaner.close()
		if err := meta.Close(); err != nil {
			t.Error(err)
		}
	})
}
