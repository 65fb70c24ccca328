package legacy

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// wrapper is a compressed message in the making.
type wrapper struct {
	message // without its value

	down    *Down
	batch   *batch.Batch
	out     batch.SectionWriter
	first   int64 // offset of the first inner message
	count   int
	scratch []byte
}

// wrap appends one message that holds all of a batch's. They go from one codec to
// the other one by one, so neither form is in memory as a whole but for what is
// appended.
func (d *Down) wrap(set []byte, b *batch.Batch) ([]byte, error) {
	start, codec := len(set), b.Codec()
	w := &wrapper{down: d, batch: b, message: message{magic: d.Magic, attributes: int8(codec), timestamp: noTimestamp}}
	if w.magic > 0 && b.LogAppendTime() {
		w.attributes |= logAppendTimeBit
	}
	out := append(w.appendHead(set), 0, 0, 0, 0) // room for the value's length
	value := len(out)
	var err error
	if w.out, err = batch.NewSectionWriter(codec, out); err != nil {
		return set, fmt.Errorf("begin: %w", err)
	}
	err = batch.Records(b.Bytes, &b.Header, d.RecordsMax, w.add)
	out, closed := w.out.Close()
	switch {
	case err != nil:
		return set, err //nolint:wrapcheck // It has words.
	case closed != nil:
		return set, fmt.Errorf("end: %w", closed)
	case w.count == 0:
		return set, nil
	case start > 0 && len(out) > d.BytesMax:
		return out[:start], errFull
	case len(out)-start > math.MaxInt32:
		return set, fmt.Errorf("%w: a message of %d bytes", batch.ErrTooLarge, len(out)-start)
	}
	if codec == batch.LZ4 && d.Magic == 0 {
		setOldChecksum(out[value:])
	}
	w.complete(out[start:], value-start)
	return out, nil
}

// add writes one inner message.
func (w *wrapper) add(r batch.Record) error {
	m := w.down.message(w.batch, &r)
	if w.count == 0 {
		w.first = m.offset
	}
	w.count++
	w.offset = m.offset
	w.timestamp = max(w.timestamp, m.timestamp)
	if m.magic > 0 {
		m.offset -= w.first
	}
	w.scratch = m.append(w.scratch[:0])
	_, err := w.out.Write(w.scratch)
	return err //nolint:wrapcheck // A compressor's; it writes to memory.
}

// complete writes what is known only when all is written.
func (w *wrapper) complete(b []byte, value int) {
	binary.BigEndian.PutUint64(b, uint64(w.offset))
	if w.magic > 0 {
		binary.BigEndian.PutUint64(b[atTimestamp:], uint64(w.timestamp))
	}
	binary.BigEndian.PutUint32(b[value-4:], uint32(len(b)-value))
	seal(b)
}
