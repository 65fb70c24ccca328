package replication

import (
	"slices"
	"strings"
	"testing"

	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// TestUnfolding: what a small batch holds is walked over up to a bound, and the answer does not name every record.
func TestUnfolding(t *testing.T) {
	inWorld(t, func(w *world) {
		w.settings = syncFlush()
		w.settings.Compact = true
		p := w.part(0)
		holding := func(bytes int) []byte {
			b := batch.NewBuilder(batch.Zstd)
			b.Add(begin, []byte("k"), make([]byte, bytes))
			built, err := b.Build(nil)
			if err != nil {
				t.Fatal(err)
			}
			return built
		}
		one := func(b []byte) AppendResult {
			var a answers
			w.append(p, b, &a)
			w.settle()
			return a.all()[0]
		}
		if got := one(holding(recordsMax + 1)); got.Err == nil || got.Err.Code != protocol.MessageTooLarge {
			t.Errorf("a batch that holds too much: %v", got.Err)
		}
		large := holding(recordsMax / 8)
		var a answers
		for range 4 {
			go w.append(p, slices.Clone(large), &a)
		}
		w.settle()
		if list := a.all(); len(list) != 4 {
			t.Fatalf("%d answers to 4 batches that hold much", len(list))
		}
		for _, got := range a.all() {
			if got.Err != nil {
				t.Errorf("a batch that holds much: %v", got.Err)
			}
		}

		keyless := batch.NewBuilder(batch.Zstd)
		for range 2 * recordErrorsMax {
			keyless.Add(begin, nil, nil)
		}
		built, err := keyless.Build(nil)
		if err != nil {
			t.Fatal(err)
		}
		got := one(built)
		if got.Err == nil || !strings.Contains(got.Err.Error(), "2000 of 2000") || len(got.RecordErrors) != recordErrorsMax {
			t.Errorf("many records at fault: %v, %d named", got.Err, len(got.RecordErrors))
		}
	})
}
