package replication

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/protocol"
)

func TestSyncAppendWaitsForTheDisk(t *testing.T) {
	inWorld(t, func(w *world) {
		p := w.part(0)
		var a answers
		w.holdSyncs()
		w.append(p, w.records(builder(), 2), &a)
		w.append(p, w.records(builder(), 3), &a)
		w.settle()
		a.want(t, "while the disk syncs")
		wantOffsets(t, "while the disk syncs", p, 0, 0, 5)
		if got := w.readable(p, 0); len(got) > 0 {
			t.Fatalf("fetched %v above the watermark", got)
		}
		w.letSyncs()
		w.settle()
		a.want(t, "after the sync", 0, 2)
		wantOffsets(t, "after the sync", p, 0, 5, 5)
		if got := w.readable(p, 0); !slices.Equal(got, []model.Offset{0, 2}) {
			t.Fatalf("fetched %v", got)
		}
	})
}

func TestDuplicateWaitsForItsOriginal(t *testing.T) {
	inWorld(t, func(w *world) {
		p := w.part(0)
		var original, duplicate, again answers
		w.holdSyncs()
		w.append(p, w.records(idempotent(0, 0), 2), &original)
		w.append(p, w.records(idempotent(0, 0), 2), &duplicate) // before it is written, perhaps
		w.settle()
		w.append(p, w.records(idempotent(0, 0), 2), &again) // it is written by now
		w.settle()
		duplicate.want(t, "the original is not durable")
		again.want(t, "the original is written, and not durable")
		w.letSyncs()
		w.settle()
		original.want(t, "after the sync", 0)
		duplicate.want(t, "after the sync", 0)
		again.want(t, "after the sync", 0)
		wantOffsets(t, "duplicates take no offsets", p, 0, 2, 2)
		w.append(p, w.records(idempotent(0, 0), 2), &again)
		again.want(t, "of a durable original, at once", 0, 0)
	})
}

func TestDuplicateFailsWithItsOriginal(t *testing.T) {
	for _, c := range []struct {
		name string
		kind vfs.Kind
	}{{"write", vfs.KindWrite}, {"sync", vfs.KindSync}} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				p := w.part(0)
				var original, duplicate answers
				w.holdSyncs()
				w.failKind(c.kind, vfs.ErrIO)
				w.append(p, w.records(idempotent(0, 0), 2), &original)
				w.append(p, w.records(idempotent(0, 0), 2), &duplicate)
				w.settle()
				w.letSyncs()
				w.settle()
				original.wantCode(t, "the disk failed", protocol.KafkaStorageError)
				duplicate.wantCode(t, "the disk failed", protocol.KafkaStorageError)
				if hw := p.Offsets().HighWatermark; hw != 0 {
					t.Fatalf("the watermark is %d", hw)
				}
			})
		})
	}
}

// A retry after a power cut: the original is there and is found, or it is not
// and is appended; never both, never neither.
func TestDuplicateAfterPowerCut(t *testing.T) {
	for seed := range uint64(12) {
		durable := seed%2 == 0
		inWorld(t, func(w *world) {
			w.mustAppend(w.part(0), 3)
			var a answers
			if !durable {
				w.holdSyncs()
			}
			w.append(w.part(0), w.records(idempotent(0, 0), 2), &a)
			w.settle()
			w.crash(rand.New(rand.NewPCG(seed, 0)))
			o := w.part(0).Offsets()
			if durable && o.End != 5 || o.End != 3 && o.End != 5 || o.HighWatermark != o.End {
				t.Fatalf("seed %d: after the power cut %+v", seed, o)
			}
			var retry answers
			w.append(w.part(0), w.records(idempotent(0, 0), 2), &retry)
			w.settle()
			retry.want(t, "the retry", 3)
			wantOffsets(t, "after the retry", w.part(0), 0, 5, 5)
		})
	}
}

func TestAsyncAppendWaitsForTheWriteOnly(t *testing.T) {
	inWorld(t, func(w *world) {
		p := w.part(0)
		w.settings = asyncFlush()
		w.holdSyncs()
		w.mustAppend(p, 2)
		wantOffsets(t, "written", p, 0, 2, 2)
		w.mustAppend(p, 1)
		wantOffsets(t, "written", p, 0, 3, 3)
	})
}

func TestFlushIntervalMessagesAndMs(t *testing.T) {
	inWorld(t, func(w *world) {
		p := w.part(0)
		w.settings = asyncFlush()
		w.mustAppend(p, 1) // the first after a start has waited for ever
		syncs := func() uint64 { return w.log.Stats().Syncs }
		w.settings.FlushMessages = 4
		before := syncs()
		w.mustAppend(p, 2)
		if n := syncs(); n != before {
			t.Fatalf("%d syncs after 2 of 4 messages", n-before)
		}
		w.mustAppend(p, 2)
		if n := syncs(); n == before {
			t.Fatal("no sync after 4 messages")
		}
		w.settings.FlushMessages, w.settings.FlushMs = 1000, 500
		before = syncs()
		w.mustAppend(p, 1)
		w.clock.Advance(600 * 1_000_000)
		w.mustAppend(p, 1)
		if n := syncs(); n == before {
			t.Fatal("no sync after flush.ms")
		}
	})
}

// From async to sync: what was served stays served, new appends wait.
func TestSwitchToSyncFlush(t *testing.T) {
	inWorld(t, func(w *world) {
		p := w.part(0)
		w.settings = asyncFlush()
		w.holdSyncs()
		w.mustAppend(p, 2)
		w.settings = syncFlush()
		var a answers
		w.append(p, w.records(builder(), 1), &a)
		w.settle()
		a.want(t, "the sync append is not durable")
		wantOffsets(t, "the watermark does not fall", p, 0, 2, 3)
		w.letSyncs()
		w.settle()
		a.want(t, "durable", 2)
		wantOffsets(t, "durable", p, 0, 3, 3)
	})
}

// From sync to async: a batch that waits for the disk holds back those behind
// it, or the watermark would pass it.
func TestSwitchToAsyncFlush(t *testing.T) {
	inWorld(t, func(w *world) {
		p := w.part(0)
		var held, behind answers
		w.holdSyncs()
		w.append(p, w.records(builder(), 2), &held)
		w.settings = asyncFlush()
		w.append(p, w.records(builder(), 1), &behind)
		w.settle()
		held.want(t, "not durable")
		behind.want(t, "behind one that is not durable")
		w.letSyncs()
		w.settle()
		held.want(t, "durable", 0)
		behind.want(t, "the one before is durable", 2)
		wantOffsets(t, "durable", p, 0, 3, 3)
	})
}

// A failed write takes all that stands behind it in its partition, and nothing
// of another partition; then the same offsets are given again.
func TestFailedWriteFailsWhatFollows(t *testing.T) {
	inWorld(t, func(w *world) {
		p, other := w.part(0), w.part(1)
		w.mustAppend(p, 2)
		w.mustAppend(other, 1)
		var a answers
		w.failKind(vfs.KindWrite, vfs.ErrIO)
		for i := range int32(3) {
			w.append(p, w.records(idempotent(0, i), 1), &a)
		}
		w.settle()
		a.want(t, "the disk takes no writes", -1, -1, -1)
		a.wantCode(t, "the disk takes no writes", protocol.KafkaStorageError)
		wantOffsets(t, "nothing was written", p, 0, 2, 2)
		w.fail(nil)
		// The producer begins where it was: the failed batches left no trace.
		var retry answers
		for i := range int32(3) {
			w.append(p, w.records(idempotent(0, i), 1), &retry)
		}
		w.settle()
		retry.want(t, "the disk works again", 2, 3, 4)
		w.mustAppend(other, 1)
		wantOffsets(t, "the other partition", other, 0, 2, 2)
	})
}

func TestFailedSyncStopsAppends(t *testing.T) {
	inWorld(t, func(w *world) {
		p := w.part(0)
		w.mustAppend(p, 1)
		var a answers
		w.failKind(vfs.KindSync, vfs.ErrIO)
		w.append(p, w.records(builder(), 1), &a)
		w.settle()
		a.wantCode(t, "the sync failed", protocol.KafkaStorageError)
		if hw := p.Offsets().HighWatermark; hw != 1 {
			t.Fatalf("the watermark is %d", hw)
		}
		w.fail(nil)
		w.append(p, w.records(builder(), 1), &a)
		w.settle()
		a.wantCode(t, "the disk works again, and the log is latched", protocol.KafkaStorageError)
		w.crash(rand.New(rand.NewPCG(1, 0)))
		wantOffsets(t, "after the restart", w.part(0), 0, 1, 1)
		w.mustAppend(w.part(0), 1)
	})
}

func TestDiskFull(t *testing.T) {
	inWorld(t, func(w *world) {
		p := w.part(0)
		w.mustAppend(p, 1)
		var a answers
		w.failKind(vfs.KindWrite, vfs.ErrNoSpace)
		w.append(p, w.records(builder(), 1), &a)
		w.settle()
		a.wantCode(t, "no room", protocol.KafkaStorageError)
		if got := w.readable(p, 0); !slices.Equal(got, []model.Offset{0}) {
			t.Fatalf("fetched %v on a full disk", got)
		}
		w.fail(nil)
		w.mustAppend(p, 1)
		wantOffsets(t, "there is room again", p, 0, 2, 2)
	})
}

// listener counts news.
type listener struct{ n int }

func (l *listener) Advanced(*Partition) { l.n++ }

func TestListenersHearOfNews(t *testing.T) {
	inWorld(t, func(w *world) {
		p := w.part(0)
		var a, b listener
		p.Subscribe(&a)
		p.Subscribe(&b)
		w.mustAppend(p, 1)
		p.Unsubscribe(&b)
		w.mustAppend(p, 1)
		w.deleteRecords(p, 1, func(model.Offset, *protocol.Error) {})
		w.settle()
		if a.n != 3 || b.n != 1 {
			t.Fatalf("heard %d and %d times, want 3 and 1", a.n, b.n)
		}
	})
}

// first is a listener that notes how many answers there were when it heard.
type first struct {
	answers *answers
	heard   []int
}

func (f *first) Advanced(*Partition) { f.heard = append(f.heard, len(f.answers.all())) }

// TestReadersHearBeforeProducers: who is acknowledged, or told that the topic is gone,
// may read in a session at once, which looks only at partitions that had news.
func TestReadersHearBeforeProducers(t *testing.T) {
	inWorld(t, func(w *world) {
		p := w.part(0)
		var a answers
		f := first{answers: &a}
		p.Subscribe(&f)
		w.append(p, w.records(builder(), 1), &a)
		w.settle()
		w.holdSyncs()
		w.append(p, w.records(builder(), 1), &a)
		w.settle()
		if err := w.journal.DeleteTopics([]string{"t"})[0]; err != nil {
			t.Fatal(err)
		}
		w.settle()
		defer w.letSyncs()
		if n := len(a.all()); n != 2 || !slices.Equal(f.heard, []int{0, 1}) {
			t.Fatalf("%d answers to 2 appends; the listener heard behind %d of them", n, f.heard)
		}
	})
}

// A topic is deleted while an append of it waits.
func TestDeletedTopicFailsWaiters(t *testing.T) {
	inWorld(t, func(w *world) {
		p := w.part(0)
		w.mustAppend(p, 1)
		var a answers
		w.holdSyncs()
		w.append(p, w.records(builder(), 1), &a)
		w.settle()
		id := p.Topic().ID
		if err := w.journal.DeleteTopics([]string{"t"})[0]; err != nil {
			t.Fatal(err)
		}
		w.settle()
		a.wantCode(t, "the topic is gone", protocol.UnknownTopicOrPartition)
		w.append(p, w.records(builder(), 1), &a)
		a.wantCode(t, "with an old handle", protocol.UnknownTopicOrPartition)
		if res := p.Read(ReadRequest{CurrentEpoch: -1, LastFetchedEpoch: -1}, nil); res.Err == nil {
			t.Fatal("a deleted partition was read")
		}
		if _, err := w.partitions.Find("t", 0); err == nil || err.Code != protocol.UnknownTopicOrPartition {
			t.Fatalf("find by name: %v", err)
		}
		if _, err := w.partitions.FindByID(id, 0); err == nil || err.Code != protocol.UnknownTopicID {
			t.Fatalf("find by id: %v", err)
		}
		w.letSyncs()
		w.settle()
		if n := len(a.all()); n != 2 {
			t.Fatalf("%d answers to 2 appends", n)
		}
		// A topic of the same name begins anew.
		if r := w.journal.CreateTopics([]cluster.TopicSpec{{Name: "t", Partitions: 1}})[0]; r.Err != nil {
			t.Fatal(r.Err)
		}
		wantOffsets(t, "the new topic", w.part(0), 0, 0, 0)
	})
}
