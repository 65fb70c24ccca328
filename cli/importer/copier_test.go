package importer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

var (
	errLost = errors.New("the answer was lost")
	errPast = errors.New("the partition does not end there")
)

// pair is a partition of a source, and what a target has of it.
type pair struct {
	t       *testing.T
	r       *rand.Rand
	source  []batch.Batch
	end     model.Offset // of the source
	target  []byte
	reached model.Offset // the target's end
}

// newPair has batches with any gaps between them.
func newPair(t *testing.T, seed uint64) *pair {
	p := &pair{t: t, r: rand.New(rand.NewPCG(seed, 1))}
	gap := func() model.Offset {
		return []model.Offset{0, 0, 0, 1, 1000, batch.FillerMax, 3*batch.FillerMax + 5}[p.r.IntN(7)]
	}
	p.end = gap()
	for range p.r.IntN(12) {
		made := batch.NewBuilder(batch.Codec(p.r.IntN(5)))
		made.BaseOffset, made.ProducerID, made.ProducerEpoch, made.BaseSequence = p.end, 5, 1, 7
		made.Transactional = p.r.IntN(2) == 0
		for i := range 1 + p.r.IntN(4) {
			made.Add(1000+int64(p.end%1000)+int64(i), []byte("key"), fmt.Appendf(nil, "%d", p.r.Uint64()))
		}
		b, err := made.Build(nil)
		if err != nil {
			t.Fatal(err)
		}
		h, err := batch.Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		p.source = append(p.source, batch.Batch{Header: h, Bytes: b})
		p.end = h.LastOffset() + 1 + gap()
	}
	return p
}

func (p *pair) copier(end model.Offset) *copier {
	return &copier{
		tp: model.TopicPartition{Topic: "t"}, at: p.reached, end: end,
		read: func(_ context.Context, from, end model.Offset) (fetched, error) {
			f := fetched{next: end}
			for i, b := range p.source {
				if b.LastOffset() < from || b.BaseOffset >= end {
					continue
				}
				f.batches = append(f.batches, b)
				if f.next = b.LastOffset() + 1; p.r.IntN(3) == 0 {
					return f, nil
				}
				if i == len(p.source)-1 {
					f.next = end
				}
			}
			f.next = max(f.next, min(end, from+1))
			return f, nil
		},
		write: func(_ context.Context, batches []byte, from, end model.Offset) error {
			if from != p.reached {
				return errPast
			}
			lost := p.r.IntN(4)
			if lost == 0 {
				return errLost
			}
			p.target, p.reached = append(p.target, batches...), end
			if lost == 1 {
				return errLost
			}
			return nil
		},
		newest: func(context.Context) (int64, error) {
			newest := int64(-1)
			for b, err := range batch.Split(p.target) {
				if err != nil {
					p.t.Fatal(err)
				}
				newest = max(newest, b.MaxTimestamp)
			}
			return newest, nil
		},
	}
}

// records are what a reader sees, and where.
func records(t *testing.T, b batch.Batch, into map[model.Offset]string) {
	t.Helper()
	err := batch.Records(b.Bytes, &b.Header, 1<<20, func(r batch.Record) error {
		into[b.BaseOffset+model.Offset(r.OffsetDelta)] = fmt.Sprintf("%d %s=%s", b.FirstTimestamp+r.TimestampDelta, r.Key, r.Value)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestCopier: in runs that end anywhere the target gets the records of the source at their
// offsets, in batches that follow each other.
func TestCopier(t *testing.T) {
	for seed := range uint64(500) {
		p := newPair(t, seed)
		borders := []model.Offset{p.end}
		for _, b := range p.source {
			if p.r.IntN(4) == 0 {
				borders = append(borders, b.BaseOffset)
			}
		}
		slices.Sort(borders)
		for _, end := range borders { // as the source grows
			for p.reached < end {
				if err := p.copier(end).run(t.Context()); err != nil && !errors.Is(err, errLost) {
					t.Fatalf("seed %d: %v", seed, err)
				}
			}
		}
		want, got := map[model.Offset]string{}, map[model.Offset]string{}
		for _, b := range p.source {
			records(t, b, want)
		}
		next, latest := model.Offset(0), int64(0)
		for b, err := range batch.Split(p.target) {
			if err == nil {
				err = batch.ValidateImported(b.Bytes, &b.Header)
			}
			if err != nil || b.BaseOffset != next {
				t.Fatalf("seed %d: a batch at %d behind %d: %v", seed, b.BaseOffset, next, err)
			}
			if next = b.LastOffset() + 1; b.IsControl() {
				if b.MaxTimestamp > latest {
					t.Fatalf("seed %d: a filler of time %d behind records of %d", seed, b.MaxTimestamp, latest)
				}
				continue
			}
			latest = max(latest, b.MaxTimestamp)
			records(t, b, got)
		}
		if next != p.end || len(got) != len(want) {
			t.Fatalf("seed %d: %d records up to %d, want %d up to %d", seed, len(got), next, len(want), p.end)
		}
		for at, r := range want {
			if got[at] != r {
				t.Fatalf("seed %d: %q at %d, want %q", seed, got[at], at, r)
			}
		}
	}
}

// TestStraddle: a target that ends within a batch of the source is of another one.
func TestStraddle(t *testing.T) {
	for seed := uint64(0); ; seed++ {
		p := newPair(t, seed)
		i := slices.IndexFunc(p.source, func(b batch.Batch) bool { return b.Records > 1 })
		if i < 0 {
			continue
		}
		p.reached = p.source[i].BaseOffset + 1
		if err := p.copier(p.end).run(t.Context()); err == nil || !strings.Contains(err.Error(), "not what was copied") {
			t.Errorf("seed %d: %v", seed, err)
		}
		return
	}
}

func TestMatches(t *testing.T) {
	for pattern, names := range map[string][2]string{
		"orders":   {"orders", "order,orders2,,xorders"},
		"*":        {"a,a.b,", ""},
		"shop.*":   {"shop.,shop.a,shop.a.b", "shop,ashop.a"},
		"*.v2":     {".v2,a.v2,a.v2.v2", "a.v2x,v2"},
		"a*b*c":    {"abc,axbxc,abbcc", "ac,abcd,xabc"},
		"*middle*": {"middle,in the middle of", "midle"},
	} {
		for i, list := range names {
			for name := range strings.SplitSeq(list, ",") {
				if list != "" && matches(pattern, name) != (i == 0) {
					t.Errorf("%q and %q: %t", pattern, name, i != 0)
				}
			}
		}
	}
}
