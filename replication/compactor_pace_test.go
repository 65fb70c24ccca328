package replication

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// TestCompactionStops: the end of the broker does not wait for a compaction,
// and one that was cut short did nothing.
func TestCompactionStops(t *testing.T) {
	inWorld(t, func(w *world) {
		w.settings = compacting()
		p := w.part(0)
		for i := range 4 {
			w.put(p, batch.None, fmt.Sprintf("a=%d", i))
		}
		c := w.compactor(CompactorSettings{KeyBytes: 1 << 20, LoadFactor: 0.9, BytesPerSecond: 10})
		done := make(chan int)
		go func() { done <- c.Round() }()
		w.settle()
		select {
		case <-done:
			t.Fatalf("%d bytes at 10 a second took no time: %+v", p.Bytes(), c.told)
		default:
		}
		close(c.stop)
		<-done
		w.wantHolds(p, "stopped", "0:a=0 1:a=1 2:a=2 3:a=3")
		state, err := p.log.Cleanable(p.Offsets().HighWatermark)
		if err != nil || state.CleanedTo != 0 || state.CleanBytes != 0 {
			t.Errorf("%+v, %v", state, err)
		}
		c.wantNoNews(t)
	})
}

// wantNoNews checks that a compaction which was ended from outside is no failure
// of anything.
func (c *cleaner) wantNoNews(t *testing.T) {
	t.Helper()
	if got := c.Totals(); len(c.told) > 0 || got.Runs != 0 || got.Failed != 0 {
		t.Errorf("told %+v; %+v", c.told, got)
	}
	for _, topic := range c.Topics() {
		if len(topic.Uncleanable) > 0 {
			t.Errorf("%+v", topic)
		}
	}
}

// TestDeletedWhileCompacted: a topic that is deleted meanwhile is no failure.
func TestDeletedWhileCompacted(t *testing.T) {
	inWorld(t, func(w *world) {
		w.settings = compacting()
		p := w.part(0)
		for i := range 4 {
			w.put(p, batch.None, fmt.Sprintf("a=%d", i))
		}
		c := w.compactor(CompactorSettings{KeyBytes: 1 << 20, LoadFactor: 0.9, BytesPerSecond: 10})
		done := make(chan int, 1)
		go func() { done <- c.Round() }()
		w.settle()
		if err := w.journal.DeleteTopics([]string{"t"})[0]; err != nil {
			t.Fatal(err)
		}
		for w.settle(); len(done) == 0; w.settle() {
			w.clock.Advance(time.Second)
		}
		if n := <-done; n != 1 {
			t.Errorf("%d compactions", n)
		}
		c.wantNoNews(t)
		if got := c.Totals(); got.ReadBytes == 0 || got.Seconds == 0 {
			t.Errorf("what it took is not counted: %+v", got)
		}
	})
}

// TestCompactionPace: a rate is kept, read and written together.
func TestCompactionPace(t *testing.T) {
	inWorld(t, func(w *world) {
		w.settings = compacting()
		p := w.part(0)
		for i := range 10 {
			w.put(p, batch.None, fmt.Sprintf("a=%d%s", i, strings.Repeat("x", 1000)))
		}
		c := w.compactor(CompactorSettings{KeyBytes: 1 << 20, LoadFactor: 0.9, BytesPerSecond: 1000})
		done := make(chan int)
		begun := w.clock.Now()
		go func() { done <- c.Round() }()
		for ended := false; !ended; {
			w.settle()
			select {
			case <-done:
				ended = true
			default:
				w.clock.Advance(100 * time.Millisecond)
			}
		}
		// Nine batches of a little more than 1,000 bytes are read twice, one is written.
		if took := w.clock.Now().Sub(begun); took < 18*time.Second || took > 24*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// TestCompactionHearsOfSettings: one that was begun at a rate that is too low
// can be helped, and the next one goes by what is set then.
func TestCompactionHearsOfSettings(t *testing.T) {
	inWorld(t, func(w *world) {
		w.settings = compacting()
		p, q := w.part(0), w.part(1)
		for i := range 4 {
			w.put(p, batch.None, fmt.Sprintf("a%d=1 b%d=1", 50*i, i))
		}
		var many []string
		for i := range 100 {
			many = append(many, fmt.Sprintf("k%d=1", i))
		}
		w.put(q, batch.None, strings.Join(many, " "))
		w.put(q, batch.None, "k0=2")
		c := w.compactor(CompactorSettings{KeyBytes: 1, LoadFactor: 0.9, BytesPerSecond: 1})
		done := make(chan int)
		go func() { done <- c.Round() }()
		w.settle()
		c.set = roomy()
		w.clock.Advance(time.Second)
		w.settle()
		select {
		case <-done:
		default:
			t.Error("it waits on")
			close(c.stop)
			<-done
		}
		if len(c.told) != 2 || c.told[0].Err != nil || c.told[1].Err != nil || c.Totals().Seconds != 1 {
			t.Errorf("%+v", c.told)
		}
	})
}

// TestBytesPerSecond: what the setting may say, and what the log is told.
func TestBytesPerSecond(t *testing.T) {
	for f, want := range map[float64]int64{
		0: 0, -1: 0, math.MaxFloat64: 0, 1 << 62: 0, 1 << 61: 1 << 61, 0.1: 1, 1: 1, 1048576.5: 1 << 20,
	} {
		if got := bytesPerSecond(f); got != want {
			t.Errorf("%v: %d, want %d", f, got, want)
		}
	}
}
