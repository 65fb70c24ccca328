package cli

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/internal/clock"
)

// TestDueTimes: a record that comes late to its turn has the time of its turn, so that
// what held the others up counts for it, too.
func TestDueTimes(t *testing.T) {
	begun := time.Unix(1_700_000_000, 0)
	now := clock.NewManual(begun)
	r := &benchRun{bench: &bench{flags: flags{shell: &Shell{Clock: now}}, rate: 10}, ctx: context.Background()}
	now.Advance(5 * time.Second) // a broker stood still
	for i, want := range map[int64]time.Duration{0: 0, 10: time.Second, 50: 5 * time.Second} {
		if at, ok := r.due(begun, i); !ok || at.Sub(begun) != want {
			t.Errorf("record %d: after %s, %v, want %s", i, at.Sub(begun), ok, want)
		}
	}
	ended, end := context.WithCancel(context.Background())
	end()
	r.ctx = ended
	if _, ok := r.due(begun, 1000); ok {
		t.Error("a record is sent after ctrl-C")
	}
	r.rate = 0
	if at, ok := r.due(begun, 1000); !ok || at.Sub(begun) != 5*time.Second {
		t.Errorf("without a rate: after %s, %v", at.Sub(begun), ok)
	}
}

func TestBenchRow(t *testing.T) {
	now := clock.NewManual(time.Unix(1_700_000_000, 0))
	r := &benchRun{bench: &bench{flags: flags{shell: &Shell{Clock: now}}}}
	row := r.row("written")
	for i := range 100 {
		now.Advance(20 * time.Millisecond)
		row.done(now.Now(), time.Duration(i+1)*time.Millisecond, 1000, nil)
	}
	row.done(now.Now(), time.Hour, 1000, errors.New("gone"))
	row.done(now.Now(), time.Hour, 1000, errors.New("gone, too"))
	got := row.result()
	if got.Count != 100 || got.Bytes != 100_000 || got.Rate != 50 || got.MB != 0.05 || got.Errors != 2 || got.First != "gone" {
		t.Errorf("%+v", got)
	}
	// Three digits of what is recorded are right.
	for _, l := range []struct{ got, want float64 }{{got.Latency.P50, 50}, {got.Latency.P95, 95}, {got.Latency.P99, 99}, {got.Latency.Max, 100}} {
		if l.got < l.want*0.998 || l.got > l.want*1.002 {
			t.Errorf("%v ms, want %v", l.got, l.want)
		}
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]int{"0": 0, "100": 100, "4KiB": 4096, "1 MiB": 1 << 20, "2kB": 2000, "1MB": 1_000_000, "64MiB": 64 << 20} {
		if got, err := parseSize(text); err != nil || got != want {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "-1", "x", "1GB", "65MiB", "99999999999999999999"} {
		if got, err := parseSize(text); err == nil {
			t.Errorf("%s: %d", text, got)
		}
	}
}
