package log

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/model"
)

// inBubble runs a test on a log with one partition of ten batches, of 1,000 bytes
// each, on a clock that the test moves once nothing else does.
func inBubble(t *testing.T, test func(t *testing.T, f *fixture, c *clock.Manual)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newStillFixture(t, relocating())
		for range 10 {
			f.append(939, 1)
		}
		c, _ := f.disk.clock.(*clock.Manual)
		test(t, f, c)
		f.close()
	})
}

// compacting is a compaction under way, which keeps nothing.
type compacting struct {
	ended chan error
	done  Compacted
}

func (f *fixture) compacting(pace Pace) *compacting {
	x := &compacting{ended: make(chan error, 1)}
	go func() {
		var err error
		x.done, err = f.log.Partition(1).Compact(noOffset, &pickCleaner{keep: func(_, _ model.Offset) cleaned { return keepNone }}, pace)
		x.ended <- err
	}()
	return x
}

// wait has time pass until it has ended.
func (x *compacting) wait(c *clock.Manual) error {
	for synctest.Wait(); len(x.ended) == 0; synctest.Wait() {
		c.Advance(100 * time.Millisecond)
	}
	return <-x.ended
}

// A compaction keeps its rate, read and written together.
func TestCompactPace(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture, c *clock.Manual) {
		x := f.compacting(Pace{Rate: func() int64 { return 1000 }})
		if err := x.wait(c); err != nil {
			t.Error(err)
		}
		// Nine batches are read twice.
		want := Compacted{To: 27, BytesLearnt: 9000, BatchesRead: 9, BytesRead: 9000, Took: 18 * time.Second}
		if x.done != want {
			t.Errorf("%+v, want %+v", x.done, want)
		}
	})
}

// A compaction that waits is ended by its caller, and has changed nothing.
func TestCompactStopped(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture, c *clock.Manual) {
		stop := make(chan struct{})
		x := f.compacting(Pace{Rate: func() int64 { return 1 }, Stop: stop})
		for range 3 { // as often as it looks at the rate
			synctest.Wait()
			c.Advance(time.Second)
		}
		close(stop)
		if err := <-x.ended; !errors.Is(err, ErrStopped) || x.done.To != 0 || x.done.Took != 3*time.Second {
			t.Errorf("%v, %+v", err, x.done)
		}
		f.notCompacted()
	})
}

// A compaction ends where the disk has nothing to spare any more.
func TestCompactWithoutRoom(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture, c *clock.Manual) {
		steps := 0
		room := func() int64 {
			steps++
			return int64(12 - steps) // below 0 at the fourth batch that is read again
		}
		x := f.compacting(Pace{Rate: func() int64 { return 1000 }, Room: room})
		if err := x.wait(c); !errors.Is(err, ErrDiskFull) || x.done.To != 0 || x.done.BatchesRead != 3 {
			t.Errorf("%v, %+v", err, x.done)
		}
		f.notCompacted()
	})
}

// notCompacted checks that nothing has become of a compaction.
func (f *fixture) notCompacted() {
	f.t.Helper()
	if got := f.log.Partition(1).cleaned(); got != (cleanedPart{}) {
		f.t.Errorf("cleaned: %+v", got)
	}
	f.everyStart()
}

// The end of the log does not wait for a compaction, and who asked for it hears.
func TestCloseEndsACompaction(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture, _ *clock.Manual) {
		x := f.compacting(Pace{Rate: func() int64 { return 1 }})
		synctest.Wait()
		next := f.compacting(Pace{}) // waits for its turn
		synctest.Wait()
		f.close() // with a clock that stands
		for _, one := range []*compacting{x, next} {
			if err := <-one.ended; !errors.Is(err, ErrClosed) || one.done.To != 0 {
				t.Errorf("%v, %+v", err, one.done)
			}
		}
		f.open()
		f.notCompacted()
	})
}
