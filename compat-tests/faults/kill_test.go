package faults

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// promised are the records that were acknowledged, by offset.
type promised struct {
	mu sync.Mutex
	by map[int64]string
}

// TestKilledWhileFull kills the broker again and again while producers fill its
// disk and retention empties it: it starts every time, and has what it
// acknowledged, but for what retention took.
func TestKilledWhileFull(t *testing.T) {
	testbroker.Quick(t)
	for _, kind := range []string{"tmpfs", "ext4"} {
		t.Run(kind, func(t *testing.T) { killWhileFull(t, kind) })
	}
}

func killWhileFull(t *testing.T, kind string) {
	t.Helper()
	const kills = 12
	d := newSmallDisk(t, kind, map[string]string{"log.retention.check.interval.ms": "500"})
	d.prepare()
	d.alterTopic("doomed", "retention.bytes", fmt.Sprint(20<<20))
	seen := &promised{by: make(map[int64]string)}
	rng := rand.New(rand.NewPCG(1, 2))
	refused := 0
	for round := range kills {
		load, stop := context.WithCancel(d.ctx)
		done := make(chan error, 1)
		go func() { done <- seen.produce(load, d.broker.Addr(), round) }()
		pause := time.Duration(500+rng.IntN(1500)) * time.Millisecond
		time.Sleep(pause)
		if round%3 == 0 { // others fill the rest, down to the last byte
			d.othersTakeAll()
			time.Sleep(time.Duration(rng.IntN(1000)) * time.Millisecond)
		}
		if err := d.broker.Kill(); err != nil {
			t.Fatal(err)
		}
		stop()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		err := d.broker.Restart()
		if err := os.Remove(filepath.Join(d.data, "others")); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		// Where the ballast was used before, and others have every block since,
		// even metadata has no room: that is said, and the next start is well.
		if err != nil && strings.Contains(err.Error(), "and so is what the ballast kept. Free some space") {
			refused++
			err = d.broker.Restart()
		}
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		d.read(keptRecords)
		seen.check(d)
	}
	t.Logf("%d starts of %d had no block to begin with", refused, kills)
	if err := d.told("produce is refused"); err != nil {
		t.Error(err)
	}
	if len(seen.by) == 0 {
		t.Error("nothing was acknowledged: the test shows nothing")
	}
}

// produce sends records until it is told to stop.
func (a *promised) produce(ctx context.Context, addr string, round int) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.DefaultProduceTopic("doomed"), kgo.MaxBufferedRecords(50),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		return err
	}
	defer cl.Close()
	for i := 0; ctx.Err() == nil; i++ {
		name := fmt.Sprintf("%d-%d", round, i)
		value := make([]byte, batchValue)
		copy(value, name)
		cl.Produce(ctx, &kgo.Record{Value: value}, func(r *kgo.Record, err error) {
			if err == nil {
				a.mu.Lock()
				a.by[r.Offset] = name
				a.mu.Unlock()
			}
		})
	}
	return nil
}

// check reads the topic from where it begins now, and forgets what went.
func (a *promised) check(d *smallDisk) {
	d.t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	last := int64(-1)
	for offset := range a.by {
		last = max(last, offset)
	}
	cl := d.client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"doomed": {0: kgo.NewOffset().AtStart()}}))
	defer cl.Close()
	ctx, cancel := context.WithTimeout(d.ctx, 30*time.Second)
	defer cancel()
	first, at, read := int64(-1), int64(-1), make(map[int64]string)
	for at < last {
		fs := cl.PollFetches(ctx)
		for _, e := range fs.Errors() {
			if !errors.Is(e.Err, kerr.OffsetOutOfRange) { // retention was faster
				d.t.Fatalf("after offset %d of %d acknowledged: %v", at, last, e.Err)
			}
		}
		fs.EachRecord(func(r *kgo.Record) {
			if first < 0 || r.Offset != at+1 {
				first = r.Offset
			}
			read[r.Offset], at = string(r.Value[:min(len(r.Value), 20)]), r.Offset
		})
	}
	for offset, want := range a.by {
		if offset < first {
			delete(a.by, offset)
			continue
		}
		got, ok := read[offset]
		if !ok || len(got) < len(want) || got[:len(want)] != want {
			d.t.Fatalf("offset %d was acknowledged as %q and is %q (there: %v)", offset, want, got, ok)
		}
	}
}
