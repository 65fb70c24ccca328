package server

import "testing"

// TestMovesText: a line of the log names some of the partitions that move.
func TestMovesText(t *testing.T) {
	t.Parallel()
	from, to := int64(5), int64(2)
	of := func(n int) string {
		plan := make([]RewindPartition, n)
		for i := range plan {
			p := &plan[i].ResetPartition
			p.Topic, p.Partition, p.Committed, p.To = "t", int32(i), &from, &to
			switch i {
			case 0:
				p.Committed = nil
			case 1:
				p.Committed = &to
			case 2:
				p.To = nil
			}
		}
		return movesText(plan)
	}
	for n, want := range map[int]string{
		0: "", 3: "t-0 to 2", 5: "t-0 to 2, t-3 5 to 2, t-4 5 to 2",
		14: "t-0 to 2, t-3 5 to 2, t-4 5 to 2, t-5 5 to 2, t-6 5 to 2, t-7 5 to 2, t-8 5 to 2, t-9 5 to 2, t-10 5 to 2, t-11 5 to 2, 2 more",
	} {
		if got := of(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}
