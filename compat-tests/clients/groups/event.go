package groups

import (
	"fmt"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// event is one line of a member program; doc.go says what each kind has.
type event struct {
	At         int64            `json:"at"`
	Event      string           `json:"event"`
	Generation int32            `json:"generation"`
	Partitions []int32          `json:"partitions"`
	Partition  int32            `json:"partition"`
	Offset     int64            `json:"offset"`
	Value      string           `json:"value"`
	Offsets    map[string]int64 `json:"offsets"`
	Text       string           `json:"text"`
}

// The kinds of events.
const (
	ready     = "ready"
	assigned  = "assigned"
	revoked   = "revoked"
	lost      = "lost"
	record    = "record"
	committed = "committed"
	closing   = "closing"
)

// now is the time of the clock that members print.
func now() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic(err) // Linux has had it for ever
	}
	return ts.Nano()
}

// value is what the load writes at an offset.
func value(partition int32, offset int64) string { return fmt.Sprintf("%d:%d", partition, offset) }

func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
