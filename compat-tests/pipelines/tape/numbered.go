package tape

import (
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// Numbered is a tape of things with numbers, of which each must be there, in whatever
// order, once or more often.
type Numbered struct {
	tape   *Tape
	number func(value []byte) (int, error)
}

// RecordNumbered begins to read a topic as Record does. number finds the number of the
// thing that a record holds, or an error if it is not as it was written. Things with
// the number 0 do not count.
func RecordNumbered(t *testing.T, addr, topic string, number func(value []byte) (int, error)) *Numbered {
	t.Helper()
	return &Numbered{tape: Record(t, addr, topic), number: number}
}

// Has waits until all from first to last are there, for at most so long.
func (n *Numbered) Has(t *testing.T, first, last int, patience time.Duration) {
	t.Helper()
	testbroker.Eventually(t, patience, func() error {
		if err := n.tape.Err(); err != nil {
			t.Fatal(err)
		}
		if missing, example := n.count(t).missing(first, last); missing > 0 {
			return fmt.Errorf("%s: of %d to %d, %d are missing, %d for one", n.tape.topic, first, last, missing, example)
		}
		return nil
	})
}

// First is the lowest number that is there, or 0.
func (n *Numbered) First(t *testing.T) (first int) {
	t.Helper()
	for number := range n.count(t) {
		if first == 0 || number < first {
			first = number
		}
	}
	return first
}

// Repeats is how many are there more than once.
func (n *Numbered) Repeats(t *testing.T) int {
	t.Helper()
	return n.count(t).repeats()
}

func (n *Numbered) count(t *testing.T) times {
	t.Helper()
	c, err := count(n.tape.Records(), n.number)
	if err != nil {
		t.Fatalf("%s: %v", n.tape.topic, err)
	}
	return c
}

// times is how often things are there, by number.
type times map[int]int

func count(records []*kgo.Record, number func(value []byte) (int, error)) (times, error) {
	all := times{}
	for _, r := range records {
		n, err := number(r.Value)
		if err != nil {
			return nil, fmt.Errorf("partition %d, offset %d: %w: %q", r.Partition, r.Offset, err, r.Value)
		}
		if n != 0 {
			all[n]++
		}
	}
	return all, nil
}

// missing counts what is not there, and names one.
func (c times) missing(first, last int) (count, example int) {
	for n := first; n <= last; n++ {
		if c[n] == 0 {
			count, example = count+1, n
		}
	}
	return count, example
}

func (c times) repeats() (count int) {
	for _, times := range c {
		if times > 1 {
			count++
		}
	}
	return count
}
