package server

import "testing"

// TestMovesText: a line of the log names some of the partitions that move.
func TestMovesText(t *testing.T) {
	t.Parallel()
	from, to := int64(5), int64(2)
	of := func(n int) string {
		return movesText(n, func(i int) (string, int32, *int64, *int64) {
			switch i {
			case 0:
				return "t", 0, nil, &to
			case 1:
				return "t", 1, &to, &to
			case 2:
				return "t", 2, &to, nil
			}
			return "t", int32(i), &from, &to
		})
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
