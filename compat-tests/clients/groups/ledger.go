package groups

import (
	"fmt"
	"math"
	"strconv"
)

// ledger counts deliveries: of each partition, by offset.
type ledger [][]int

// deliveries counts what members have got.
func deliveries(partitions int32, members ...*member) (ledger, error) {
	l := make(ledger, partitions)
	for _, m := range members {
		for _, e := range m.seen() {
			if e.Event != record {
				continue
			}
			if e.Value != value(e.Partition, e.Offset) {
				return nil, fmt.Errorf("member %s got %q at offset %d of partition %d", m.name, e.Value, e.Offset, e.Partition)
			}
			if e.Partition >= partitions {
				return nil, fmt.Errorf("member %s got something of partition %d", m.name, e.Partition)
			}
			of := &l[e.Partition]
			for int64(len(*of)) <= e.Offset {
				*of = append(*of, 0)
			}
			(*of)[e.Offset]++
		}
	}
	return l, nil
}

// times is how often a record was delivered.
func (l ledger) times(p int, offset int64) int {
	if offset < int64(len(l[p])) {
		return l[p][offset]
	}
	return 0
}

// bounds are how often a record must and may be delivered.
type bounds func(p int, offset int64) (least, most int)

// exactly wants each record n times.
func exactly(n int) bounds { return func(int, int64) (int, int) { return n, n } }

// atLeastOnce wants each record.
func atLeastOnce(int, int64) (least, most int) { return 1, math.MaxInt }

// judge checks the records from offsets on to others. Too few may still come, so
// that is missing; too many is wrong for good.
func (l ledger) judge(from, to []int64, b bounds) (missing, wrong error) {
	for p := range to {
		for o := from[p]; o < to[p]; o++ {
			least, most := b(p, o)
			switch n := l.times(p, o); {
			case n < least:
				missing = fmt.Errorf("offset %d of partition %d was delivered %d times of %d", o, p, n, least)
			case n > most:
				return missing, fmt.Errorf("offset %d of partition %d was delivered %d times, not %d", o, p, n, most)
			}
		}
	}
	return missing, nil
}

// awaitDelivered waits until members got the records from offsets on to others.
func (w *world) awaitDelivered(what string, from, to []int64, b bounds, members ...*member) {
	w.t.Helper()
	w.await(what, func() error {
		l, err := deliveries(w.partitions, members...)
		if err != nil {
			w.t.Fatalf("%s: %v", what, err)
		}
		missing, wrong := l.judge(from, to, b)
		if wrong != nil {
			w.t.Fatalf("%s: %v", what, wrong)
		}
		return missing
	})
}

// start are the offsets of the first records.
func (w *world) start() []int64 { return make([]int64, w.partitions) }

// ahead finds a commit of something that nobody had got before.
func ahead(partitions int32, members []*member) error {
	first := make([]map[int64]int64, partitions) // when a record was first delivered
	for p := range first {
		first[p] = map[int64]int64{}
	}
	for _, m := range members {
		for _, e := range m.seen() {
			if e.Event == record {
				if at, ok := first[e.Partition][e.Offset]; !ok || e.At < at {
					first[e.Partition][e.Offset] = e.At
				}
			}
		}
	}
	for _, m := range members {
		for _, e := range m.seen() {
			for name, offset := range e.Offsets {
				p, err := strconv.Atoi(name)
				if err != nil {
					return err
				}
				if at, ok := first[p][offset-1]; offset > 0 && (!ok || at > e.At) {
					return fmt.Errorf("member %s committed %d in partition %d, and nobody had got the record before that", m.name, offset, p)
				}
			}
		}
	}
	return nil
}
