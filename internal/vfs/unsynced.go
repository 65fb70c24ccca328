package vfs

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// Unsynced is what a file of a Mem shows, and its disk may not have.
type Unsynced struct {
	Size, DiskSize int64
	// Pending is what a sync would make durable, and Lost what none will, since one
	// has failed. Both are in sectors: [from, to) bytes.
	Pending, Lost [][2]int64
}

// Unsynced tells what of a file a power cut may take.
func (m *Mem) Unsynced(name string) (Unsynced, error) {
	name = path.Clean(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	ino, err := m.lookupLocked(name)
	if err != nil {
		return Unsynced{}, pathError("look at", name, err)
	}
	return Unsynced{
		Size: ino.cacheSize, DiskSize: ino.diskSize,
		Pending: joinSectors(slices.Sorted(maps.Keys(ino.pending))), Lost: joinSectors(slices.Sorted(maps.Keys(ino.lost))),
	}, nil
}

// joinSectors makes byte ranges of ascending sector numbers.
func joinSectors(list []int64) (ranges [][2]int64) {
	for _, s := range list {
		from, to := s*sectorSize, (s+1)*sectorSize
		if n := len(ranges); n > 0 && ranges[n-1][1] == from {
			ranges[n-1][1] = to
		} else {
			ranges = append(ranges, [2]int64{from, to})
		}
	}
	return ranges
}

// IsZero reports whether the disk has all that the file shows.
func (u *Unsynced) IsZero() bool {
	return u.Size == u.DiskSize && len(u.Pending) == 0 && len(u.Lost) == 0
}

// String tells it in a line.
func (u *Unsynced) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d bytes", u.Size)
	if u.DiskSize != u.Size {
		fmt.Fprintf(&b, ", %d on the disk", u.DiskSize)
	}
	if len(u.Pending) > 0 {
		fmt.Fprintf(&b, "; not synced: %v", u.Pending)
	}
	if len(u.Lost) > 0 {
		fmt.Fprintf(&b, "; lost by a failed sync: %v", u.Lost)
	}
	return b.String()
}
