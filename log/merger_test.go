package log

import (
	"runtime"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/internal/clock"
)

// mergedSoon waits until so many index files at most are left.
func (f *fixture) mergedSoon(most int) {
	f.t.Helper()
	timer := clock.Real{}.NewTimer(5 * time.Second)
	defer timer.Stop()
	for len(f.log.indexes.snapshot()) > most {
		select {
		case <-timer.C():
			f.t.Fatalf("%d index files, at most %d expected", len(f.log.indexes.snapshot()), most)
		default:
			runtime.Gosched()
		}
	}
}

// What lives too short for a round of checkpoints leaves a file or two each
// time, and each is a descriptor in the lives that follow.
func TestShortLivesLeaveNoHeapOfIndexes(t *testing.T) {
	f := newFixture(t, Config{CheckpointInterval: time.Hour})
	for range 4 * indexLevelFiles {
		f.append(300, 1)
		f.restart()
	}
	f.mergedSoon(2 * indexLevelFiles)
	f.check()
	f.close()
}

// Reclaiming writes checkpoints too, and a round finds nothing new behind them.
func TestReclaimsLeaveNoHeapOfIndexes(t *testing.T) {
	f := newFixture(t, Config{CheckpointInterval: time.Hour})
	for range 4 * indexLevelFiles {
		f.append(300, 1)
		if _, _, err := f.log.Reclaim(); err != nil {
			t.Fatal(err)
		}
	}
	f.mergedSoon(2 * indexLevelFiles)
	f.check()
	f.close()
}
