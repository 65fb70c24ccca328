package log

import (
	"errors"
	"io"
	"slices"
)

// coldScan is what a walk over a segment of the cold log found.
type coldScan struct {
	bad  []badItem
	read int64
	// unsure is where good batches stand that no entry knows to be durable: a
	// process that died may have left them in the page cache only.
	unsure []PositionRange
}

// scanCold walks over a segment of the cold log, which may be a shadow of one,
// and gives each good entry to a function. It returns what is damaged: what
// stands below the highest Position that an entry knows to be durable, what the
// disk can not read, and all that is bad if it is known of so many bytes of
// batches that they were durable, and fewer are found. What else is bad may be
// what a crash left, and only an index can tell whether it had been more.
func scanCold(seg *segment, durable int64, good func(*scanItem) error) (found coldScan, err error) {
	s, held := newScanner(chain{seg}, seg.First), int64(0)
	for {
		item, err := s.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return coldScan{}, err
		}
		if item.Kind != scanEntry {
			found.bad = append(found.bad, badItem{PositionRange{item.At, item.End}, item.Why, item.Unread})
			continue
		}
		if item.Header.Kind.holdsBatches() {
			held += int64(item.Header.Payload - item.Header.Kind.batchesAt())
			found.unsure = joinLast(found.unsure, PositionRange{item.At, item.End})
		}
		if err := good(&item); err != nil {
			return coldScan{}, err
		}
	}
	found.read = s.read
	found.unsure = slices.DeleteFunc(found.unsure, func(r PositionRange) bool { return r.To <= s.synced })
	if len(found.unsure) > 0 {
		found.unsure[0].From = max(found.unsure[0].From, s.synced)
	}
	n := 0
	for _, b := range found.bad {
		if held >= durable && !b.unread {
			b.To = min(b.To, s.synced)
		}
		if b.To = min(b.To, seg.limit()); b.From < b.To {
			found.bad[n] = b
			n++
		}
	}
	found.bad = found.bad[:n]
	return found, nil
}

// joinLast adds a range behind all others.
func joinLast(list []PositionRange, r PositionRange) []PositionRange {
	if n := len(list); n > 0 && list[n-1].To == r.From {
		list[n-1].To = r.To
		return list
	}
	return append(list, r)
}

// badItem is damaged bytes, and what is wrong with them.
type badItem struct {
	PositionRange
	why    error
	unread bool
}
