package log

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
)

// A segment file is a header block of 4 KiB, then entries end to end, then (in
// the newest one) preallocated zeros. Numbers are little endian.
//
//	 0         8        10        12         16            24
//	 +---------+---------+---------+----------+-------------+
//	 |"MSTMSEGM"| version | log     | salt     |first Position|
//	 +---------+---------+---------+----------+-------------+
//	24            32                   36        40                   48
//	 +-------------+--------------------+---------+--------------------+
//	 | generation  | predecessor's salt | flags   | predecessor's end  |
//	 +-------------+--------------------+---------+--------------------+
//	48               52           60          64
//	 +---------------+------------+-----------+ zeros up to 4096
//	 |unclean starts | zero       |header CRC |
//	 +---------------+------------+-----------+
//
// Magic, version and CRC have these places in all versions: only so a newer one
// can be told from a damaged one.
//
// The count of unclean starts is that of the life that made the segment. Every
// unclean start makes one before anything is served, so the largest in a log is
// the count, and the start mark (start_format.go) may be lost.
//
// The header has a block of its own because it must not share a sector with
// entries: a sector that is in flight at a power cut may stay old, and must not
// take the header of a segment along. With it entries also start on a fresh
// block, so a padded group (Config.PadGroups) needs no other arithmetic.
//
// Positions do not count the header: the first Position of a segment is the
// end of its predecessor.
//
// "log" is 0 in the main log's segments and the log id in those of the cold log
// (coldlog.go), side segments among them. These have no predecessor: each
// stands for itself.
const (
	segmentMagic      = "MSTMSEGM"
	segmentVersion    = 3
	segmentHeaderSize = 4096
	segmentHeaderUsed = 64

	// segmentFirst marks the first segment of a log: it has no predecessor.
	segmentFirst = 1

	segmentSuffix = ".segment"
	coldPrefix    = "cold-"
	sidePrefix    = "side-"
	tempSuffix    = ".temp"
	// quarantinePrefix marks files that recovery set aside. They are never
	// read and never deleted.
	quarantinePrefix = "quarantine-"
)

// segmentHeader is the decoded header of a segment file.
type segmentHeader struct {
	Log        logID
	First      Position
	Salt       uint32
	Generation uint64
	// IsFirst says that the log began with this segment. Otherwise it follows
	// PreviousSalt, whose bytes end at PreviousEnd (always equal to First: it
	// is written twice so that a header that was put together wrongly shows).
	IsFirst      bool
	PreviousSalt uint32
	PreviousEnd  Position
	// UncleanStarts of the directory when the segment was made.
	UncleanStarts uint32
}

var (
	errSegmentShort   = errors.New("shorter than a segment header")
	errSegmentMagic   = errors.New("not a segment file")
	errSegmentCRC     = errors.New("segment header CRC is wrong")
	errSegmentFields  = errors.New("segment header contradicts itself")
	errSegmentVersion = errors.New("segment of an unknown version")
)

// encode returns the whole header block.
func (h *segmentHeader) encode() []byte {
	b := make([]byte, segmentHeaderSize)
	le := binary.LittleEndian
	copy(b, segmentMagic)
	le.PutUint16(b[8:], segmentVersion)
	le.PutUint16(b[10:], uint16(h.Log))
	le.PutUint32(b[12:], h.Salt)
	le.PutUint64(b[16:], uint64(h.First))
	le.PutUint64(b[24:], h.Generation)
	le.PutUint32(b[32:], h.PreviousSalt)
	if h.IsFirst {
		le.PutUint32(b[36:], segmentFirst)
	}
	le.PutUint64(b[40:], uint64(h.PreviousEnd))
	le.PutUint32(b[48:], h.UncleanStarts)
	le.PutUint32(b[60:], crc32.Checksum(b[:60], castagnoli))
	return b
}

func decodeSegmentHeader(b []byte) (segmentHeader, error) {
	if len(b) < segmentHeaderUsed {
		return segmentHeader{}, errSegmentShort
	}
	le := binary.LittleEndian
	if string(b[:8]) != segmentMagic {
		return segmentHeader{}, errSegmentMagic
	}
	if le.Uint32(b[60:]) != crc32.Checksum(b[:60], castagnoli) {
		return segmentHeader{}, errSegmentCRC
	}
	if v := le.Uint16(b[8:]); v != segmentVersion {
		return segmentHeader{}, fmt.Errorf("%w: %d, this program knows %d; %s", errSegmentVersion, v, segmentVersion, whoWrote(uint32(v), segmentVersion))
	}
	h := segmentHeader{
		Log:           logID(b[10]),
		First:         Position(le.Uint64(b[16:])),
		Salt:          le.Uint32(b[12:]),
		Generation:    le.Uint64(b[24:]),
		PreviousSalt:  le.Uint32(b[32:]),
		IsFirst:       le.Uint32(b[36:]) == segmentFirst,
		PreviousEnd:   Position(le.Uint64(b[40:])),
		UncleanStarts: le.Uint32(b[48:]),
	}
	switch {
	case b[11] != 0 || le.Uint32(b[36:])&^segmentFirst != 0 || le.Uint64(b[52:]) != 0:
		return h, fmt.Errorf("%w: reserved bytes are set", errSegmentFields)
	case h.Log > sideMax || h.Log != mainLog && !h.IsFirst:
		return h, fmt.Errorf("%w: log %d", errSegmentFields, h.Log)
	case h.First > positionMax || (!h.IsFirst && h.PreviousEnd != h.First):
		return h, fmt.Errorf("%w: first Position %d behind %d", errSegmentFields, h.First, h.PreviousEnd)
	}
	return h, nil
}

// name is the file name of the segment.
func (h *segmentHeader) name() string {
	switch {
	case h.Log == mainLog:
		return segmentName(h.First)
	case h.Log.isSide():
		return fmt.Sprintf("%s%d-%s", sidePrefix, h.Log-sideFirst, segmentName(h.First))
	}
	return fmt.Sprintf("%s%03d-%s", coldPrefix, h.Log, segmentName(h.First))
}

// parseColdName is the inverse of name for a segment of the cold log, side
// segments too; false for any other name, those of main segments too.
func parseColdName(name string) (segmentHeader, bool) {
	base := mainLog
	rest, ok := strings.CutPrefix(name, coldPrefix)
	if !ok {
		base = sideFirst
		rest, ok = strings.CutPrefix(name, sidePrefix)
	}
	digits, rest, found := strings.Cut(rest, "-")
	first, named := parseSegmentName(rest)
	if !ok || !found || !named {
		return segmentHeader{}, false
	}
	n, err := strconv.ParseUint(digits, 10, 8)
	h := segmentHeader{Log: base + logID(n), First: first}
	return h, err == nil && n <= uint64(coldMax) && h.Log != mainLog && h.Log <= sideMax && h.name() == name
}

// segmentName is the file name of the segment that starts at first. Names
// sort like Positions.
func segmentName(first Position) string { return fmt.Sprintf("%020d%s", uint64(first), segmentSuffix) }

// parseSegmentName is the inverse of segmentName; false for any other name.
func parseSegmentName(name string) (Position, bool) {
	digits, ok := strings.CutSuffix(name, segmentSuffix)
	if !ok || len(digits) != 20 {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil || segmentName(Position(n)) != name {
		return 0, false
	}
	return Position(n), true
}
