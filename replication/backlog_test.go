package replication

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/span"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// backlogModel is when each offset of a partition was appended.
type backlogModel struct {
	appended    []time.Time
	compactedTo model.Offset
}

// check compares the backlog of each offset with what a fetch from there gives.
func (m *backlogModel) check(t *testing.T, when string, p *Partition) {
	t.Helper()
	o := p.Offsets()
	for from := model.Offset(0); from <= o.End+1; from++ {
		got, gone := p.Backlog(from)
		if gone != nil {
			t.Fatalf("%s: %v", when, gone)
		}
		var want Backlog
		if at := max(from, o.LogStart); at < o.HighWatermark {
			var out span.List
			r := p.Read(ReadRequest{From: at, MaxBytes: 1 << 30, CurrentEpoch: -1, LastFetchedEpoch: -1}, &out)
			out.Release()
			if r.Err != nil {
				t.Fatalf("%s: read from %d: %v", when, at, r.Err)
			}
			want = Backlog{Records: int64(o.HighWatermark - at), About: at < m.compactedTo, Bytes: int64(r.Bytes), Oldest: m.appended[at]}
		}
		if want.About {
			// Which append a compacted batch has the time of is compaction's own business.
			if got.Oldest.Before(want.Oldest) {
				t.Fatalf("%s: oldest of %d is %v, its record was appended %v", when, from, got.Oldest, want.Oldest)
			}
			want.Oldest = got.Oldest
		}
		if got != want {
			t.Fatalf("%s: backlog of %d is %+v, want %+v; %+v", when, from, got, want, o)
		}
	}
	all := fetched(t, p)
	for from := model.Offset(0); from <= o.End; from++ {
		for _, to := range []model.Offset{from, from + 1, from + 3, (from + o.End) / 2, o.End - 1} {
			got, gone := p.BacklogTo(from, to)
			if gone != nil {
				t.Fatalf("%s: %v", when, gone)
			}
			size := int64(0)
			for _, b := range all {
				if at := max(from, o.LogStart); at < to && b.LastOffset() >= at && b.BaseOffset < to {
					size += int64(b.Size)
				}
			}
			if records := int64(max(min(to, o.HighWatermark)-max(from, o.LogStart), 0)); got.Bytes != size || got.Records != records {
				t.Fatalf("%s: backlog of %d to %d is %+v, want %d bytes and %d records; %+v", when, from, to, got, size, records, o)
			}
		}
	}
}

// fetched are the batches that a fetch from the start gives.
func fetched(t *testing.T, p *Partition) (all []batch.Header) {
	t.Helper()
	var out span.List
	defer out.Release()
	r := p.Read(ReadRequest{From: p.Offsets().LogStart, MaxBytes: 1 << 30, CurrentEpoch: -1, LastFetchedEpoch: -1}, &out)
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	var raw bytes.Buffer
	if _, err := out.WriteTo(&raw); err != nil {
		t.Fatal(err)
	}
	for b, err := range batch.Split(raw.Bytes()) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b.Header)
	}
	return all
}

// TestBacklogAgainstReads: random batches, deletions, restarts, relocations,
// slow syncs, in half of the logs compactions; the backlog of every offset, and
// what lies between two, is what a fetch gives.
func TestBacklogAgainstReads(t *testing.T) {
	seeds := uint64(200)
	if testing.Short() {
		seeds = 30
	}
	compactions := 0
	for seed := range seeds {
		rng := rand.New(rand.NewPCG(seed, 2))
		compact := seed%2 == 0
		inWorld(t, func(w *world) {
			if compact {
				w.settings = compacting()
			}
			c := w.compactor(roomy())
			m := &backlogModel{}
			for step := range 40 {
				when := fmt.Sprintf("seed %d, step %d", seed, step)
				p := w.part(0)
				switch op := rng.IntN(20); {
				case op < 12:
					n := 1 + rng.IntN(6)
					var a answers
					w.append(p, w.records(builder(), n), &a)
					for range n {
						m.appended = append(m.appended, w.clock.Now())
					}
				case op < 13:
					var d deletion
					w.deleteRecords(p, model.Offset(rng.Int64N(int64(p.Offsets().HighWatermark)+1)), d.done)
				case op < 15: // beyond 10 s the log writes a checkpoint
					w.clock.Advance(time.Duration(rng.IntN(15_000)) * time.Millisecond)
				case op < 16 && compact:
					w.letSyncs()
					w.settle()
					c.told = nil
					c.Round()
					for _, r := range c.told {
						if r.Err != nil {
							t.Fatalf("%s: %v", when, r.Err)
						}
						compactions++
						m.compactedTo = max(m.compactedTo, r.To)
					}
				case op < 17:
					w.letSyncs()
					w.settle()
					w.crash(nil)
					c = w.compactor(roomy())
				case op < 18:
					w.letSyncs()
					w.holdSyncs() // what is appended now is not to be read yet
				case op < 19:
					w.letSyncs()
				default:
					w.letSyncs()
					w.settle()
					if _, _, err := w.log.Reclaim(); err != nil {
						t.Fatalf("%s: %v", when, err)
					}
				}
				w.settle()
				m.check(t, when, w.part(0))
			}
		})
	}
	if compactions < int(seeds)/2 {
		t.Errorf("%d compactions: it no longer does what it is for", compactions)
	}
}

// TestBacklogOfADeletedTopic: there is none.
func TestBacklogOfADeletedTopic(t *testing.T) {
	inWorld(t, func(w *world) {
		p := w.part(0)
		w.mustAppend(p, 1)
		w.journal.DeleteTopics([]string{"t"})
		w.settle()
		if b, err := p.Backlog(0); err == nil || err.Code != protocol.UnknownTopicOrPartition {
			t.Errorf("%+v, %v", b, err)
		}
	})
}

// TestBacklogOfMarkers: who has consumed all records of transactions has their
// markers before it, and nothing to read.
func TestBacklogOfMarkers(t *testing.T) {
	inWorld(t, func(w *world) {
		p := w.part(0)
		for id := range model.ProducerID(2) {
			w.mustSend(p, id, 0, 0)
		}
		w.mustEnd(marker(p, 0, 0, true))
		w.mustEnd(marker(p, 1, 0, false))
		o := p.Offsets()
		data := o.HighWatermark - 2
		for from := model.Offset(0); from <= o.HighWatermark; from++ {
			b, err := p.Backlog(from)
			if err != nil {
				t.Fatal(err)
			}
			want := from >= data && from < o.HighWatermark
			if b.Records != int64(o.HighWatermark-from) || b.Markers != want || want && (b.Bytes != 0 || !b.Oldest.IsZero()) {
				t.Errorf("from %d of %d: %+v", from, o.HighWatermark, b)
			}
		}
		for from, want := range []bool{false, true, true, true} { // committed, aborted, two markers
			if barren, err := p.Barren(model.Offset(from), o.HighWatermark); err != nil || barren != want {
				t.Errorf("from %d: barren is %v, %v", from, barren, err)
			}
		}
		// A batch of data that is as long as a marker.
		alike := builder()
		alike.Add(w.clock.Now().UnixMilli(), []byte("a key"), []byte("value"))
		built, err := alike.Build(nil)
		if err != nil || len(built) != batch.MarkerSize {
			t.Fatalf("%d bytes, %v", len(built), err)
		}
		var a answers
		w.append(p, built, &a)
		w.settle()
		if b, gone := p.Backlog(data); gone != nil || b.Markers || b.Bytes == 0 {
			t.Errorf("with a record behind the markers: %+v, %v", b, gone)
		}
		if barren, err := p.Barren(data, p.Offsets().HighWatermark); err != nil || barren {
			t.Errorf("with a record behind the markers: barren is %v, %v", barren, err)
		}
	})
}
