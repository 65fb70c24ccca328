package log

import (
	"encoding/binary"
	"errors"
	"fmt"

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
//	| count | producers: id - the one before, epoch, last time, batches         |
//	|       |            batches: first sequence, delta, last offset, timestamp |
//	+-------+--------------------------------------------------------------------+
//
// Differences keep an idle partition's state near 40 bytes: a checkpoint may
// write a hundred thousand of them. A batch's last sequence follows from the
// first and the delta.
const stateVersion = 2

// What an idle partition's state takes, and one producer: room for it is made
// at once.
const (
	stateSizeIdle     = 64
	producerSizeUsual = 128
)

// Least sizes of an epoch, a lost range and a producer: a count is compared with the bytes
// that are left before anything is allocated for it.
const (
	epochSizeMin    = 2
	lostSizeMin     = 2
	producerSizeMin = 4
)

var (
	errState        = errors.New("partition state is damaged")
	errStateVersion = errors.New("partition state of an unknown version")
)

// encode returns the state in bytes.
func (s *partitionState) encode() []byte {
	b := make([]byte, 0, stateSizeIdle+8*len(s.epochs)+producerSizeUsual*len(s.producers))
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
	return b
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
	b = append(b, byte(p.N))
	for i := range p.Batches[:p.N] {
		x := &p.Batches[i]
		b = binary.AppendUvarint(b, uint64(uint32(x.FirstSequence)))
		b = binary.AppendUvarint(b, uint64(uint32(x.OffsetDelta)))
		b = binary.AppendUvarint(b, uint64(x.LastOffset))
		b = binary.AppendVarint(b, x.Timestamp)
	}
	return b
}

// decodeState reads what encode wrote.
func decodeState(b []byte) (partitionState, error) {
	d := stateDecoder{b: b}
	if v := d.byte(); d.failed || v != stateVersion {
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
	p := &ProducerState{ID: id, Epoch: model.ProducerEpoch(d.varint()), LastTime: d.varint(), N: int(d.byte())}
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
	return p
}
