package legacy

import (
	"errors"
	"fmt"
	"slices"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// Down turns record batches into the message set of a consumer.
type Down struct {
	Magic int8 // 0 or 1
	// From is the offset that the consumer asked for. Of a batch that is not
	// compressed, messages below are left out: some clients rely on it.
	From model.Offset
	// BytesMax is what the set may have; its first message may go beyond.
	BytesMax int
	// RecordsMax is what a compressed batch may hold when uncompressed.
	RecordsMax int
}

// recordMin is the least record: of no key, value or headers.
const recordMin = 7

// errFull ends the walk over a batch of which there is no room for more.
var errFull = errors.New("the message set is full")

// Append appends the messages of a batch to a set. full: there was no room for all of
// them, and the next request goes on there. A batch that is compressed stays so, as one
// message, and is given whole or not at all.
//
// Headers are left out, producers and transactions forgotten: the formats have none.
// Control batches have no messages. Zstd, which came later than clients that ask for
// these formats, is ErrCodec, as in Kafka. Other errors are those of batch.Records;
// set comes back as it was then.
func (d *Down) Append(set []byte, b *batch.Batch) (out []byte, full bool, err error) {
	switch codec := b.Codec(); {
	case b.IsControl():
		return set, false, nil
	case codec == batch.None:
		out, err = d.plain(set, b)
	case codec > batch.LZ4:
		return set, false, fmt.Errorf("%w: clients of message format %d cannot read %s", batch.ErrCodec, d.Magic, codec)
	default:
		out, err = d.wrap(set, b)
	}
	if errors.Is(err, errFull) {
		return out, true, nil
	}
	if err != nil {
		return set, false, err
	}
	return out, false, nil
}

// plain appends a message for each record.
func (d *Down) plain(set []byte, b *batch.Batch) ([]byte, error) {
	// A record is recordMin bytes at least, whatever the header says of their number.
	records := min(int(b.Records), b.Size/recordMin)
	set = slices.Grow(set, max(0, min(b.Size+records*(overhead1-recordMin), d.BytesMax-len(set))))
	err := batch.Records(b.Bytes, &b.Header, d.RecordsMax, func(r batch.Record) error {
		m := d.message(b, &r)
		if m.offset < int64(d.From) {
			return nil
		}
		if len(set) > 0 && len(set)+m.size() > d.BytesMax {
			return errFull
		}
		set = m.append(set)
		return nil
	})
	return set, err //nolint:wrapcheck // It has words.
}

// message is a record with its offset in the partition.
func (d *Down) message(b *batch.Batch, r *batch.Record) message {
	m := message{offset: int64(b.BaseOffset) + int64(r.OffsetDelta), magic: d.Magic, timestamp: noTimestamp, key: r.Key, value: r.Value}
	if d.Magic == 0 {
		return m
	}
	m.timestamp = b.FirstTimestamp + r.TimestampDelta
	if b.LogAppendTime() {
		m.timestamp, m.attributes = b.MaxTimestamp, logAppendTimeBit
	}
	return m
}
