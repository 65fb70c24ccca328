package replication

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/span"
	"github.com/mainstem-mq/mainstem/protocol"
)

// twoEpochs leaves offsets [0, 10) of epoch 0 and [10, 15) of epoch 1.
func twoEpochs(w *world) *Partition {
	w.t.Helper()
	w.mustAppend(w.part(0), 10)
	w.crash(nil) // an unclean start raises the epoch
	p := w.part(0)
	if p.Epoch() != 1 {
		w.t.Fatalf("epoch %d after an unclean start", p.Epoch())
	}
	w.mustAppend(p, 5)
	return p
}

func TestEpochEnd(t *testing.T) {
	inWorld(t, func(w *world) {
		p := twoEpochs(w)
		for _, c := range []struct {
			name               string
			requested, current model.LeaderEpoch
			want               EpochEnd
			code               protocol.ErrorCode
		}{
			{"the present epoch", 1, 1, EpochEnd{1, 15}, protocol.NoError},
			{"the one before", 0, 1, EpochEnd{0, 10}, protocol.NoError},
			{"without a current epoch", 0, -1, EpochEnd{0, 10}, protocol.NoError},
			{"one to come", 2, 1, EpochEnd{-1, -1}, protocol.NoError},
			{"none", -1, 1, EpochEnd{-1, -1}, protocol.NoError},
			{"a client behind", 0, 0, EpochEnd{-1, -1}, protocol.FencedLeaderEpoch},
			{"a client ahead", 0, 2, EpochEnd{-1, -1}, protocol.UnknownLeaderEpoch},
		} {
			end, err := p.EpochEnd(c.requested, c.current)
			if code := codeOf(err); code != c.code || end != c.want {
				t.Errorf("%s: %+v, %v; want %+v, %v", c.name, end, err, c.want, c.code)
			}
		}
	})
}

func codeOf(err *protocol.Error) protocol.ErrorCode {
	if err == nil {
		return protocol.NoError
	}
	return err.Code
}

func TestReadWithEpochs(t *testing.T) {
	inWorld(t, func(w *world) {
		p := twoEpochs(w)
		for _, c := range []struct {
			name      string
			from      model.Offset
			current   model.LeaderEpoch
			fetched   model.LeaderEpoch
			code      protocol.ErrorCode
			diverging *EpochEnd
			bytes     bool
		}{
			{"as before KIP-320", 10, -1, -1, protocol.NoError, nil, true},
			{"in step", 12, 1, 1, protocol.NoError, nil, true},
			{"at the end of the epoch before", 10, 1, 0, protocol.NoError, nil, true},
			{"further than the epoch before went", 12, 1, 0, protocol.NoError, &EpochEnd{0, 10}, false},
			{"at the watermark", 15, 1, 1, protocol.NoError, nil, false},
			{"behind the end", 16, 1, -1, protocol.OffsetOutOfRange, nil, false},
			{"below the start", -1, 1, -1, protocol.OffsetOutOfRange, nil, false},
			{"old metadata", 0, 0, -1, protocol.FencedLeaderEpoch, nil, false},
			{"newer metadata", 0, 2, -1, protocol.UnknownLeaderEpoch, nil, false},
		} {
			var out span.List
			res := p.Read(ReadRequest{From: c.from, MaxBytes: 1 << 20, MinOne: true, CurrentEpoch: c.current, LastFetchedEpoch: c.fetched}, &out)
			same := (res.Diverging == nil) == (c.diverging == nil) && (c.diverging == nil || *res.Diverging == *c.diverging)
			if codeOf(res.Err) != c.code || !same || (res.Bytes > 0) != c.bytes || out.Len() != res.Bytes {
				t.Errorf("%s: %+v, %d bytes", c.name, res, out.Len())
			}
			out.Release()
		}
	})
}

// A consumer of an async topic has read what a power cut took. Its next fetch
// must not go on as if nothing had happened, also once new records are there.
func TestAsyncLossIsTold(t *testing.T) {
	for seed := range uint64(8) {
		inWorld(t, func(w *world) {
			w.mustAppend(w.part(0), 3)
			w.settings = asyncFlush()
			w.holdSyncs()
			w.settings.FlushMs = int64(time.Hour / time.Millisecond)
			w.mustAppend(w.part(0), 4)
			w.crash(rand.New(rand.NewPCG(seed, 0)))
			p := w.part(0)
			end := p.Offsets().End
			fetch := func() ReadResult {
				var out span.List
				defer out.Release()
				return p.Read(ReadRequest{From: 7, MaxBytes: 1 << 20, CurrentEpoch: p.Epoch(), LastFetchedEpoch: 0}, &out)
			}
			for _, when := range []string{"at once", "after new records"} {
				res := fetch()
				if told := res.Diverging != nil && res.Diverging.End == end; told != (end < 7) {
					t.Fatalf("seed %d, %s: the log ended at %d, fetch from 7: %+v", seed, when, end, res)
				}
				w.settings = syncFlush()
				w.mustAppend(p, 9)
			}
		})
	}
}

func TestFindOffset(t *testing.T) {
	inWorld(t, func(w *world) {
		p := w.part(0)
		empty := FoundOffset{-1, -1, -1}
		if found, err := p.FindOffset(begin, false, -1); err != nil || found != empty {
			t.Fatalf("in an empty partition: %+v, %v", found, err)
		}
		for range 5 { // offsets 0 and 1 at begin, 2 and 3 a second later, ...
			w.mustAppend(p, 2)
			w.clock.Advance(time.Second)
		}
		w.deleteRecords(p, 2, func(model.Offset, *protocol.Error) {})
		w.settle()
		for _, c := range []struct {
			name      string
			timestamp int64
			want      FoundOffset
			code      protocol.ErrorCode
		}{
			{"latest", TimestampLatest, FoundOffset{10, -1, 0}, protocol.NoError},
			{"earliest", TimestampEarliest, FoundOffset{2, -1, 0}, protocol.NoError},
			{"earliest local", TimestampEarliestLocal, FoundOffset{2, -1, 0}, protocol.NoError},
			{"latest tiered", TimestampLatestTiered, empty, protocol.NoError},
			{"earliest pending tier", TimestampEarliestPendingTier, empty, protocol.NoError},
			{"largest", TimestampMax, FoundOffset{8, begin + 4000, 0}, protocol.NoError},
			{"of a deleted record", begin, FoundOffset{2, begin + 1000, 0}, protocol.NoError},
			{"between two", begin + 2500, FoundOffset{6, begin + 3000, 0}, protocol.NoError},
			{"after all", begin + 4001, empty, protocol.NoError},
			{"no such number", -7, empty, protocol.InvalidRequest},
		} {
			found, err := p.FindOffset(c.timestamp, false, 0)
			if found != c.want || codeOf(err) != c.code {
				t.Errorf("%s: %+v, %v; want %+v", c.name, found, err, c.want)
			}
		}
		if _, err := p.FindOffset(TimestampLatest, false, 3); codeOf(err) != protocol.UnknownLeaderEpoch {
			t.Errorf("with a newer epoch: %v", err)
		}
	})
}

// What is not durable is not found either.
func TestFindOffsetStopsAtTheWatermark(t *testing.T) {
	inWorld(t, func(w *world) {
		p := w.part(0)
		w.mustAppend(p, 2)
		w.clock.Advance(time.Second)
		var a answers
		w.holdSyncs()
		w.append(p, w.records(builder(), 2), &a)
		w.settle()
		for _, ts := range []int64{begin + 1000, TimestampMax, TimestampLatest} {
			found, err := p.FindOffset(ts, false, -1)
			if err != nil || found.Offset > 2 || found.Timestamp > begin {
				t.Errorf("timestamp %d: %+v, %v", ts, found, err)
			}
		}
	})
}
