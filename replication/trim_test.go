package replication

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/log"
	"github.com/mainstem-mq/mainstem/protocol"
)

// deletion is the answer to one DeleteRecords.
type deletion struct {
	told  int
	start model.Offset
	err   *protocol.Error
}

func (d *deletion) done(start model.Offset, err *protocol.Error) {
	d.told, d.start, d.err = d.told+1, start, err
}

func TestDeleteRecords(t *testing.T) {
	inWorld(t, func(w *world) {
		p := w.part(0)
		for range 4 {
			w.mustAppend(p, 5)
		}
		for _, c := range []struct {
			name   string
			before model.Offset
			start  model.Offset
			code   protocol.ErrorCode
		}{
			{"into a batch", 7, 7, protocol.NoError},
			{"the same again", 7, 7, protocol.NoError},
			{"below the start", 3, 7, protocol.NoError},
			{"behind the watermark", 21, -1, protocol.OffsetOutOfRange},
			{"no such number", -2, -1, protocol.OffsetOutOfRange},
			{"up to the watermark", -1, 20, protocol.NoError},
		} {
			var d deletion
			w.deleteRecords(p, c.before, d.done)
			w.settle()
			if d.told != 1 || d.start != c.start || codeOf(d.err) != c.code {
				t.Fatalf("%s: %+v; want start %d, %v", c.name, d, c.start, c.code)
			}
		}
		wantOffsets(t, "all deleted", p, 20, 20, 20)
		w.mustAppend(p, 1)
		if got := w.readable(p, 20); !slices.Equal(got, []model.Offset{20}) {
			t.Fatalf("fetched %v", got)
		}
	})
}

// The answer is a promise: also that to a deletion of what is deleted already,
// by an entry that is still on its way to the disk.
func TestDeleteRecordsWaitsForTheDisk(t *testing.T) {
	for seed := range uint64(6) {
		inWorld(t, func(w *world) {
			p := w.part(0)
			w.mustAppend(p, 5)
			w.holdSyncs()
			var first, again deletion
			w.deleteRecords(p, 4, first.done)
			w.settle()
			w.deleteRecords(p, 4, again.done)
			w.settle()
			if first.told != 0 || again.told != 0 {
				t.Fatal("told before it was durable")
			}
			w.letSyncs()
			w.settle()
			if first.told != 1 || again.told != 1 {
				t.Fatal("not told")
			}
			w.crash(rand.New(rand.NewPCG(seed, 0)))
			wantOffsets(t, "after the power cut", w.part(0), 4, 5, 5)
		})
	}
}

func TestDeleteRecordsOnABrokenDisk(t *testing.T) {
	inWorld(t, func(w *world) {
		p := w.part(0)
		w.mustAppend(p, 5)
		w.failKind(vfs.KindWrite, vfs.ErrIO)
		var d deletion
		w.deleteRecords(p, 4, d.done)
		w.settle()
		if d.told != 1 || codeOf(d.err) != protocol.KafkaStorageError {
			t.Fatalf("%+v", d)
		}
		wantOffsets(t, "nothing happened", p, 0, 5, 5)
		w.fail(nil)
		w.mustAppend(p, 1)
	})
}

func TestRetention(t *testing.T) {
	hour := int64(time.Hour / time.Millisecond)
	for _, c := range []struct {
		name        string
		ms, bytes   int64
		deletes     bool
		want        model.Offset
		wantOfOther model.Offset
	}{
		{"neither bound", -1, -1, true, 0, 0},
		{"two hours", 2 * hour, -1, true, 8, 0},
		{"older than all", 0, -1, true, 10, 2},
		{"room for two batches and a half", -1, 250, true, 4, 0},
		{"compacted only", 0, 0, false, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				p, other := w.part(0), w.part(1)
				for range 5 { // 2 records an hour
					w.mustAppend(p, 2)
					w.clock.Advance(time.Hour)
				}
				w.clock.Advance(time.Second)
				w.mustAppend(other, 2)
				size := p.Bytes() / 5
				w.settings.Delete, w.settings.RetentionMs, w.settings.RetentionBytes = c.deletes, c.ms, c.bytes
				if c.bytes > 0 {
					w.settings.RetentionBytes = size*2 + size/2
				}
				w.clock.Advance(time.Second)
				taken := int64(0)
				for _, r := range w.partitions.Retain(func(p *Partition, err error) { t.Errorf("partition %d: %v", p.Index(), err) }) {
					taken += r.Offsets
				}
				if want := int64(c.want + c.wantOfOther); taken != want {
					t.Errorf("it tells of %d offsets, want %d", taken, want)
				}
				w.settle()
				wantOffsets(t, "the old one", p, c.want, 10, 10)
				wantOffsets(t, "the new one", other, c.wantOfOther, 2, 2)
			})
		})
	}
}

// A partition that no client asked for since the start ages like any other.
func TestRetentionOfUntouched(t *testing.T) {
	inWorld(t, func(w *world) {
		w.mustAppend(w.part(0), 2)
		w.crash(nil)
		w.settings.RetentionMs = 0
		w.clock.Advance(time.Second)
		w.partitions.Retain(func(_ *Partition, err error) { t.Error(err) })
		w.settle()
		wantOffsets(t, "after retention", w.part(0), 2, 2, 2)
	})
}

// What is relocated is kept with what lives about as long, also once the topic's
// retention has changed, and gone.
func TestRetentionSetsTheClass(t *testing.T) {
	const hour, week = int64(3_600_000), int64(7 * 24 * 3_600_000)
	inWorld(t, func(w *world) {
		w.mustAppend(w.part(0), 2)
		for _, c := range []struct {
			name      string
			deletes   bool
			ms, bytes int64
			lives     int64 // ms, -1 for ever
		}{
			{"a week", true, week, -1, week},
			{"an hour", true, hour, -1, hour},
			{"for ever", true, -1, -1, -1},
			{"an hour, again", true, hour, -1, hour},
			{"by size alone", true, -1, 1 << 30, -1},
			{"an hour or some size", true, hour, 1 << 30, hour},
			{"compacted alone", false, hour, -1, -1},
		} {
			w.settings.Delete, w.settings.RetentionMs, w.settings.RetentionBytes = c.deletes, c.ms, c.bytes
			w.partitions.Retain(func(_ *Partition, err error) { t.Error(err) })
			w.settle()
			if got, want := w.part(0).log.RetentionClass(), log.RetentionClassOf(c.lives); got != want {
				t.Errorf("%s: class %d, want %d", c.name, got, want)
			}
		}
	})
}

// Retention never takes what nobody could have read yet.
func TestRetentionStopsAtTheWatermark(t *testing.T) {
	inWorld(t, func(w *world) {
		p := w.part(0)
		w.mustAppend(p, 2)
		var a answers
		w.holdSyncs()
		w.append(p, w.records(builder(), 3), &a)
		w.settle()
		w.settings.RetentionMs = 0
		w.clock.Advance(time.Second)
		w.partitions.Retain(func(_ *Partition, err error) { t.Error(err) })
		w.settle()
		if o := p.Offsets(); o.LogStart > 2 {
			t.Fatalf("%+v", o)
		}
		w.letSyncs()
		w.settle()
		a.want(t, "the append", 2)
	})
}

// Retention of many partitions, or the deletion of their records by a client,
// does not fill the log's queue: a client's append waits for a few log starts at
// most. It ends also if the log takes none.
func TestStartsInPieces(t *testing.T) {
	for _, broken := range []bool{false, true} {
		inWorld(t, func(w *world) {
			all := w.manyParts(3 * startsMax)
			w.settings.RetentionMs = 0
			w.clock.Advance(time.Second)
			startsInPieces(w, all, broken, func(failed func()) {
				w.partitions.Retain(func(*Partition, error) { failed() })
			})
		})
		inWorld(t, func(w *world) {
			all := w.manyParts(3 * startsMax)
			startsInPieces(w, all, broken, func(failed func()) {
				w.partitions.DeleteRecords(w.t.Context(), deletionsOf(all, 2, func(_ model.Offset, err *protocol.Error) {
					if err != nil {
						failed()
					}
				}))
			})
		})
	}
}

// manyParts makes partitions of two records each.
func (w *world) manyParts(n int32) (all []*Partition) {
	w.t.Helper()
	if r := w.journal.CreateTopics([]cluster.TopicSpec{{Name: "many", Partitions: n}})[0]; r.Err != nil {
		w.t.Fatal(r.Err)
	}
	for i := range n {
		p, err := w.partitions.Find("many", i)
		if err != nil {
			w.t.Fatal(err)
		}
		w.mustAppend(p, 2)
		all = append(all, p)
	}
	return all
}

func deletionsOf(all []*Partition, before model.Offset, done func(model.Offset, *protocol.Error)) (ds []RecordDeletion) {
	for _, p := range all {
		ds = append(ds, RecordDeletion{Partition: p, Before: before, Done: done})
	}
	return ds
}

// startsInPieces has act raise the log starts of all to 2, on a disk that does
// not write meanwhile, and in the end does or is broken.
func startsInPieces(w *world, all []*Partition, broken bool, act func(failed func())) {
	t := w.t
	let := w.holdWrites(broken)
	var failures atomic.Int64
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		act(func() { failures.Add(1) })
	}()
	synctest.Wait()
	// What the writer holds, be it one or all of them, is not queued any more.
	if queued := w.log.Stats().QueuedAppends; queued > startsMax {
		t.Errorf("%d log starts are queued, want at most %d", queued, startsMax)
	}
	select {
	case <-ended:
		t.Error("all log starts were queued before one was written")
	default:
	}
	let()
	<-ended
	w.fail(nil)
	w.settle()
	for i, p := range all {
		if got := p.Offsets().LogStart; !broken && got != 2 {
			t.Fatalf("partition %d starts at %d, want 2", i, got)
		}
	}
	if n := failures.Load(); broken != (n > 0) {
		t.Errorf("broken %v, and %d failures", broken, n)
	}
}

// holdWrites makes writes of the log wait for let, and then fail or not.
func (w *world) holdWrites(broken bool) (let func()) {
	held := make(chan struct{})
	w.fail(func(op vfs.Op) error {
		if op.Kind != vfs.KindWrite {
			return nil
		}
		<-held
		if broken {
			return errors.New("broken")
		}
		return nil
	})
	return func() { close(held) }
}

// A client's deletions that have not begun when its request ends never do, and
// each is told once.
func TestDeletionsOutOfTime(t *testing.T) {
	inWorld(t, func(w *world) {
		all := w.manyParts(3 * startsMax)
		ctx, cancel := context.WithCancel(w.t.Context())
		let := w.holdWrites(false)
		told, late := 0, 0
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			w.partitions.DeleteRecords(ctx, deletionsOf(all, 1, func(_ model.Offset, err *protocol.Error) {
				told++
				if codeOf(err) == protocol.RequestTimedOut {
					late++
				}
			}))
		}()
		synctest.Wait()
		cancel()
		<-ended
		begun := len(all) - late
		if begun == 0 || begun > startsMax+1 || told != late {
			t.Errorf("%d were begun, %d told of, of which %d were late", begun, told, late)
		}
		let()
		w.settle()
		for i, p := range all {
			if got, want := p.Offsets().LogStart, model.Offset(1); (i < begun) != (got == want) {
				t.Errorf("partition %d of %d starts at %d", i, begun, got)
			}
		}
		if told != len(all) {
			t.Errorf("%d were told of", told)
		}
	})
}

func TestAvailable(t *testing.T) {
	inWorld(t, func(w *world) {
		p := w.part(0)
		w.mustAppend(p, 2)
		size := int(p.Bytes())
		w.holdSyncs()
		var a answers
		w.append(p, w.records(builder(), 2), &a)
		w.settle()
		if got := p.Available(0, 1<<20, false); got != size {
			t.Errorf("%d bytes below the watermark, want %d", got, size)
		}
		if got := p.Available(2, 1<<20, false); got != 0 {
			t.Errorf("%d bytes at the watermark", got)
		}
		w.letSyncs()
		w.settle()
		if got := p.Available(0, 1<<20, false); got != 2*size {
			t.Errorf("%d bytes once durable, want %d", got, 2*size)
		}
		if got := p.Available(0, 1, false); got < 1 {
			t.Errorf("%d bytes of at least 1", got)
		}
	})
}

// TestProducersExpire: a producer that was idle for producer.id.expiration.ms
// is forgotten without being asked for, and one that is at work is not.
func TestProducersExpire(t *testing.T) {
	inWorld(t, func(w *world) {
		p := w.part(0)
		known := func() (ids []model.ProducerID) {
			for id := range model.ProducerID(10) {
				if _, ok := p.log.Producer(id); ok {
					ids = append(ids, id)
				}
			}
			return ids
		}
		var a answers
		send := func(id model.ProducerID, sequence int32) {
			b := idempotent(0, sequence)
			b.ProducerID = id
			w.append(p, w.records(b, 1), &a)
			w.settle()
		}
		retain := func(want ...model.ProducerID) {
			t.Helper()
			w.partitions.Retain(func(_ *Partition, err error) { t.Error(err) })
			if got := known(); !slices.Equal(got, want) {
				t.Errorf("producers %v, want %v", got, want)
			}
		}
		send(7, 0)
		send(8, 0)
		w.clock.Advance(20 * time.Hour)
		send(8, 1)
		retain(7, 8)
		w.clock.Advance(5 * time.Hour)
		retain(8)
		send(7, 5) // Nothing is known of it: any sequence will do.
		a.want(t, "all", 0, 1, 2, 3)
		w.clock.Advance(25 * time.Hour)
		retain()
	})
}
