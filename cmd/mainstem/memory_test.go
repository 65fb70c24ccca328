package main

import "testing"

func TestHeapLimit(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct{ live, want int64 }{
		{0, 128 * mib}, {40 * mib, 128 * mib}, {100 * mib, 148 * mib}, {400 * mib, 500 * mib},
	} {
		if got := heapLimit(c.live); got != c.want {
			t.Errorf("%d MiB alive: limit %d MiB, expected %d", c.live/mib, got/mib, c.want/mib)
		}
	}
}
