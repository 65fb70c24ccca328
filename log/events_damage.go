package log

import (
	"fmt"
	"time"
)

// The events of damage and repair.
type (
	// RebuildBegins says: the indexes are made anew from the log, and why.
	RebuildBegins struct {
		Why   string
		Young bool // the log is so young that it need not have had a checkpoint
	}
	// SalvagedUnreadable says: what was given up as lost is not known any more.
	SalvagedUnreadable struct{ Why error }
	// DamageFenced says: the scrub found damage; reads of it fail.
	DamageFenced struct {
		Range PositionRange
		File  string
		What  error
	}
	// DamageLifted says: what the scrub had fenced is sound, and read again.
	DamageLifted struct {
		Range PositionRange
		File  string
	}
	// ScrubPassed says: the scrub has read all of the log once.
	ScrubPassed struct {
		Bytes   int64
		Took    time.Duration
		Damaged int // ranges
	}
)

func (e RebuildBegins) String() string {
	return "the indexes are made anew from the log, nothing is lost by that: " + e.Why
}

func (e SalvagedUnreadable) String() string {
	return fmt.Sprintf("file %s: %v; damage that was given up as lost is refused again until `mainstem log salvage` is asked again", salvagedName, e.Why)
}

func (e DamageFenced) String() string {
	return fmt.Sprintf("damaged: [%d, %d) in %s: %v; reads of it answer that it is damaged, the rest is served, nothing was cut; "+
		"see `mainstem log check`", e.Range.From, e.Range.To, e.File, e.What)
}

func (e DamageLifted) String() string {
	return fmt.Sprintf("not damaged: [%d, %d) in %s can be read again, and all of it is good; it is served", e.Range.From, e.Range.To, e.File)
}

func (e ScrubPassed) String() string {
	return fmt.Sprintf("scrub: read %d bytes in %v, %d damaged ranges known", e.Bytes, e.Took, e.Damaged)
}
