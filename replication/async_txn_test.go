package replication

import (
	"math/rand/v2"
	"testing"
)

// TestDecisionCoversAsync: the sync of one append is one of all before it in the log. So
// a transaction whose decision is safe has all of its records, those in topics with
// async flush too, whatever a power cut takes.
func TestDecisionCoversAsync(t *testing.T) {
	lost := 0
	for seed := range uint64(16) {
		for _, decided := range []bool{true, false} {
			inWorld(t, func(w *world) {
				w.settings = asyncFlush()
				for sequence := range int32(5) {
					w.mustSend(w.part(0), 1, 0, sequence)
				}
				if decided {
					w.settings = syncFlush()
					w.mustAppend(w.part(1), 1)
				}
				w.crash(rand.New(rand.NewPCG(seed, 1)))
				switch end := w.part(0).Offsets().End; {
				case end == 5:
				case decided:
					t.Errorf("seed %d: %d of 5 records are left, and the decision was safe", seed, end)
				default:
					lost++
				}
			})
		}
	}
	if lost == 0 {
		t.Error("no power cut took anything: this shows nothing")
	}
}
