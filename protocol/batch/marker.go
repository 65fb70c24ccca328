package batch

import (
	"encoding/binary"
	"fmt"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// Marker is a control batch that ends a transaction in one partition (KIP-98).
type Marker struct {
	Producer         model.ProducerID
	Epoch            model.ProducerEpoch
	Commit           bool  // else abort
	CoordinatorEpoch int32 // of the coordinator that decided
	Timestamp        int64 // ms
}

// A marker is a batch of one record, transactional and control, uncompressed,
// without a sequence. The record has no headers; its bytes, and its key and
// value, big endian:
//
//	0        1            2                 3              4          5     9           10      16        17
//	+--------+------------+-----------------+--------------+----------+-----+------------+-------+---------+
//	| length | attributes | timestamp delta | offset delta | key size | key | value size | value | headers |
//	+--------+------------+-----------------+--------------+----------+-----+------------+-------+---------+
//
//	key      0         2                              4
//	         +---------+------------------------------+
//	         | version | type: 0 is abort, 1 commit   |
//	         +---------+------------------------------+
//	value    0         2                              6
//	         +---------+------------------------------+
//	         | version | coordinator epoch            |
//	         +---------+------------------------------+
const (
	markerKeySize    = 4
	markerValueSize  = 6
	markerRecordSize = 7 + markerKeySize + markerValueSize

	// MarkerSize is the length of a marker's batch.
	MarkerSize = HeaderSize + markerRecordSize

	markerAbort  = 0
	markerCommit = 1
)

// AppendMarker appends a marker to dst: one whole batch that has no place in a
// partition yet.
func AppendMarker(dst []byte, m *Marker) []byte {
	at := len(dst)
	dst = append(dst, make([]byte, MarkerSize)...)
	b := dst[at:]
	r := b[HeaderSize:]
	// These numbers are small enough for their zigzag varints to be one byte.
	r[0], r[4], r[9] = 2*(markerRecordSize-1), 2*markerKeySize, 2*markerValueSize
	if m.Commit {
		binary.BigEndian.PutUint16(r[7:], markerCommit)
	}
	binary.BigEndian.PutUint32(r[12:], uint32(m.CoordinatorEpoch))
	h := Builder{
		LeaderEpoch: -1, ProducerID: m.Producer, ProducerEpoch: m.Epoch, BaseSequence: -1, Transactional: true, Control: true,
		count: 1, firstTimestamp: m.Timestamp, maxTimestamp: m.Timestamp,
	}
	h.writeHeader(b)
	sealCRC(b)
	return dst
}

// ReadMarker reads the marker of header h at the start of b. ok is false for a
// batch of data, and for a control batch of another type: Kafka has some that
// end no transaction, and what is not known is ignored. Later versions of key
// and value are read as far as they are known, as Kafka does. It allocates
// nothing unless the bytes make no sense, which is an error.
func ReadMarker(b []byte, h *Header) (m Marker, ok bool, err error) {
	if !h.IsControl() {
		return m, false, nil
	}
	if h.Records != 1 || h.Codec() != None {
		return m, false, fmt.Errorf("%w: a control batch has %d records of codec %v, 1 expected, uncompressed", ErrInvalid, h.Records, h.Codec())
	}
	var rec Record
	f := fields{src: b[HeaderSize:h.Size]}
	if f.record(&rec); f.bad != nil {
		return m, false, fmt.Errorf("%w: control record: %w", ErrCorrupt, f.bad)
	}
	key, value := rec.Key, rec.Value
	if len(key) < markerKeySize || int16(binary.BigEndian.Uint16(key)) < 0 {
		return m, false, fmt.Errorf("%w: key of a control record is %x", ErrInvalid, key)
	}
	kind := int16(binary.BigEndian.Uint16(key[2:]))
	if kind != markerAbort && kind != markerCommit || !h.IsTransactional() || !h.IsIdempotent() {
		return m, false, nil
	}
	if len(value) < markerValueSize || int16(binary.BigEndian.Uint16(value)) < 0 {
		return m, false, fmt.Errorf("%w: value of a transaction marker is %x", ErrInvalid, value)
	}
	return Marker{
		Producer: h.ProducerID, Epoch: h.ProducerEpoch, Commit: kind == markerCommit,
		CoordinatorEpoch: int32(binary.BigEndian.Uint32(value[2:])), Timestamp: h.MaxTimestamp,
	}, true, nil
}
