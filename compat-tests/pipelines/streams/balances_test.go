package streams

import (
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
)

// balance is one record of the output: what an account came to with an order.
type balance struct {
	account            string
	count, sum, number int
}

func parseBalance(r *kgo.Record) (b balance, err error) {
	b.account = string(r.Key)
	if _, err = fmt.Sscanf(string(r.Value), "%d %d %d", &b.count, &b.sum, &b.number); err != nil {
		err = fmt.Errorf("offset %d has %q: %w", r.Offset, r.Value, err)
	}
	return b, err
}

func parseBalances(records []*kgo.Record) (all []balance, err error) {
	for _, r := range records {
		b, bad := parseBalance(r)
		all, err = append(all, b), errors.Join(err, bad)
	}
	return all, err
}

// check compares the output with the orders from 0 to n: each was counted once, and each
// balance is the one before with one order more. It tells of the first of each kind only.
func check(output []balance, n int) error {
	var errs []error
	last, counted := map[string]balance{}, make([]int, n)
	for i, b := range output {
		if b.number < 0 || b.number >= n {
			return fmt.Errorf("record %d: order %d was never written", i, b.number)
		}
		o, before := orderOf(b.number), last[b.account]
		counted[b.number]++
		if b.account != o.account {
			return fmt.Errorf("record %d: order %d is of %s, and was counted for %s", i, b.number, o.account, b.account)
		}
		if b.count != before.count+1 || b.sum != before.sum+o.amount {
			errs = append(errs, fmt.Errorf("record %d: %s had %d orders of %d in all, and after order %d of %d it has %d of %d",
				i, b.account, before.count, before.sum, b.number, o.amount, b.count, b.sum))
		}
		last[b.account] = b
	}
	for number, times := range counted {
		if times != 1 {
			errs = append(errs, fmt.Errorf("order %d of %s was counted %d times", number, orderOf(number).account, times))
		}
	}
	const most = 5
	if len(errs) > most {
		errs = append(errs[:most], fmt.Errorf("and %d more", len(errs)-most))
	}
	return errors.Join(errs...)
}
