package replication

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

const importSource = "cluster/topic"

// imported is a batch of n records from base on that takes all offsets below end.
func (w *world) imported(base, end model.Offset, n int) []byte {
	w.t.Helper()
	made := batch.NewBuilder(batch.Codec(base % 3)) // zstd keeps channels beyond a test
	made.BaseOffset = base
	b := w.records(made, n)
	h, err := batch.Parse(b)
	if err == nil {
		err = batch.Widen(b, &h, end)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

// filler takes the offsets from base on up to end.
func filler(base, end model.Offset) []byte { return batch.AppendFiller(nil, base, int(end-base), 0) }

// imports sends batches, and returns the answer.
func (w *world) imports(p *Partition, batches ...[]byte) AppendResult {
	w.t.Helper()
	var a answers
	p.Import(ImportRequest{Batches: slices.Concat(batches...), Source: importSource}, a.add)
	w.settle()
	list := a.all()
	if len(list) != 1 {
		w.t.Fatalf("%d answers: %+v", len(list), list)
	}
	return list[0]
}

func (w *world) mustImport(p *Partition, batches ...[]byte) {
	w.t.Helper()
	if r := w.imports(p, batches...); r.Err != nil {
		w.t.Fatal(r.Err)
	}
}

// TestImport: batches stand where they stood, over a power cut and without indexes too,
// and what is there already is not taken again.
func TestImport(t *testing.T) {
	inWorld(t, func(w *world) {
		w.settings.ImportSource = importSource
		p := w.part(0)
		w.mustImport(p, filler(0, 1000), w.imported(1000, 1010, 3), w.imported(1010, 1011, 1))
		w.mustImport(p, w.imported(1011, 1<<29, 7))
		wantOffsets(t, "imported", p, 0, 1<<29, 1<<29)
		for _, base := range []model.Offset{0, 1010, 1011, 1<<29 + 1} {
			if r := w.imports(p, w.imported(base, base+1, 1)); r.Err == nil || r.Err.Code != protocol.OffsetOutOfRange {
				t.Errorf("at %d again: %+v", base, r)
			}
		}
		var d deletion
		w.settings.Delete = false
		w.deleteRecords(p, 1000, d.done)
		w.settle()
		if d.told != 1 || d.err != nil || d.start != 1000 {
			t.Errorf("deletion: %+v", d)
		}
		for _, lost := range []bool{false, true} {
			w.lostIndexes = lost
			w.crash(rand.New(rand.NewPCG(1, 2)))
			p = w.part(0)
			wantOffsets(t, "after a crash", p, 1000, 1<<29, 1<<29)
			for from, want := range map[model.Offset][]model.Offset{
				1000: {1000, 1010, 1011}, 1009: {1000, 1010, 1011}, 1010: {1010, 1011}, 1<<29 - 1: {1011}, 1 << 29: nil,
			} {
				if got := w.readable(p, from); !slices.Equal(got, want) {
					t.Errorf("from %d: batches %v, want %v", from, got, want)
				}
			}
		}
		w.settings.ImportSource = ""
		w.mustAppend(p, 5)
		wantOffsets(t, "an ordinary append", p, 1000, 1<<29+5, 1<<29+5)
	})
}

// TestImportRefused: what is not taken, and leaves the partition as it was.
func TestImportRefused(t *testing.T) {
	inWorld(t, func(w *world) {
		p := w.part(0)
		var a answers
		try := func(name, source string, b []byte, code protocol.ErrorCode) {
			t.Helper()
			var a answers
			p.Import(ImportRequest{Batches: b, Source: source}, a.add)
			w.settle()
			a.wantCode(t, name, code)
		}
		try("no import", importSource, w.imported(0, 1, 1), protocol.PolicyViolation)
		w.settings.ImportSource = importSource
		try("another source", "other", w.imported(0, 1, 1), protocol.PolicyViolation)
		try("nothing", importSource, nil, protocol.InvalidRecord)
		try("a gap inside", importSource, slices.Concat(w.imported(0, 1, 1), w.imported(2, 3, 1)), protocol.InvalidRecord)
		try("too wide", importSource, slices.Concat(filler(0, 1<<30), filler(1<<30, 1<<31), filler(1<<31, 1<<31+1)), protocol.InvalidRecord)
		try("a producer's", importSource, w.records(idempotent(0, 0), 1), protocol.InvalidRecord)
		damaged := w.imported(0, 1, 1)
		damaged[len(damaged)-1]++
		try("damage", importSource, damaged, protocol.CorruptMessage)
		try("cut off", importSource, w.imported(0, 1, 1)[:70], protocol.InvalidRecord)
		w.append(p, w.records(builder(), 1), &a)
		a.wantCode(t, "a producer", protocol.PolicyViolation)
		wantOffsets(t, "after all", p, 0, 0, 0)
		false1 := w.imported(0, 1, 1)
		batch.SetMaxTimestamp(false1, math.MaxInt64)
		w.mustImport(p, false1)
		if f, err := p.FindOffset(TimestampMax, false, -1); err != nil || f.Timestamp != begin {
			t.Errorf("the largest timestamp: %+v, %v", f, err)
		}
	})
}

// TestImportIsKept: neither retention, nor a full disk, nor compaction takes anything of a
// topic under import; all of them do once that has ended.
func TestImportIsKept(t *testing.T) {
	inWorld(t, func(w *world) {
		w.settings = compacting()
		w.settings.Delete, w.settings.RetentionMs = true, 1
		w.settings.ImportSource = importSource
		p := w.part(0)
		w.mustImport(p, filler(0, 10), w.imported(10, 20, 3), w.imported(20, 30, 3), filler(30, 40), w.imported(40, 41, 1))
		w.clock.Advance(1000)
		failed := func(_ *Partition, err error) { t.Error(err) }
		c := w.compactor(roomy())
		look := func() {
			w.partitions.TrimOldest(math.MaxInt64, failed)
			if n := w.partitions.Retain(failed); w.settings.ImportSource != "" && len(n) > 0 {
				t.Errorf("retention: %+v", n)
			}
			w.settle()
		}
		c.Round()
		look()
		if len(c.told) > 0 {
			t.Errorf("compacted: %+v", c.told)
		}
		wantOffsets(t, "under import", p, 0, 41, 41)
		w.settings.ImportSource, w.settings.RetentionMs = "", -1
		w.settings.Delete = false
		c.Round()
		if len(c.told) != 1 || c.told[0].Err != nil {
			t.Fatalf("compacted: %+v", c.told)
		}
		if got := w.readable(p, 0); !slices.Equal(got, []model.Offset{0, 20, 30, 40}) {
			t.Errorf("left are %v", got)
		}
	})
}

// TestImportCrashes: an importer that goes on at the partition's end has all of the source
// there in the end, whenever the broker was killed or its power cut.
func TestImportCrashes(t *testing.T) {
	seeds := 60
	if testing.Short() {
		seeds = 10
	}
	for seed := range seeds {
		inWorld(t, func(w *world) {
			r := rand.New(rand.NewPCG(uint64(seed), 15))
			w.settings.ImportSource = importSource
			if r.IntN(3) == 0 {
				w.settings.Sync, w.settings.FlushMessages = false, 5
			}
			source := w.anySource(r)
			for len(source) > 0 {
				end := w.part(0).Offsets().HighWatermark
				at := slices.IndexFunc(source, func(b sourceBatch) bool { return b.base >= end })
				if at < 0 {
					break
				}
				if source[at].base != end {
					t.Fatalf("seed %d: the partition ends at %d, where no batch does", seed, end)
				}
				var unheard answers
				for at < len(source) && r.IntN(6) > 0 {
					n := min(1+r.IntN(4), len(source)-at)
					var all []byte
					for _, b := range source[at : at+n] {
						all = append(all, b.bytes...)
					}
					w.part(0).Import(ImportRequest{Batches: slices.Clone(all), Source: importSource}, unheard.add)
					at += n
					if r.IntN(2) == 0 {
						w.settle()
					}
				}
				w.lostIndexes = r.IntN(2) == 0
				var cut *rand.Rand
				if r.IntN(2) == 0 {
					cut = r
				}
				w.crash(cut)
			}
			want := make([]model.Offset, len(source))
			for i := range source {
				want[i] = source[i].base
			}
			if got := w.readable(w.part(0), 0); !slices.Equal(got, want) {
				t.Fatalf("seed %d: batches %v, want %v", seed, got, want)
			}
		})
	}
}

type sourceBatch struct {
	base  model.Offset
	bytes []byte
}

// anySource are batches of any width.
func (w *world) anySource(r *rand.Rand) (list []sourceBatch) {
	at := model.Offset(0)
	for range 30 {
		n := 1 + r.IntN(5)
		end := at + model.Offset(n+r.IntN(2)*r.IntN(1<<20))
		b := sourceBatch{at, nil}
		if r.IntN(4) == 0 {
			b.bytes = filler(at, end)
		} else {
			b.bytes = w.imported(at, end, n)
		}
		list, at = append(list, b), end
	}
	return list
}
