package log

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// A partition's state in bytes: a version byte, then varints (signed ones in
// zigzag form). It stands in index files and in partition-state entries; both
// have a CRC of their own, so it has none.
//
//	+---------+-------+-----------+------------+
//	| version | start | end-start | last epoch |
//	+---------+-------+-----------+------------+
//	| positions of the newest batches, truncate, log-start, state and cleaned-to entry: each + 1, 0 for none |
//	+-------------+-------------+-------------+
//	| running max | total bytes | start bytes |
//	+-------------+-------------+-------------+
//	| cleaned to | if not 0: run, end, entries, count, lost ranges: from - the one before's end, length |
//	+-------+--------------------------------------------------------------------+
//	| count | epochs:    epoch - the one before, start - the one before's        |
//	| count | producers: id - the one before, epoch, last time, count and bits,  |
//	|       |            batches: first sequence, delta, last offset, timestamp, |
//	|       |            bit 6: coordinator epoch, offset of the last marker,    |
//	|       |            bit 7: open since: offset, time                         |
//	| count | aborted transactions: producer - the one before,                   |
//	|       |            last - the one before's, last - first, last+1 - stable  |
//	+-------+--------------------------------------------------------------------+
//
// Differences keep an idle partition's state near 40 bytes: a checkpoint may
// write a hundred thousand of them. A batch's last sequence follows from the
// first and the delta. Who never had a transaction has neither bit.
//
// Version 2 had no bits and no aborted transactions: there were none.
const (
	stateVersion       = 3
	stateVersionOldest = 2

	producerMarked = 1 << 6
	producerOpen   = 1 << 7
)

// What an idle partition's state takes, one producer, and one aborted transaction: room for it is made
// at once.
const (
	stateSizeIdle     = 64
	producerSizeUsual = 128
	abortedSizeUsual  = 12
)

// Least sizes of what there may be many of: a count is compared with the bytes
// that are left before anything is allocated for it.
const (
	epochSizeMin    = 2
	lostSizeMin     = 2
	producerSizeMin = 4
	abortedSizeMin  = 4
)

var (
	errState        = errors.New("partition state is damaged")
	errStateVersion = errors.New("partition state of an unknown version")
)

// encode returns the state in bytes.
func (s *partitionState) encode() []byte {
	b := make([]byte, 0, stateSizeIdle+8*len(s.epochs)+producerSizeUsual*len(s.producers)+abortedSizeUsual*len(s.aborted))
	b = append(b, stateVersion)
	b = binary.AppendUvarint(b, uint64(s.start))
	b = binary.AppendUvarint(b, uint64(s.end-s.start))
	b = binary.AppendVarint(b, int64(s.lastEpoch))
	for _, at := range [...]Position{s.at.Batches, s.at.Truncate, s.at.LogStart, s.at.State, s.at.Cleaned} {
		b = binary.AppendUvarint(b, uint64(at+1)) // noPosition wraps to 0
	}
	b = binary.AppendVarint(b, s.totals.runningMax)
	b = binary.AppendUvarint(b, s.totals.bytes)
	b = binary.AppendUvarint(b, s.totals.startBytes)
	b = s.encodeCleaned(b)
	b = binary.AppendUvarint(b, uint64(len(s.epochs)))
	before := EpochStart{}
	for _, e := range s.epochs {
		b = binary.AppendVarint(b, int64(e.Epoch-before.Epoch))
		b = binary.AppendVarint(b, int64(e.Start-before.Start))
		before = e
	}
	b = binary.AppendUvarint(b, uint64(len(s.producers)))
	id := model.ProducerID(0)
	for _, p := range s.producers {
		b = binary.AppendUvarint(b, uint64(p.ID-id))
		id = p.ID
		b = p.encode(b)
	}
	return s.aborted.encode(b)
}

func (s *partitionState) encodeCleaned(b []byte) []byte {
	c, lost := s.cleanedPart(), s.cleanedLost()
	b = binary.AppendUvarint(b, uint64(c.to))
	if c.to == 0 {
		return b
	}
	b = binary.AppendUvarint(b, uint64(c.run))
	b = binary.AppendUvarint(b, uint64(c.end))
	b = binary.AppendUvarint(b, uint64(c.entries))
	b = binary.AppendUvarint(b, uint64(len(lost)))
	at := model.Offset(0)
	for _, r := range lost {
		b = binary.AppendUvarint(b, uint64(r.from-at))
		b = binary.AppendUvarint(b, uint64(r.to-r.from))
		at = r.to
	}
	return b
}

func (p *ProducerState) encode(b []byte) []byte {
	b = binary.AppendVarint(b, int64(p.Epoch))
	b = binary.AppendVarint(b, p.LastTime)
	marked, open := p.LastMarker >= 0, p.TxnFirst >= 0
	bits := byte(p.N)
	if marked {
		bits |= producerMarked
	}
	if open {
		bits |= producerOpen
	}
	b = append(b, bits)
	for i := range p.Batches[:p.N] {
		x := &p.Batches[i]
		b = binary.AppendUvarint(b, uint64(uint32(x.FirstSequence)))
		b = binary.AppendUvarint(b, uint64(uint32(x.OffsetDelta)))
		b = binary.AppendUvarint(b, uint64(x.LastOffset))
		b = binary.AppendVarint(b, x.Timestamp)
	}
	if marked {
		b = binary.AppendUvarint(b, uint64(p.CoordinatorEpoch))
		b = binary.AppendUvarint(b, uint64(p.LastMarker))
	}
	if open {
		b = binary.AppendUvarint(b, uint64(p.TxnFirst))
		b = binary.AppendVarint(b, p.TxnSince)
	}
	return b
}

func (l abortedTxns) encode(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(l)))
	producer, last := model.ProducerID(0), model.Offset(0)
	for _, t := range l {
		b = binary.AppendVarint(b, int64(t.Producer-producer))
		b = binary.AppendUvarint(b, uint64(t.Last-last))
		b = binary.AppendUvarint(b, uint64(t.Last-t.First))
		b = binary.AppendUvarint(b, uint64(t.Last+1-t.Stable))
		producer, last = t.Producer, t.Last
	}
	return b
}

// decodeState reads what encode wrote.
func decodeState(b []byte) (partitionState, error) {
	d := stateDecoder{b: b}
	v := d.byte()
	if d.failed || v < stateVersionOldest || v > stateVersion {
		if d.failed {
			return partitionState{}, errState
		}
		return partitionState{}, fmt.Errorf("%w: %d, this program knows %d", errStateVersion, v, stateVersion)
	}
	var s partitionState
	s.start = model.Offset(d.uvarint())
	s.end = s.start + model.Offset(d.uvarint())
	s.lastEpoch = model.LeaderEpoch(d.varint())
	for _, at := range [...]*Position{&s.at.Batches, &s.at.Truncate, &s.at.LogStart, &s.at.State, &s.at.Cleaned} {
		*at = Position(d.uvarint()) - 1
	}
	s.totals.runningMax = d.varint()
	s.totals.bytes = d.uvarint()
	s.totals.startBytes = d.uvarint()
	d.cleaned(&s)
	s.epochs = d.epochs()
	s.producers = d.producers()
	if v > stateVersionOldest {
		s.aborted = d.aborted()
	}
	if d.failed || len(d.b) > 0 || s.start < 0 || s.end < s.start || s.totals.startBytes > s.totals.bytes {
		return partitionState{}, fmt.Errorf("%w: %d bytes, %d unread", errState, len(b), len(d.b))
	}
	return s, nil
}

// stateDecoder reads varints until the first failure, and zeros after it.
type stateDecoder struct {
	b      []byte
	failed bool
}

func (d *stateDecoder) fail() { d.failed, d.b = true, nil }

func (d *stateDecoder) byte() byte {
	if len(d.b) == 0 {
		d.fail()
		return 0
	}
	v := d.b[0]
	d.b = d.b[1:]
	return v
}

func (d *stateDecoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *stateDecoder) varint() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *stateDecoder) count(sizeMin int) int {
	n := d.uvarint()
	if n > uint64(len(d.b)/sizeMin) {
		d.fail()
		return 0
	}
	return int(n)
}

func (d *stateDecoder) cleaned(s *partitionState) {
	var c cleanedPart
	if c.to = model.Offset(d.uvarint()); c.to == 0 {
		return
	}
	c.run, c.end = Position(d.uvarint()), model.Offset(d.uvarint())
	entries := d.uvarint()
	c.entries = uint32(entries)
	if c.check() != nil || entries != uint64(c.entries) {
		d.fail()
		return
	}
	var lost []offsetRange
	at := model.Offset(0)
	for range d.count(lostSizeMin) {
		r := offsetRange{from: at + model.Offset(d.uvarint())}
		r.to = r.from + model.Offset(d.uvarint())
		if r.from < at || r.to <= r.from {
			d.fail()
			return
		}
		lost, at = append(lost, r), r.to
	}
	s.setCleaned(c, lost)
}

func (d *stateDecoder) epochs() []EpochStart {
	n := d.count(epochSizeMin)
	if n == 0 {
		return nil
	}
	epochs := make([]EpochStart, n)
	var at EpochStart
	for i := range epochs {
		at.Epoch += model.LeaderEpoch(d.varint())
		at.Start += model.Offset(d.varint())
		epochs[i] = at
		if i > 0 && (at.Epoch <= epochs[i-1].Epoch || at.Start < epochs[i-1].Start) {
			d.fail()
		}
	}
	return epochs
}

func (d *stateDecoder) producers() producerStates {
	n := d.count(producerSizeMin)
	if n == 0 {
		return nil
	}
	producers := make(producerStates, 0, n)
	id := model.ProducerID(0)
	for i := 0; i < n && !d.failed; i++ {
		step := d.uvarint()
		id += model.ProducerID(step)
		if id < 0 || i > 0 && int64(step) <= 0 {
			d.fail()
		}
		producers = append(producers, d.producer(id))
	}
	return producers
}

func (d *stateDecoder) producer(id model.ProducerID) *ProducerState {
	p := newProducerState(id, model.ProducerEpoch(d.varint()))
	p.LastTime = d.varint()
	bits := d.byte()
	p.N = int(bits &^ (producerMarked | producerOpen))
	if p.N > ProducerBatchesMax {
		p.N = 0
		d.fail()
	}
	for i := range p.Batches[:p.N] {
		x := &p.Batches[i]
		x.FirstSequence = int32(d.uvarint())
		x.OffsetDelta = int32(d.uvarint())
		x.LastSequence = addSequence(x.FirstSequence, x.OffsetDelta)
		x.LastOffset = model.Offset(d.uvarint())
		x.Timestamp = d.varint()
	}
	if bits&producerMarked != 0 {
		epoch := d.uvarint()
		p.LastMarker = model.Offset(d.uvarint())
		if p.CoordinatorEpoch = int32(epoch); epoch > math.MaxInt32 || p.LastMarker < 0 {
			d.fail()
		}
	}
	if bits&producerOpen != 0 {
		p.TxnFirst = model.Offset(d.uvarint())
		p.TxnSince = d.varint()
		if p.TxnFirst < 0 {
			d.fail()
		}
	}
	return p
}

func (d *stateDecoder) aborted() abortedTxns {
	n := d.count(abortedSizeMin)
	if n == 0 {
		return nil
	}
	list := make(abortedTxns, n)
	var at AbortedTxn
	for i := range list {
		at.Producer += model.ProducerID(d.varint())
		step := d.uvarint()
		at.Last += model.Offset(step)
		at.First = at.Last - model.Offset(d.uvarint())
		at.Stable = at.Last + 1 - model.Offset(d.uvarint())
		list[i] = at
		if at.Producer < 0 || i > 0 && int64(step) <= 0 || at.First < 0 || at.First >= at.Last || at.Stable < 0 || at.Stable > at.Last+1 {
			d.fail()
		}
	}
	return list
}
