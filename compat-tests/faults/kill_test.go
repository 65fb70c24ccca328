package faults

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
	"github.com/mainstem-mq/mainstem/compat-tests/promise"
)

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
	l := promise.New(1, promise.ValueSize(batchValue), promise.Retention(20<<20))
	if err := l.CreateTopic(d.ctx, d.broker.Addr()); err != nil {
		t.Fatal(err)
	}
	load, err := promise.Start(d.ctx, d.broker.Addr(), l, 2, 1000)
	if err != nil {
		t.Fatal(err)
	}
	defer load.Stop()
	rng := rand.New(rand.NewPCG(1, 2))
	refused := 0
	for round := range kills {
		load.Resume()
		time.Sleep(time.Duration(500+rng.IntN(1500)) * time.Millisecond)
		if round%3 == 0 { // others fill the rest, down to the last byte
			d.othersTakeAll()
			time.Sleep(time.Duration(rng.IntN(1000)) * time.Millisecond)
		}
		if err := d.broker.Kill(); err != nil {
			t.Fatal(err)
		}
		refused += d.restartWhileFull()
		d.read(keptRecords)
		n, err := load.Verify(d.ctx, d.broker.Addr(), true)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		t.Logf("%d records are left of %d", n, l.Total())
	}
	t.Logf("%d starts of %d had no block to begin with", refused, kills)
	if err := d.told("produce is refused"); err != nil {
		t.Error(err)
	}
}

// restartWhileFull starts the broker on a disk that others may have filled, and
// has them go. It returns how many starts were refused before.
func (d *smallDisk) restartWhileFull() (refused int) {
	d.t.Helper()
	err := d.broker.Restart()
	if err := os.Remove(filepath.Join(d.data, "others")); err != nil && !errors.Is(err, os.ErrNotExist) {
		d.t.Fatal(err)
	}
	// Where the ballast was used before, and others have every block since,
	// even metadata has no room: that is said, and the next start is well.
	if err != nil && strings.Contains(err.Error(), "and so is what the ballast kept. Free some space") {
		refused++
		err = d.broker.Restart()
	}
	if err != nil {
		d.t.Fatal(fmt.Errorf("restart: %w", err))
	}
	return refused
}
