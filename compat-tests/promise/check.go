package promise

import (
	"errors"
	"fmt"
)

// record is one as read from the broker.
type record struct {
	offset int64
	number number
}

// reading is what the broker has of a partition. Its start is asked for behind
// the reading, which retention may overtake: what is below is not missed.
type reading struct {
	from       int64 // Where the reading began.
	start, end int64 // Of the partition.
	records    []record
}

// check compares a reading of every partition to its end, taken while no record
// was under way: then the log is what was acknowledged and nothing else, but for
// what retention took.
func (l *Ledger) check(got []reading) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for p, r := range got {
		if err := l.checkPartitionLocked(p, r); err != nil {
			errs = append(errs, fmt.Errorf("partition %d: %w", p, err))
			continue
		}
		l.mu.checked[p] = max(l.mu.checked[p], r.end)
	}
	return errors.Join(errs...)
}

func (l *Ledger) checkPartitionLocked(p int, got reading) error {
	if acked := len(l.mu.acked[p]); int64(acked) != got.end {
		return fmt.Errorf("%d records are acknowledged, the log ends at %d", acked, got.end)
	}
	if err := l.checkStart(got); err != nil {
		return err
	}
	due, last := max(got.from, got.start), map[uint16]int64{}
	for _, r := range got.records {
		if r.offset >= got.start {
			if r.offset != due {
				return fmt.Errorf("offset %d follows where %d is due", r.offset, due)
			}
			due++
		}
		if err := l.checkRecordLocked(p, r); err != nil {
			return err
		}
		if before, ok := last[r.number.producer]; ok && r.number.n <= before {
			return fmt.Errorf("offset %d holds %v behind %d of the same producer", r.offset, r.number, before)
		}
		last[r.number.producer] = r.number.n
	}
	if due != got.end {
		return fmt.Errorf("the log ends at %d, the last record is %d", got.end, due-1)
	}
	for offset := range l.mu.seen[p] {
		if offset >= got.end {
			return fmt.Errorf("a consumer read offset %d, the log ends at %d", offset, got.end)
		}
	}
	return nil
}

// checkStart sees that retention took no more than it may.
func (l *Ledger) checkStart(got reading) error {
	const overhead = 200 // The most that a record takes beside its value.
	switch {
	case got.start == 0:
		return nil
	case l.keep < 0:
		return fmt.Errorf("the log begins at %d, and nothing may go", got.start)
	case (got.end-got.start)*int64(l.valueSize+overhead) < l.keep:
		return fmt.Errorf("the log begins at %d and ends at %d: fewer than %d bytes are left", got.start, got.end, l.keep)
	}
	return nil
}

func (l *Ledger) checkRecordLocked(p int, r record) error {
	want, ok := l.mu.acked[p][r.offset]
	if !ok {
		return fmt.Errorf("offset %d holds %v, which was never acknowledged there", r.offset, r.number)
	}
	if want != r.number {
		return fmt.Errorf("offset %d holds %v, acknowledged was %v", r.offset, r.number, want)
	}
	if seen, ok := l.mu.seen[p][r.offset]; ok && seen != r.number {
		return fmt.Errorf("offset %d holds %v, a consumer read %v", r.offset, r.number, seen)
	}
	return nil
}
