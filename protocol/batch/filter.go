package batch

import (
	"encoding/binary"
	"fmt"
	"math"
)

// FilterOptions say what Filter changes beside the records that go.
type FilterOptions struct {
	// Limit is how many bytes compressed records may have when uncompressed.
	Limit int
	// SetHorizon makes DeleteHorizonMs the delete horizon of the new batch, in
	// milliseconds since 1970; else it keeps the one that the old batch has, or
	// has none.
	SetHorizon      bool
	DeleteHorizonMs int64
}

// Filter appends to dst a batch of those records of the batch of header h at
// the start of b that keep, called once for each in their order, is true for.
// There must be one. Everything else stays: codec, offsets (the last one too,
// whether its record is kept or not), the records' timestamps, producer, leader
// epoch, the kind of timestamp. The largest timestamp is that of what is kept.
//
// Compressed records are read and written as they come; neither form is in
// memory as a whole. The batch's CRC must have been checked: the new one would
// vouch for damage. dst must not overlap b. Errors: those of Records, ErrCodec,
// and ErrInvalid if no record is kept; dst comes back as it was then.
func Filter(dst, b []byte, h *Header, opt FilterOptions, keep func(*Record) bool) ([]byte, error) {
	start := len(dst)
	dst = append(dst, b[:HeaderSize]...)
	f := filter{header: *h, maxTimestamp: math.MinInt64}
	f.setHorizon(opt)
	w, err := NewSectionWriter(h.Codec(), dst)
	if err != nil {
		return dst[:start], err
	}
	err = Records(b, h, opt.Limit, func(r Record) error {
		if !keep(&r) {
			return nil
		}
		return f.write(w, &r)
	})
	dst, closed := w.Close()
	switch {
	case err != nil:
		return dst[:start], err
	case closed != nil:
		return dst[:start], closed
	case f.count == 0:
		return dst[:start], fmt.Errorf("%w: none of %d records is kept, at least 1 expected", ErrInvalid, h.Records)
	case len(dst)-start > math.MaxInt32:
		return dst[:start], fmt.Errorf("%w: the batch has %d bytes, at most %d allowed", ErrTooLarge, len(dst)-start, math.MaxInt32)
	}
	f.writeHeader(dst[start:])
	return dst, nil
}

// filter is a batch in the making.
type filter struct {
	header       Header // of the new batch, as far as it is known
	shift        int64  // what is added to the timestamps' deltas
	count        int32
	maxTimestamp int64
	scratch      []byte
}

// setHorizon puts the horizon where the first timestamp was; the records'
// timestamps count from there then. Overflow wraps, here and where it is undone.
func (f *filter) setHorizon(opt FilterOptions) {
	if opt.SetHorizon {
		f.shift = f.header.FirstTimestamp - opt.DeleteHorizonMs
		f.header.FirstTimestamp = opt.DeleteHorizonMs
		f.header.Attributes |= deleteHorizonBit
	}
}

// write adds a record.
func (f *filter) write(w SectionWriter, r *Record) error {
	f.count++
	delta := r.TimestampDelta + f.shift
	f.maxTimestamp = max(f.maxTimestamp, f.header.FirstTimestamp+delta)
	raw := r.raw
	if f.shift != 0 {
		f.scratch = r.appendShifted(f.scratch[:0], delta)
		raw = f.scratch
	}
	_, err := w.Write(raw)
	return err //nolint:wrapcheck // A compressor's; it writes to memory.
}

// writeHeader fills in what is not as it was.
func (f *filter) writeHeader(dst []byte) {
	binary.BigEndian.PutUint32(dst[atLength:], uint32(len(dst)-sizeOverhead))
	binary.BigEndian.PutUint16(dst[atAttributes:], uint16(f.header.Attributes))
	binary.BigEndian.PutUint64(dst[atFirstTimestamp:], uint64(f.header.FirstTimestamp))
	if !f.header.LogAppendTime() {
		binary.BigEndian.PutUint64(dst[atMaxTimestamp:], uint64(f.maxTimestamp))
	}
	binary.BigEndian.PutUint32(dst[atRecords:], uint32(f.count))
	sealCRC(dst)
}

// appendShifted appends the record with another timestamp delta. It was read
// before, so its fields are known to be there.
func (r *Record) appendShifted(dst []byte, delta int64) []byte {
	_, n := uvarint(r.raw) // length
	attributes := r.raw[n]
	n++
	_, m := uvarint(r.raw[n:]) // timestamp delta
	rest := r.raw[n+m:]
	dst = binary.AppendVarint(dst, int64(1+varintLen(delta)+len(rest)))
	dst = append(dst, attributes)
	dst = binary.AppendVarint(dst, delta)
	return append(dst, rest...)
}
