package legacy

import (
	"fmt"

	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// Limits bound what a conversion for a producer takes.
type Limits struct {
	Batch   int // bytes of a message, and of the batch that is made
	Records int // bytes that a set with compressed messages may hold when uncompressed
}

// Up makes one record batch of a producer's message set: the messages in their
// order, by the codec of the first that has one. Keys, values and timestamps stay as
// they are; a message of magic 0 has no timestamp, which is -1. Offsets are the
// broker's to give, so what the client wrote there is not looked at: clients have
// written many things.
//
// Like Kafka, it wants one magic in a set and in its wrappers, no wrapper in a wrapper,
// and every CRC right. Kafka drops a message at the end that is cut off, and
// acknowledges the others; here that is an error.
//
// Errors are those of the batch package: ErrCorrupt, ErrTruncated, ErrInvalid, ErrCodec,
// ErrTooLarge.
func Up(set []byte, limits Limits) ([]byte, error) {
	codec, err := codecOf(set)
	if err != nil {
		return nil, err
	}
	// Messages have more beside key and value than records: it will hardly grow.
	w, err := batch.NewWriter(make([]byte, 0, min(len(set), limits.Batch)+batch.HeaderSize), codec, limits.Batch)
	if err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	err = (&upward{out: w, limits: limits, magic: int8(set[atMagic]), codec: codec}).set(set)
	out, closed := w.Close()
	switch {
	case err != nil:
		return nil, err
	case closed != nil:
		return nil, fmt.Errorf("end: %w", closed)
	}
	return out, nil
}

// codecOf is the codec of the first message that has one; the messages are known to
// lie in the set whole, then.
func codecOf(set []byte) (batch.Codec, error) {
	if len(set) == 0 {
		return batch.None, fmt.Errorf("%w: the message set is empty", batch.ErrInvalid)
	}
	codec := batch.None
	for i := 0; len(set) > 0; i++ {
		n, err := frame(set)
		if err != nil {
			return codec, at(i, err)
		}
		if c := batch.Codec(set[atAttributes] & codecMask); codec == batch.None {
			codec = c
		}
		set = set[n:]
	}
	return codec, known(codec)
}

// known refuses codecs that came with later formats.
func known(c batch.Codec) error {
	if c > batch.LZ4 {
		return fmt.Errorf("%w: number %d in a message of magic 0 or 1, the largest is %d (lz4)", batch.ErrCodec, c, batch.LZ4)
	}
	return nil
}

// at says which message of a set is wrong.
func at(i int, err error) error { return fmt.Errorf("message %d of the set: %w", i, err) }

// upward is a conversion under way.
type upward struct {
	out    *batch.Writer
	limits Limits
	magic  int8
	codec  batch.Codec // of the batch
	held   int         // bytes of its messages so far, uncompressed
}

// set adds the messages of a set whose frames are sound.
func (u *upward) set(set []byte) error {
	for i := 0; len(set) > 0; i++ {
		n, err := frame(set)
		if err == nil {
			err = u.one(set[:n])
		}
		if err != nil {
			return at(i, err)
		}
		set = set[n:]
	}
	return nil
}

// one adds a message, or those that it wraps.
func (u *upward) one(b []byte) error {
	if len(b) > u.limits.Batch {
		return fmt.Errorf("%w: it has %d bytes, at most %d allowed", batch.ErrTooLarge, len(b), u.limits.Batch)
	}
	m, err := parse(b)
	if err != nil {
		return err
	}
	if m.magic != u.magic {
		return fmt.Errorf("%w: its magic is %d, that of the messages before is %d", batch.ErrInvalid, m.magic, u.magic)
	}
	if m.codec() == batch.None {
		return u.add(&m)
	}
	return u.unfold(&m)
}

// add adds one message. All that a compressed batch holds counts together: who converts
// it for a consumer reads it as a whole, within the same limit.
func (u *upward) add(m *message) error {
	if u.held += m.size(); u.codec != batch.None && u.held > u.limits.Records {
		return fmt.Errorf("%w: the compressed messages of the set hold more than %d bytes: send fewer at a time", batch.ErrTooLarge, u.limits.Records)
	}
	return u.out.Add(m.timestamp, m.key, m.value) //nolint:wrapcheck // It has words.
}
