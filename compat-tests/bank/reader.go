package bank

import (
	"errors"
	"fmt"
	"sync"
)

// place is where a record was read.
type place struct {
	partition int32
	offset    int64
}

// Reader is what one observer has read, of records that are committed.
type Reader struct {
	books *Books
	mu    struct {
		sync.Mutex
		next []int64 // Behind what was read of each partition.
		legs map[transfer]map[int]place
		size map[transfer]int
		last map[writer]int64
		sum  int64
	}
}

// writer is a clerk in a partition: its transfers stand there in their order.
type writer struct {
	clerk     int
	partition int32
}

func newReader(b *Books, partitions int) *Reader {
	r := &Reader{books: b}
	r.mu.next = make([]int64, partitions)
	r.mu.legs, r.mu.size, r.mu.last = map[transfer]map[int]place{}, map[transfer]int{}, map[writer]int64{}
	return r
}

// passed notes that the observer got as far as an offset, with a record or with the
// mark at a transaction's end.
func (r *Reader) passed(at place) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if at.offset < r.mu.next[at.partition] {
		return fmt.Errorf("partition %d: offset %d is read after %d", at.partition, at.offset, r.mu.next[at.partition]-1)
	}
	r.mu.next[at.partition] = at.offset + 1
	return nil
}

// saw notes a record.
func (r *Reader) saw(at place, e entry) error {
	if err := r.passed(at); err != nil {
		return err
	}
	switch f, known := r.books.fate(e.transfer); {
	case !known:
		return fmt.Errorf("%v, leg %d at %v: no clerk knows it", e.transfer, e.leg, at)
	case f == open:
		return fmt.Errorf("%v, leg %d at %v: it is read, and nobody has asked for its commit", e.transfer, e.leg, at)
	case f == aborted:
		return fmt.Errorf("%v, leg %d at %v: it is read, and was aborted", e.transfer, e.leg, at)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if before, twice := r.mu.legs[e.transfer][e.leg]; twice {
		return fmt.Errorf("%v, leg %d is at %v and at %v", e.transfer, e.leg, before, at)
	}
	w := writer{e.clerk, at.partition}
	if last, ok := r.mu.last[w]; ok && e.n < last {
		return fmt.Errorf("%v at %v stands behind number %d", e.transfer, at, last)
	}
	r.mu.last[w] = e.n
	if r.mu.legs[e.transfer] == nil {
		r.mu.legs[e.transfer] = map[int]place{}
	}
	r.mu.legs[e.transfer][e.leg] = at
	r.mu.size[e.transfer] = e.legs
	r.mu.sum += e.amount
	return nil
}

// reached tells whether the observer has read to these ends.
func (r *Reader) reached(ends []int64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for p, end := range ends {
		if r.mu.next[p] < end {
			return fmt.Errorf("partition %d is read to %d of %d", p, r.mu.next[p], end)
		}
	}
	return nil
}

// check is for when nothing is under way and all was read.
func (r *Reader) check() error {
	fates := r.books.all()
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	for t, f := range fates {
		switch got := len(r.mu.legs[t]); {
		case f == open:
			errs = append(errs, fmt.Errorf("%v is still under way", t))
		case f == committed && got == 0:
			errs = append(errs, fmt.Errorf("%v is committed, and nothing of it is read", t))
		case f == aborted && got > 0:
			errs = append(errs, fmt.Errorf("%v is aborted, and %d legs were read", t, got))
		case got > 0 && got != r.mu.size[t]:
			errs = append(errs, fmt.Errorf("%v: %d of its %d legs are read", t, got, r.mu.size[t]))
		}
	}
	if r.mu.sum != 0 {
		errs = append(errs, fmt.Errorf("the accounts sum up to %d", r.mu.sum))
	}
	return errors.Join(errs...)
}

// agrees compares what two observers read, each all there is.
func (r *Reader) agrees(other *Reader) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	other.mu.Lock()
	defer other.mu.Unlock()
	if len(r.mu.legs) != len(other.mu.legs) {
		return fmt.Errorf("one observer read %d transfers, another one %d", len(r.mu.legs), len(other.mu.legs))
	}
	for t, legs := range r.mu.legs {
		for leg, at := range legs {
			if there, ok := other.mu.legs[t][leg]; !ok || there != at {
				return fmt.Errorf("%v, leg %d: one observer read it at %v, another one at %v (%v)", t, leg, at, there, ok)
			}
		}
	}
	return nil
}
