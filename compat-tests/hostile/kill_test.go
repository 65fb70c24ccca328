package hostile

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/compat-tests/harness"
	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// acked are the records that a broker has acknowledged, by offset.
type acked struct {
	mu sync.Mutex
	by map[int64]string
}

// TestKillDuringShutdown kills the broker while it shuts down under load; what
// was acknowledged is there after the restart.
func TestKillDuringShutdown(t *testing.T) {
	testbroker.Quick(t)
	target, err := harness.ParseTarget(os.Getenv("TARGET"))
	if err != nil {
		t.Fatal(err)
	}
	ctx := testbroker.Context(t, 5*time.Minute)
	b, err := harness.Start(ctx, target, harness.Options{Props: harness.TestProps()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Remove(); err != nil {
			t.Error(err)
		}
	})
	const topic = "killed"
	admin, err := kgo.NewClient(kgo.SeedBrokers(b.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	if _, err := kadm.NewClient(admin).CreateTopic(ctx, 1, 1, nil, topic); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	seen := &acked{by: map[int64]string{}}
	for round := range 6 {
		pause := time.Duration(rng.IntN(30)) * time.Millisecond
		load, stop := context.WithCancel(ctx)
		done := make(chan error, 1)
		go func() { done <- seen.produce(load, b.Addr(), topic, round) }()
		time.Sleep(500 * time.Millisecond)
		if err := syscall.Kill(b.PID(), syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		time.Sleep(pause)
		if err := b.Kill(); err != nil {
			t.Fatal(err)
		}
		stop()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if err := b.Restart(); err != nil {
			t.Fatalf("round %d, killed %v after SIGTERM: %v", round, pause, err)
		}
		if n := seen.check(ctx, t, b.Addr(), topic); n == 0 {
			t.Fatal("nothing was acknowledged: the test shows nothing")
		}
	}
}

// produce sends records until it is told to stop.
func (a *acked) produce(ctx context.Context, addr, topic string, round int) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.DefaultProduceTopic(topic), kgo.MaxBufferedRecords(2000))
	if err != nil {
		return err
	}
	defer cl.Close()
	for i := 0; ctx.Err() == nil; i++ {
		value := fmt.Sprintf("%d-%d", round, i)
		cl.Produce(ctx, &kgo.Record{Value: []byte(value)}, func(r *kgo.Record, err error) {
			if err == nil {
				a.mu.Lock()
				a.by[r.Offset] = value
				a.mu.Unlock()
			}
		})
	}
	return nil
}

// check reads the topic and returns how many acknowledged records there are.
func (a *acked) check(ctx context.Context, t *testing.T, addr, topic string) int {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	last := int64(-1)
	for offset := range a.by {
		last = max(last, offset)
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	read := map[int64]string{}
	for at := int64(-1); at < last; {
		fs := cl.PollFetches(ctx)
		if err := fs.Err(); err != nil {
			t.Fatalf("after offset %d of %d acknowledged: %v", at, last, err)
		}
		fs.EachRecord(func(r *kgo.Record) { read[r.Offset], at = string(r.Value), r.Offset })
	}
	for offset, want := range a.by {
		if got, ok := read[offset]; !ok || got != want {
			t.Fatalf("offset %d was acknowledged as %q and is %q (there: %v)", offset, want, got, ok)
		}
	}
	return len(a.by)
}
