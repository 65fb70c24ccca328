package loop

import (
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// value is what the filler writes as record n of a partition.
func value(partition int32, n int64) string { return fmt.Sprintf("%d/%d", partition, n) }

// number is the n of a value, which has to be of this partition.
func number(partition int32, text string) (int64, error) {
	p, n, _ := strings.Cut(text, "/")
	i, err := strconv.ParseInt(n, 10, 64)
	if err != nil || p != fmt.Sprint(partition) {
		return 0, fmt.Errorf("%q was never written there", text)
	}
	return i, nil
}

// tape is what one observer has read of a topic in which each partition has the
// numbers from 0, each once and in order.
type tape struct {
	topic string
	// dense: a number's offset is the number, as nothing else is written there.
	dense bool
	mu    struct {
		sync.Mutex
		next []int64 // Number that comes next.
		end  []int64 // Behind what was read, with the marks at the ends of transactions.
	}
}

func newTape(topic string, partitions int, dense bool) *tape {
	t := &tape{topic: topic, dense: dense}
	t.mu.next, t.mu.end = make([]int64, partitions), make([]int64, partitions)
	return t
}

func (t *tape) take(rec *kgo.Record) error {
	if rec.Attrs.IsControl() {
		return t.passed(rec.Partition, rec.Offset)
	}
	return t.saw(rec.Partition, rec.Offset, string(rec.Value))
}

// passed notes that the observer got as far as an offset.
func (t *tape) passed(partition int32, offset int64) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if offset < t.mu.end[partition] {
		return fmt.Errorf("%s, partition %d: offset %d is read after %d", t.topic, partition, offset, t.mu.end[partition]-1)
	}
	t.mu.end[partition] = offset + 1
	return nil
}

// saw notes a record.
func (t *tape) saw(partition int32, offset int64, text string) error {
	if err := t.passed(partition, offset); err != nil {
		return err
	}
	n, err := number(partition, text)
	if err != nil {
		return fmt.Errorf("%s, partition %d, offset %d: %w", t.topic, partition, offset, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch next := t.mu.next[partition]; {
	case n < next:
		return fmt.Errorf("%s, partition %d, offset %d: record %d is there twice: %d was read before", t.topic, partition, offset, n, next-1)
	case n > next:
		return fmt.Errorf("%s, partition %d, offset %d: record %d comes, and %d is missing before it", t.topic, partition, offset, n, next)
	case t.dense && offset != n:
		return fmt.Errorf("%s, partition %d: record %d is at offset %d", t.topic, partition, n, offset)
	}
	t.mu.next[partition] = n + 1
	return nil
}

// reached tells whether the observer has read to these ends.
func (t *tape) reached(ends []int64) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for p, end := range ends {
		if t.mu.end[p] < end {
			return fmt.Errorf("%s, partition %d is read to %d of %d", t.topic, p, t.mu.end[p], end)
		}
	}
	return nil
}

// check is for when all was read: as many records as there have to be.
func (t *tape) check(counts []int64) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for p, count := range counts {
		if t.mu.next[p] != count {
			return fmt.Errorf("%s, partition %d: %d records are read, and not %d", t.topic, p, t.mu.next[p], count)
		}
	}
	return nil
}

// count is how many records were read.
func (t *tape) count() (all int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, n := range t.mu.next {
		all += n
	}
	return all
}
