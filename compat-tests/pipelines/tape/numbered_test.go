package tape

import (
	"strconv"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

func records(values ...string) (all []*kgo.Record) {
	for _, v := range values {
		all = append(all, &kgo.Record{Value: []byte(v)})
	}
	return all
}

func number(value []byte) (int, error) { return strconv.Atoi(string(value)) }

// TestCount: what is missing or there again is found out.
func TestCount(t *testing.T) {
	c, err := count(records("4", "2", "0", "1", "0", "2"), number)
	if err != nil {
		t.Fatal(err)
	}
	if count, example := c.missing(1, 5); count != 2 || example != 5 {
		t.Errorf("%d are missing, %d for one; expected 2, 5", count, example)
	}
	if count, _ := c.missing(1, 2); count != 0 {
		t.Errorf("%d of the first 2 are missing", count)
	}
	if got := c.repeats(); got != 1 {
		t.Errorf("%d are there again, expected 1", got)
	}
}

// TestCountOfSomethingElse: a record that is not as it was written is an error.
func TestCountOfSomethingElse(t *testing.T) {
	if c, err := count(records("1", "two", "3"), number); err == nil {
		t.Errorf("%v and no error", c)
	}
}
