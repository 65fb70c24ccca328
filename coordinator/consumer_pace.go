package coordinator

import (
	"time"

	"github.com/mainstem-mq/mainstem/coordinator/assign"
)

// Whoever comes or goes asks for another assignment, of everything to all. While
// many do at once, the work would grow with the square of their number. So each one
// is reckoned with a time, many times what it takes a processor, and a group may be
// ahead of these times only so far: an assignment that is not alone is made at once,
// and the work of a storm stays linear.
const (
	dealMember    = 50 * time.Microsecond
	dealPartition = 5 * time.Microsecond
	dealMost      = 5 * time.Second // for one, whatever its size
	dealAhead     = 500 * time.Millisecond
)

// dealPace is when all assignments that were made would be over, were each to take
// the time that it is reckoned with. The zero value: long ago.
type dealPace struct{ until time.Time }

// due is the earliest time for the next assignment.
func (p dealPace) due() time.Time { return p.until.Add(-dealAhead) }

// after is the pace once another assignment is made.
func (p dealPace) after(now time.Time, spec *assign.Spec) dealPace {
	took := time.Duration(len(spec.Members)) * dealMember
	for i := range spec.Topics {
		took += time.Duration(spec.Topics[i].Partitions) * dealPartition
	}
	return p.spend(now, min(took, dealMost))
}

// spend is the pace once something more is done that is reckoned so.
func (p dealPace) spend(now time.Time, took time.Duration) dealPace {
	return dealPace{later(now, p.until).Add(took)}
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
