package log

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/mainstem-mq/mainstem/log/index"
)

// A file of a newer format must never be taken for a damaged one: what is
// damaged may be rebuilt, set aside or given up. So each kind of file tells its
// version in a place that all versions share, under a CRC that all share, and
// what meets another version refuses the start with both numbers.
// docs/format.md has the rule for changing one.

// newerFormat reports whether an error says that a newer program wrote
// something here.
func newerFormat(err error) bool {
	for _, e := range []error{
		errSegmentVersion, errEntryVersion, errCheckpointVersion, errStartMarkVersion, errSalvagedVersion,
		errStateVersion, index.ErrVersion,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// otherVersion refuses the bytes of an entry that another version wrote at
// this very place: the scan would take them for damage, or for a torn tail,
// and cut them. Magic, version, header CRC, Position and salt keep their places
// in all versions.
func otherVersion(b []byte, at Position, salt uint32) error {
	le := binary.LittleEndian
	if len(b) < entryHeaderSize || le.Uint32(b) != entryMagic || b[4] == entryVersion ||
		le.Uint32(b[8:]) != entryHeaderCRC(b) || le.Uint64(b[16:]) != uint64(at) || le.Uint32(b[24:]) != salt {
		return nil
	}
	return fmt.Errorf("%w: %d at %d, this program knows %d; a newer Mainstem wrote it: start that one, nothing was changed",
		errEntryVersion, b[4], at, entryVersion)
}

// whoWrote says which Mainstem wrote a file of another version.
func whoWrote(version, known uint32) string {
	if version > known {
		return "a newer Mainstem wrote it: start that one"
	}
	return "one from before the first release wrote it: such data is not read any more, nothing was changed"
}

// MissingFile reports whether a log was not opened because one of its files is
// not there.
func MissingFile(err error) bool { return errors.Is(err, errMissing) }

// headerLost says what becomes of a segment whose header can not be read.
func headerLost(err error) string {
	return "the header of the segment: " + err.Error() + "; its neighbours and the checkpoint tell what stood there. " +
		"Put the file back from a copy, or see `mainstem log check` for what is lost"
}

// young reports whether the log may have ended before its first checkpoint.
func (r *recovery) young() bool {
	c := r.log.segments.all()
	return len(r.checkpoints)+len(r.unusable)+len(r.aside) == 0 && len(c) > 0 && c[0].IsFirst &&
		int64(c[len(c)-1].First-c[0].First) < 2*r.log.cfg.CheckpointBytes
}

// rebuildReason says why no checkpoint could be used.
func (r *recovery) rebuildReason() string {
	switch {
	case len(r.unusable) > 0:
		return fmt.Sprintf("%s can not be used: %s", r.unusable[0].name, r.unusable[0].why)
	default:
		for _, a := range r.aside {
			if _, ok := parseCheckpointName(a.name); ok {
				return fmt.Sprintf("%s can not be used: %s", a.name, a.why)
			}
		}
		return "there is no checkpoint"
	}
}
