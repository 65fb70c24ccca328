package promise

import (
	"context"
	"errors"
)

// Verify lets the producers finish what they began and compares what the broker
// has with the ledger: all of it, or what is new. It returns how many records
// that were, and leaves the workers paused.
func (w *Workers) Verify(ctx context.Context, addr string, full bool) (int, error) {
	l := w.ledger
	if err := w.Pause(ctx); err != nil {
		return 0, err
	}
	from := make([]int64, l.partitions)
	if !full {
		from = l.checkedTo()
	}
	got, err := l.readLog(ctx, addr, from)
	if err != nil {
		return 0, err
	}
	if err := l.check(got); err != nil {
		return 0, err
	}
	committed, err := readCommits(ctx, addr, l.partitions)
	if err != nil {
		return 0, err
	}
	if err := l.checkCommits(committed); err != nil {
		return 0, err
	}
	n := 0
	for _, r := range got {
		n += len(r.records)
	}
	return n, nil
}

// Planted alters an honest reading in every way that a check has to see, and
// returns what was seen and what was not. The workers are paused.
func (w *Workers) Planted(ctx context.Context, addr string) (caught, missed []string, err error) {
	l := w.ledger
	got, err := l.readLog(ctx, addr, make([]int64, l.partitions))
	if err != nil {
		return nil, nil, err
	}
	committed, err := readCommits(ctx, addr, l.partitions)
	if err != nil {
		return nil, nil, err
	}
	for _, p := range plants() {
		altered, commits := p.altered(got, committed)
		if found := errors.Join(l.check(altered), l.checkCommits(commits)); found != nil {
			caught = append(caught, p.what+": "+found.Error())
			continue
		}
		missed = append(missed, p.what)
	}
	return caught, missed, nil
}
