package log

import (
	"errors"
	"io"
)

// scanCold walks over a segment of the cold log, which may be a shadow of one,
// and gives each good entry to a function. It returns what is damaged: what
// stands below the highest Position that an entry knows to be durable, what the
// disk can not read, and all that is bad if it is known of so many bytes of
// batches that they were durable, and fewer are found. What else is bad may be
// what a crash left, and only an index can tell whether it had been more.
func scanCold(seg *segment, durable int64, good func(*scanItem) error) (bad []badItem, read int64, err error) {
	s, held := newScanner(chain{seg}, seg.First), int64(0)
	for {
		item, err := s.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, s.read, err
		}
		if item.Kind != scanEntry {
			bad = append(bad, badItem{PositionRange{item.At, item.End}, item.Why, item.Unread})
			continue
		}
		if item.Header.Kind.holdsBatches() {
			held += int64(item.Header.Payload - item.Header.Kind.batchesAt())
		}
		if err := good(&item); err != nil {
			return nil, s.read, err
		}
	}
	n := 0
	for _, b := range bad {
		if held >= durable && !b.unread {
			b.To = min(b.To, s.synced)
		}
		if b.To = min(b.To, seg.limit()); b.From < b.To {
			bad[n] = b
			n++
		}
	}
	return bad[:n], s.read, nil
}

// badItem is damaged bytes, and what is wrong with them.
type badItem struct {
	PositionRange
	why    error
	unread bool
}
