package bank

import "fmt"

// transfer names one: its clerk, and its number there.
type transfer struct {
	clerk int
	n     int64
}

func (t transfer) String() string { return fmt.Sprintf("transfer %d of clerk %d", t.n, t.clerk) }

// entry is one leg of a transfer, a record in the partition of an account.
type entry struct {
	transfer
	leg, legs int
	amount    int64
}

const layout = "%d %d %d %d %d"

func (e entry) encode() []byte {
	return fmt.Appendf(nil, layout, e.clerk, e.n, e.leg, e.legs, e.amount)
}

func decode(b []byte) (e entry, err error) {
	if _, err := fmt.Sscanf(string(b), layout, &e.clerk, &e.n, &e.leg, &e.legs, &e.amount); err != nil {
		return entry{}, fmt.Errorf("a record that no clerk wrote: %q: %w", b, err)
	}
	return e, nil
}
