package faults

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// TestDiskFullWhileRelocating leaves no room for the copies that relocation
// makes, nor for new checkpoints and index files: that is told, harms nothing,
// survives a kill, and is done once there is room.
func TestDiskFullWhileRelocating(t *testing.T) {
	testbroker.Quick(t)
	for _, kind := range []string{"tmpfs", "ext4"} {
		t.Run(kind, func(t *testing.T) { relocateWithoutRoom(t, kind) })
	}
}

func relocateWithoutRoom(t *testing.T, kind string) {
	t.Helper()
	d := newSmallDisk(t, kind, map[string]string{
		// Nothing is held back: whatever has no room finds none.
		"mainstem.disk.ballast.bytes": "0", "mainstem.disk.free.min.bytes": "0", "mainstem.disk.free.warn.bytes": "0",
		"log.retention.check.interval.ms": "1000",
	})
	d.prepare()
	// A few records live among many that do not: the topic that is read back is
	// padded, so that a copy of what lives takes more room than there is.
	kept, begin := int64(keptRecords), time.Now()
	for n := 0; n < 10*segmentBytes; n += 10 * batchValue {
		for range 9 {
			d.must(&kgo.Record{Topic: "doomed", Value: make([]byte, batchValue)})
		}
		d.must(keptRecord(kept, batchValue))
		kept++
	}
	t.Logf("%d records in %v", kept, time.Since(begin))
	d.othersTakeAllBut(128 << 10)
	if _, err := d.admin.DeleteTopic(d.ctx, "doomed"); err != nil {
		t.Fatal(err)
	}
	testbroker.Eventually(t, time.Minute, func() error { return d.told("relocating failed: ") })
	if err := d.told("no space left on device"); err != nil {
		t.Error(err)
	}
	d.read(kept)
	if err := d.broker.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := d.broker.Restart(); err != nil {
		t.Fatalf("start on a full disk: %v", err)
	}
	d.read(kept)
	if err := os.Remove(filepath.Join(d.data, "others")); err != nil {
		t.Fatal(err)
	}
	d.must(keptRecord(kept, batchValue))
	kept++
	testbroker.Eventually(t, 2*time.Minute, func() error {
		segments, err := filepath.Glob(filepath.Join(d.data, "0*.segment"))
		if err != nil {
			t.Fatal(err)
		}
		cold, err := filepath.Glob(filepath.Join(d.data, "cold-*.segment"))
		if len(segments) > 7 || len(cold) == 0 {
			err = errors.Join(err, fmt.Errorf("%d segments, %d of the cold log", len(segments), len(cold)))
		}
		return err
	})
	d.read(kept)
	if err := d.broker.Stop(); err != nil {
		t.Error(err)
	}
	if err := d.broker.Restart(); err != nil {
		t.Fatal(err)
	}
	d.read(kept)
	if end := d.endOfKept(); end != kept {
		t.Errorf("the topic ends at %d, want %d", end, kept)
	}
}

// othersTakeAllBut leaves so many bytes free.
func (d *smallDisk) othersTakeAllBut(free int64) {
	d.t.Helper()
	d.othersTakeAll()
	name := filepath.Join(d.data, "others")
	info, err := os.Stat(name)
	if err == nil {
		err = os.Truncate(name, info.Size()-free)
	}
	if err != nil {
		d.t.Fatal(err)
	}
}
