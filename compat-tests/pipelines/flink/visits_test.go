package flink

import (
	"errors"
	"fmt"
	"strconv"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
	"github.com/mainstem-mq/mainstem/compat-tests/pipelines/tape"
)

// visitors is how many there are: each partition has the visits of all.
const visitors = 41

// visitorOf is who made the visit with a number.
func visitorOf(number int) string { return fmt.Sprintf("visitor-%d", number*number%visitors) }

// writeVisits writes the input in the background.
func writeVisits(t *testing.T, topic string) *tape.Load {
	t.Helper()
	return tape.Write(t, shared.Addr(), topic, func(number int) *kgo.Record {
		return &kgo.Record{Key: []byte(strconv.Itoa(number)), Value: []byte(visitorOf(number))}
	})
}

// checkInput checks that the input is the visits from 0 to n, each once.
func checkInput(t *testing.T, topic string, n int) {
	t.Helper()
	seen := make([]int, n)
	for _, r := range tape.Whole(t, shared.Addr(), topic) {
		number, err := strconv.Atoi(string(r.Key))
		if err != nil || number < 0 || number >= n || string(r.Value) != visitorOf(number) {
			t.Fatalf("the input has %s=%s", r.Key, r.Value)
		}
		seen[number]++
	}
	for number, times := range seen {
		if times != 1 {
			t.Fatalf("visit %d is %d times in the input", number, times)
		}
	}
}

// counted is one record of the output: what a visitor's count came to with a visit.
type counted struct {
	visitor       string
	count, number int
}

func parseCounted(records []*kgo.Record) (all []counted, err error) {
	for _, r := range records {
		c := counted{visitor: string(r.Key)}
		if _, bad := fmt.Sscanf(string(r.Value), "%d %d", &c.count, &c.number); bad != nil {
			err = errors.Join(err, fmt.Errorf("offset %d has %q: %w", r.Offset, r.Value, bad))
		}
		all = append(all, c)
	}
	return all, err
}

// check compares the output with the visits from 0 to n: each was counted once, and each
// visitor's counts go up by one. It tells of the first of each kind only.
func check(output []counted, n int) error {
	var errs []error
	last, times := map[string]int{}, make([]int, n)
	for i, c := range output {
		if c.number < 0 || c.number >= n {
			return fmt.Errorf("record %d: visit %d was never written", i, c.number)
		}
		if want := visitorOf(c.number); c.visitor != want {
			return fmt.Errorf("record %d: visit %d is of %s, and was counted for %s", i, c.number, want, c.visitor)
		}
		if before := last[c.visitor]; c.count != before+1 {
			errs = append(errs, fmt.Errorf("record %d: %s had %d visits, and with visit %d has %d", i, c.visitor, before, c.number, c.count))
		}
		last[c.visitor] = c.count
		times[c.number]++
	}
	for number, times := range times {
		if times != 1 {
			errs = append(errs, fmt.Errorf("visit %d of %s was counted %d times", number, visitorOf(number), times))
		}
	}
	const most = 5
	if len(errs) > most {
		errs = append(errs[:most], fmt.Errorf("and %d more", len(errs)-most))
	}
	return errors.Join(errs...)
}

// checkNothingOpen checks that no transaction holds readers of a topic back.
func checkNothingOpen(t *testing.T, topic string) {
	t.Helper()
	ctx, adm := testbroker.Context(t, tape.CatchUp), kadm.NewClient(shared.Client(t))
	stable, err := adm.ListCommittedOffsets(ctx, topic)
	ends, endsErr := adm.ListEndOffsets(ctx, topic)
	if err := errors.Join(err, endsErr, stable.Error(), ends.Error()); err != nil {
		t.Fatal(err)
	}
	ends.Each(func(end kadm.ListedOffset) {
		if at, _ := stable.Lookup(topic, end.Partition); at.Offset != end.Offset {
			t.Errorf("partition %d ends at %d, and is committed to %d", end.Partition, end.Offset, at.Offset)
		}
	})
}
