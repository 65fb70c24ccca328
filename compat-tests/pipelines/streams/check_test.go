package streams

import (
	"slices"
	"strings"
	"testing"
)

// TestCheck: what an application or a broker might do wrong is found.
func TestCheck(t *testing.T) {
	const n = 200
	right := func() []balance {
		last := map[string]balance{}
		var all []balance
		for number := range n {
			o := orderOf(number)
			b := balance{o.account, last[o.account].count + 1, last[o.account].sum + o.amount, number}
			last[o.account] = b
			all = append(all, b)
		}
		return all
	}
	if err := check(right(), n); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		plant func([]balance) []balance
		want  string
	}{
		"a record is lost":           {func(all []balance) []balance { return slices.Delete(all, 50, 51) }, "order 50 of"},
		"the last record is lost":    {func(all []balance) []balance { return all[:n-1] }, "order 199 of"},
		"a record comes twice":       {func(all []balance) []balance { return slices.Insert(all, 51, all[50]) }, "was counted 2 times"},
		"an aborted record is there": {func(all []balance) []balance { return append(all, balance{"account-0", 99, 1, n}) }, "was never written"},
		"an order is counted twice": {func(all []balance) []balance {
			again := all[n-1]
			again.count++
			again.sum += orderOf(n - 1).amount
			return append(all, again)
		}, "order 199 of account-11 was counted 2 times"},
		"the state is of before": {func(all []balance) []balance {
			all[n-1].count, all[n-1].sum = 1, orderOf(n-1).amount
			return all
		}, "and after order 199"},
		"the sum is wrong":   {func(all []balance) []balance { all[60].sum++; return all }, "and after order 60"},
		"of another account": {func(all []balance) []balance { all[60].account = "account-99"; return all }, "was counted for account-99"},
	} {
		t.Run(name, func(t *testing.T) {
			err := check(c.plant(right()), n)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
