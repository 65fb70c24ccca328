package main

import (
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/log"
)

// Where no damage is known /readyz says what that is worth.
func TestScrubNote(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.FixedZone("", 3600))
	for want, s := range map[string]log.ScrubStats{
		"none is known, and the scrub is off: old data is not looked at":      {},
		"none is known, but not all of the log was looked at since the start": {BytesPerSec: 1, Bytes: 100},
		"all of the log was looked at, the last time at 2026-03-04T04:06:07Z": {BytesPerSec: 1, Passes: 2, LastEnd: at},
	} {
		if got := scrubNote(s); got != want {
			t.Errorf("%+v: %q, want %q", s, got, want)
		}
	}
}
