package disk

import (
	"fmt"
	"time"

	"github.com/mainstem-mq/mainstem/internal/words"
)

// Event is a change worth a line in the broker's log.
type Event interface{ String() string }

// The events of a Guard.
type (
	// LevelChanged tells of the level, and of the room there was.
	LevelChanged struct {
		From  Level
		State State
	}
	// BallastReleased says: an operation found no room, and got the ballast's.
	BallastReleased struct{ Bytes int64 }
	// BallastRestored says: the ballast is on the disk, and how large.
	BallastRestored struct{ Bytes int64 }
	// BallastFailed says: the ballast could not be made; it is tried again.
	BallastFailed struct{ Err error }
	// SpaceUnknown says: the file system does not tell how much room it has.
	SpaceUnknown struct{ Err error }
	// SyncStalled says: a sync, or a write, has not come back for a long time.
	SyncStalled struct{ Sync Running }
	// SyncRecovered ends an incident that SyncStalled has begun.
	SyncRecovered struct {
		Since time.Time
		Took  time.Duration
	}
)

func (e LevelChanged) String() string {
	s := &e.State
	again := ""
	if e.From == Full {
		again = "produce is taken again: "
	}
	switch s.Level {
	case Roomy:
		return again + "the disk has enough room, " + s.Room()
	case Low:
		return fmt.Sprintf("%sthe disk is low, %s, below the warning of %s; retention is applied at once", again, s.Room(), words.Bytes(s.Limits.Warn))
	case Full:
	}
	why := ", below the limit of " + words.Bytes(s.Limits.Min)
	if s.Held {
		why = ", and the disk took no more"
	}
	return "produce is refused: " + s.Room() + why + "; free space, lower retention or delete topics"
}

func (e BallastReleased) String() string {
	return fmt.Sprintf("an operation found the disk full: the ballast gives %s back", words.Bytes(e.Bytes))
}

func (e BallastRestored) String() string { return "the ballast holds " + words.Bytes(e.Bytes) }

func (e BallastFailed) String() string { return fmt.Sprintf("no ballast could be made: %v", e.Err) }

func (e SpaceUnknown) String() string {
	return fmt.Sprintf("the free space of the disk is not known: %v", e.Err)
}

func (e SyncStalled) String() string {
	return fmt.Sprintf("the disk is stalled: a %s of %s has been under way since %s", e.Sync.What, e.Sync.Name, e.Sync.Since.UTC().Format(time.RFC3339Nano))
}

func (e SyncRecovered) String() string {
	return fmt.Sprintf("the disk answers again after %v", e.Took.Round(time.Millisecond))
}
