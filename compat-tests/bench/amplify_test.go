package main

import "testing"

// TestBytesASecond takes the mix of the row: 26 MB/s of 1 KiB, and half a
// megabyte of small records.
func TestBytesASecond(t *testing.T) {
	third := load{Topics: []string{"t"}, Size: kib, BatchMax: smallMax, Rate: 8500}
	keyed := load{Topics: []string{"t"}, Size: 100, BatchMax: smallMax, Rate: 4000, Keys: 10}
	stocks := []*stock{{third, 1}, {third, 4}, {third, 16}, {keyed, 0}}
	if got := bytesASecond(stocks); got < 26.5e6 || got > 27.5e6 {
		t.Errorf("%.0f bytes a second", got)
	}
	if got := stocks[3].live(1000); got < 1000 || got > 1250 {
		t.Errorf("%.0f bytes of 10 keys live", got)
	}
}
