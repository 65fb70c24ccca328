package log

import (
	"errors"
	"fmt"
	"sort"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/log/index"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// Lookups by time. The running maximum of timestamps never falls along a
// partition, so a binary search finds the first batch that can hold the
// answer, whatever order producers' clocks ran in; from there it is a walk.
// The walk is long only if a record that is no more carried a far larger
// timestamp than all that live; it reads the index, not the batches.

// lookupPlainMax bounds what a batch may unpack to while it is searched.
const lookupPlainMax = 256 << 20

// TimestampOffset is the answer of the lookups by time.
type TimestampOffset struct {
	Offset    model.Offset
	Timestamp int64 // ms
	Epoch     model.LeaderEpoch
}

// FirstAtOrAfter finds the first record below limit whose timestamp is at
// least ts; false if there is none. It reads (and decompresses) one batch,
// more only where a batch's header promises what its records do not hold.
func (p *PartitionLog) FirstAtOrAfter(ts int64, limit model.Offset) (TimestampOffset, bool, error) {
	start := p.Start()
	it, err := p.iterate(start)
	if err != nil {
		return TimestampOffset{}, false, err
	}
	if err := it.skipToTime(ts); err != nil {
		return TimestampOffset{}, false, err
	}
	for {
		e, _, ok, err := it.next()
		if err != nil || !ok || e.BaseOffset >= limit {
			return TimestampOffset{}, false, err
		}
		if e.MaxTimestamp < ts {
			continue
		}
		s := recordSearch{from: start, limit: limit, least: ts, first: true}
		if ok, err := p.search(e, &s); err != nil || ok {
			return s.best, ok, err
		}
	}
}

// MaxTimestamp finds the first record below limit that carries the largest timestamp (KIP-734).
func (p *PartitionLog) MaxTimestamp(limit model.Offset) (TimestampOffset, bool, error) {
	start := p.Start()
	first, best, ok, err := p.maxBatch(start, limit)
	if err != nil || !ok {
		return TimestampOffset{}, false, err
	}
	s := recordSearch{from: start, limit: limit, least: noTimestamp}
	if first.BaseOffset < start {
		// The largest of what is left of this batch is known by its records only.
		if _, err := p.search(first, &s); err != nil {
			return TimestampOffset{}, false, err
		}
	}
	if best.Length > 0 {
		_, err = p.search(best, &s)
	}
	return s.best, s.found, err
}

// maxBatch finds, in [start, limit), the first batch and the first one with
// the largest timestamp. A batch that begins below start is not judged by its
// header, which speaks of records that are no more; best is empty if there is
// no other.
func (p *PartitionLog) maxBatch(start, limit model.Offset) (first, best index.Entry, ok bool, err error) {
	last, ok, err := p.lastBelow(limit)
	if err != nil || !ok || last.LastOffset() < start {
		return first, best, false, err
	}
	it, err := p.iterate(start)
	if err != nil {
		return first, best, false, err
	}
	if first, _, ok, err = it.next(); err != nil || !ok {
		return first, best, false, err
	}
	if first.BaseOffset >= start {
		best = first
	}
	if err := it.skipToTime(last.RunningMax); err != nil {
		return first, best, false, err
	}
	found, err := it.largest(best, limit, last.RunningMax)
	if err == nil && (found.Length == 0 || found.MaxTimestamp < last.RunningMax) && p.cleaned().to > start {
		// A batch that compaction removed may have carried it, and smaller ones
		// were skipped.
		if it, err = p.iterate(first.LastOffset() + 1); err == nil {
			found, err = it.largest(best, limit, last.RunningMax)
		}
	}
	return first, found, true, err
}

// largest finds the first entry with the largest timestamp, best if there is
// none with a larger one. most: nothing is larger. That may have been carried by
// a batch below the start: then nothing was skipped but the first, and the walk
// goes over all that is left.
func (it *indexIterator) largest(best index.Entry, limit model.Offset, most int64) (index.Entry, error) {
	for best.Length == 0 || best.MaxTimestamp < most {
		e, _, ok, err := it.next()
		if err != nil || !ok || e.LastOffset() >= limit {
			return best, err
		}
		if best.Length == 0 || e.MaxTimestamp > best.MaxTimestamp {
			best = e
		}
	}
	return best, nil
}

// skipToTime moves the iterator up to the first entry at or behind its place
// whose running maximum is at least ts; to the end if there is none.
func (it *indexIterator) skipToTime(ts int64) error {
	for range releasedMax {
		err := it.skipToTimeOnce(ts)
		if err == nil || !errors.Is(err, index.ErrReleased) {
			return damaged(err)
		}
		if err := it.seek(); err != nil {
			return damaged(err)
		}
	}
	return index.ErrReleased
}

func (it *indexIterator) skipToTimeOnce(ts int64) error {
	for ; it.area < len(it.blocks); it.area, it.entry = it.area+1, 0 {
		b := it.blocks[it.area]
		if it.entry >= b.Count {
			continue
		}
		// One look at the end spares most blocks the search.
		last, err := it.reader.Entry(b, b.Count-1)
		if err != nil {
			return err
		}
		if last.RunningMax < ts {
			continue
		}
		n, err := it.reader.Time(b, ts)
		if err != nil {
			return err
		}
		it.entry = max(it.entry, n)
		if _, ok, err := it.current(); ok || err != nil {
			return err
		}
	}
	for ; it.area-len(it.blocks) < len(it.memory); it.area, it.entry = it.area+1, 0 {
		memory := it.memory[it.area-len(it.blocks)]
		n := sort.Search(len(memory), func(i int) bool { return memory[i].RunningMax >= ts })
		it.entry = max(it.entry, uint32(n))
		if it.entry < uint32(len(memory)) {
			return nil
		}
	}
	it.area-- // the last area, at its end
	it.entry = uint32(len(it.memory[1]))
	return nil
}

// recordSearch looks for a record of one batch.
type recordSearch struct {
	from, limit model.Offset
	least       int64 // smaller timestamps do not count
	first       bool  // the first that counts; else the first of the largest timestamp

	best  TimestampOffset
	found bool
}

var errFound = errors.New("found")

// search reads the batch and looks at its records. Records that can not be
// decoded are the client's who wrote them, and no reason to fail: the batch
// itself is the answer then, a little early, which a consumer can live with.
func (p *PartitionLog) search(e index.Entry, s *recordSearch) (bool, error) {
	if p.log.damage.batchLost(p.id, &e) {
		return s.found, nil
	}
	b, h, release, err := p.batchAt(e)
	if err != nil {
		return false, err
	}
	defer release()
	if h.LogAppendTime() {
		s.consider(max(h.BaseOffset, s.from), h.MaxTimestamp, h.LeaderEpoch)
		return s.found, nil
	}
	err = batch.Heads(b, &h, lookupPlainMax, func(r batch.Record) error {
		s.consider(h.BaseOffset+model.Offset(r.OffsetDelta), h.FirstTimestamp+r.TimestampDelta, h.LeaderEpoch)
		if s.first && s.found {
			return errFound
		}
		return nil
	})
	if err != nil && !s.found {
		s.consider(max(h.BaseOffset, s.from), h.MaxTimestamp, h.LeaderEpoch)
	}
	return s.found, nil
}

// batchAt reads the batch of an index entry, wherever it has moved since. Its bytes
// are there until they are released.
func (p *PartitionLog) batchAt(e index.Entry) ([]byte, batch.Header, func(), error) {
	if err := p.log.damage.check(p.id, &e); err != nil {
		return nil, batch.Header{}, nil, err
	}
	b, release, err := p.log.shared.batches.readBatch(e)
	for n := 0; errors.Is(err, errMoved) && n < movedMax; n++ {
		if e, err = p.entryAt(e.BaseOffset); err == nil {
			b, release, err = p.log.shared.batches.readBatch(e)
		}
	}
	if err != nil {
		return nil, batch.Header{}, nil, p.stays(err)
	}
	h, err := batch.Parse(b)
	if err != nil {
		release()
		return nil, batch.Header{}, nil, errors.Join(ErrCorrupt, err)
	}
	h.BaseOffset = e.BaseOffset
	return b, h, release, nil
}

func (s *recordSearch) consider(offset model.Offset, ts int64, epoch model.LeaderEpoch) {
	if offset < s.from || offset >= s.limit || ts < s.least || s.found && ts <= s.best.Timestamp {
		return
	}
	s.best, s.found = TimestampOffset{Offset: offset, Timestamp: ts, Epoch: epoch}, true
}

// entryAt is what the index says now of the batch that begins at an offset.
func (p *PartitionLog) entryAt(base model.Offset) (index.Entry, error) {
	it, err := p.iterate(base)
	if err != nil {
		return index.Entry{}, err
	}
	defer it.close()
	e, _, ok, err := it.next()
	if err == nil && (!ok || e.BaseOffset != base) {
		err = fmt.Errorf("%w: the batch at offset %d is gone", ErrOutOfRange, base)
	}
	return e, err
}
