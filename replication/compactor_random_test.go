package replication

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// compactionModel is what was sent to a partition: no more than a list.
type compactionModel struct {
	sent  []string // by offset, as holds shows them
	bases []model.Offset
	to    model.Offset // compacted below

	// Of tombstones: from when on they may go, and those that a compaction since
	// then has met.
	horizon map[model.Offset]time.Time
	expired map[model.Offset]bool
}

// compacted notes a compaction. A tombstone stays for a time from the first that
// meets it, and goes with a later one.
func (m *compactionModel) compacted(t *testing.T, to model.Offset, now time.Time, retention time.Duration) {
	t.Helper()
	m.to = max(m.to, to)
	if m.horizon == nil {
		m.horizon, m.expired = make(map[model.Offset]time.Time), make(map[model.Offset]bool)
	}
	for _, s := range m.sent[:to] {
		at, _, tombstone := m.parse(t, s)
		if !tombstone {
			continue
		}
		if from, met := m.horizon[at]; !met {
			m.horizon[at] = now.Add(retention)
		} else if !now.Before(from) {
			m.expired[at] = true
		}
	}
}

// put sends a random batch.
func (m *compactionModel) put(w *world, p *Partition, rng *rand.Rand) {
	var pairs []string
	m.bases = append(m.bases, model.Offset(len(m.sent)))
	for range 1 + rng.IntN(8) {
		pair := fmt.Sprintf("k%d", rng.IntN(12))
		if rng.IntN(4) > 0 {
			pair += fmt.Sprintf("=%d", rng.IntN(1000))
		}
		m.sent = append(m.sent, fmt.Sprintf("%d:%s", len(m.sent), pair))
		pairs = append(pairs, pair)
	}
	w.put(p, batch.Codec(rng.IntN(4)), strings.Join(pairs, " "))
}

// parse gives a record's offset, key, and whether it is a tombstone.
func (m *compactionModel) parse(t *testing.T, s string) (at model.Offset, key string, tombstone bool) {
	t.Helper()
	offset, pair, _ := strings.Cut(s, ":")
	if _, err := fmt.Sscan(offset, &at); err != nil {
		t.Fatal(err)
	}
	key, _, is := strings.Cut(pair, "=")
	return at, key, !is
}

// check compares what can be read with what was sent.
// It returns how many deleted keys left nothing.
func (m *compactionModel) check(t *testing.T, when string, p *Partition, got []string) (tombstonesGone int) {
	t.Helper()
	start := p.Offsets().LogStart
	// The last record of each key, and the last of those that may be learnt.
	last := map[string]model.Offset{}
	for _, s := range m.sent[start:] {
		at, key, _ := m.parse(t, s)
		last[key] = at
	}
	seen := map[model.Offset]bool{}
	newest := map[string]model.Offset{}
	before := model.Offset(-1)
	for _, s := range got {
		at, key, _ := m.parse(t, s)
		if at <= before || at < start || int(at) >= len(m.sent) || m.sent[at] != s {
			t.Fatalf("%s: %q behind %d, with the start %d", when, s, before, start)
		}
		if earlier, twice := newest[key]; twice && at < m.to {
			t.Fatalf("%s: %s stands at %d and %d, compacted below %d", when, key, earlier, at, m.to)
		}
		before, newest[key], seen[at] = at, at, true
	}
	for key, at := range last {
		_, _, tombstone := m.parse(t, m.sent[at])
		if !seen[at] && (!tombstone || !m.expired[at]) {
			t.Fatalf("%s: the last of %s, %q, is gone", when, key, m.sent[at])
		}
		if !seen[at] {
			tombstonesGone++
		}
	}
	for at := max(m.to, start); int(at) < len(m.sent); at++ {
		if !seen[at] {
			t.Fatalf("%s: %q is gone, compacted below %d only", when, m.sent[at], m.to)
		}
	}
	// Nothing older than a tombstone that went may come back.
	for _, s := range got {
		if at, key, tombstone := m.parse(t, s); !tombstone && last[key] != at {
			if _, _, deleted := m.parse(t, m.sent[last[key]]); deleted && !seen[last[key]] {
				t.Fatalf("%s: %q is back, its key was deleted at %d", when, s, last[key])
			}
		}
	}
	return tombstonesGone
}

// TestCompactionAgainstModel: random batches, compactions, deletions and
// crashes; what can be read is always what may be left.
func TestCompactionAgainstModel(t *testing.T) {
	seeds := uint64(300)
	if testing.Short() {
		seeds = 30
	}
	var compactions, tombstonesGone, crashes uint64
	for seed := range seeds {
		rng := rand.New(rand.NewPCG(seed, 1))
		inWorld(t, func(w *world) {
			w.settings = compacting()
			w.settings.Delete, w.settings.RetentionMs, w.settings.RetentionBytes = true, -1, -1 // DeleteRecords may
			w.settings.Compaction.DeleteRetentionMs = 1000 * rng.Int64N(3)
			var m [2]compactionModel
			room := []int64{1, 1 << 20}[rng.IntN(2)]
			c := w.compactor(CompactorSettings{KeyBytes: room, LoadFactor: 0.2})
			for step := range 40 {
				i := rng.IntN(2)
				p := w.part(int32(i))
				when := fmt.Sprintf("seed %d, step %d", seed, step)
				switch op := rng.IntN(20); {
				case op < 11:
					m[i].put(w, p, rng)
				case op < 15:
					w.clock.Advance(time.Duration(rng.IntN(1500)) * time.Millisecond)
					c.told = nil
					c.Round()
					for _, r := range c.told {
						if r.Err != nil {
							t.Fatalf("%s: %v", when, r.Err)
						}
						compactions++
						m[r.Partition].compacted(t, r.To, w.clock.Now(), time.Duration(w.settings.Compaction.DeleteRetentionMs)*time.Millisecond)
					}
				case op < 16:
					if o := p.Offsets(); o.End > 0 {
						var d deletion
						w.deleteRecords(p, model.Offset(rng.Int64N(int64(o.End))), d.done)
						w.settle()
					}
				case op < 17:
					if _, _, err := w.log.Reclaim(); err != nil {
						t.Fatalf("%s: %v", when, err)
					}
				case op < 18:
					crashes++
					w.crash(nil)
					c = w.compactor(CompactorSettings{KeyBytes: room, LoadFactor: 0.2})
				case op < 19:
					crashes++
					w.crash(rng)
					c = w.compactor(CompactorSettings{KeyBytes: room, LoadFactor: 0.2})
				default:
					w.settings.Compaction.SegmentBytes = 1 + rng.Int64N(2000)
				}
				for i := range m {
					tombstonesGone += uint64(m[i].check(t, when, w.part(int32(i)), strings.Fields(w.holds(w.part(int32(i))))))
				}
			}
		})
	}
	t.Logf("%d compactions, %d crashes; a deleted key had left nothing %d times", compactions, crashes, tombstonesGone)
	if compactions < 3*seeds || crashes < seeds || tombstonesGone < seeds {
		t.Error("it no longer does what it is for")
	}
}
