package log

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/mainstem-mq/mainstem/internal/clock"
)

// rests has the goroutines of a log in a bubble do all that they have to, and
// whatever comes of it by itself in a minute.
func rests() {
	<-clock.Real{}.NewTimer(time.Minute).C()
	synctest.Wait()
}

// merged has the log rest, and bounds how many index files are left.
func (f *fixture) merged(most int) {
	f.t.Helper()
	rests()
	if n := len(f.log.indexes.snapshot()); n > most {
		f.t.Errorf("%d index files, at most %d expected", n, most)
	}
}

// What lives too short for a round of checkpoints leaves a file or two each
// time, and each is a descriptor in the lives that follow.
func TestShortLivesLeaveNoHeapOfIndexes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, Config{CheckpointInterval: time.Hour})
		for range 4 * indexLevelFiles {
			f.append(300, 1)
			f.restart()
		}
		f.merged(2 * indexLevelFiles)
		f.check()
		f.close()
	})
}

// Reclaiming writes checkpoints too, and a round finds nothing new behind them.
func TestReclaimsLeaveNoHeapOfIndexes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, Config{CheckpointInterval: time.Hour})
		for range 4 * indexLevelFiles {
			f.append(300, 1)
			if _, _, err := f.log.Reclaim(); err != nil {
				t.Fatal(err)
			}
		}
		f.merged(2 * indexLevelFiles)
		f.check()
		f.close()
	})
}
