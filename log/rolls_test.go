package log

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// put applies one batch of so many records, bytes and a time.
func put(p *PartitionLog, at Position, records int32, size int, time int64) {
	p.applyBatches(batchesApplied{Entry: at, Distance: 96, AppendTime: 1000, Headers: []batch.Header{{
		BaseOffset: p.End(), Size: size, LastOffsetDelta: records - 1, ProducerID: -1, MaxTimestamp: time,
	}}})
}

func TestRoll(t *testing.T) {
	t.Parallel()
	type b struct {
		size int
		time int64
	}
	for name, c := range map[string]struct {
		batches []b
		base    model.Offset
	}{
		"empty":                  {nil, 0},
		"just full":              {[]b{{400, 0}, {600, 0}}, 0},
		"over":                   {[]b{{400, 0}, {601, 0}}, 2},
		"larger than a segment":  {[]b{{5000, 0}}, 0},
		"two of them":            {[]b{{5000, 0}, {5000, 0}, {10, 0}}, 4},
		"as old as may be":       {[]b{{10, 50}, {10, 149}, {10, 150}}, 0},
		"too old":                {[]b{{10, 50}, {10, 149}, {10, 151}, {10, 20}}, 4},
		"an older one":           {[]b{{10, 500}, {10, 1}, {10, 600}}, 0},
		"by the append":          {[]b{{10, 899}, {10, -1}}, 2},
		"the next begins afresh": {[]b{{900, 0}, {900, 100}, {50, 200}, {50, 201}}, 6},
	} {
		p := newPartitionLog(1, &Log{})
		var r Roll
		for i, x := range c.batches {
			put(p, Position(6000*i), 2, x.size, x.time)
			if i%2 == 0 {
				var err error
				if r, err = p.Roll(r, 1000, 100); err != nil {
					t.Fatal(err)
				}
			}
		}
		r, err := p.Roll(r, 1000, 100)
		whole, err2 := p.Roll(Roll{}, 1000, 100)
		if err != nil || err2 != nil || r.Base != c.base || r.Seen != p.End() || r != whole {
			t.Errorf("%s: %+v, at once %+v, want the base %d; %v, %v", name, r, whole, c.base, err, err2)
		}
	}
}

// TestRollAfterTruncation: what was seen and is gone counts no more.
func TestRollAfterTruncation(t *testing.T) {
	t.Parallel()
	p := newPartitionLog(1, &Log{})
	for i := range 5 {
		put(p, Position(1000*i), 1, 400, 0)
	}
	r, err := p.Roll(Roll{}, 1000, 100)
	if err != nil || r.Base != 4 {
		t.Fatal(r, err)
	}
	for _, end := range []model.Offset{4, 2, 0} {
		p.applyTruncate(9000, end, 1)
		cut, err := p.Roll(r, 1000, 100)
		if err != nil || cut.Base > end || cut.Seen != end {
			t.Errorf("cut to %d: %+v, %v", end, cut, err)
		}
	}
}

func TestYounger(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := newPartitionLog(1, &Log{})
		times := rapid.SliceOfN(rapid.Int64Range(-1, 20), 0, 20).Draw(t, "times")
		for i, at := range times {
			put(p, Position(1000*i), 3, 100, at)
		}
		from := rapid.IntRange(0, len(times)).Draw(t, "from")
		limit := rapid.IntRange(from, len(times)).Draw(t, "limit")
		after := rapid.Int64Range(0, 20).Draw(t, "after")
		want := limit
		for i := from; i < limit; i++ {
			if times[i] > after || times[i] < 0 {
				want = i
				break
			}
		}
		if got, err := p.Younger(model.Offset(3*from), model.Offset(3*limit), after); err != nil || got != model.Offset(3*want) {
			t.Fatalf("%d, want %d, %v", got, 3*want, err)
		}
	})
}
