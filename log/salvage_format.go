package log

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// The file "salvaged" holds the damage that an operator has given up as lost,
// by `mainstem log salvage`: nobody refuses appends because of it any more, and
// reads go on behind it. Little endian:
//
//	0       8         12       16        20     24
//	+-------+---------+--------+---------+------+
//	| magic | version | ranges | offsets | cold |
//	+-------+---------+--------+---------+------+-------------------+-----+
//	| ranges, 16 each: from 8, to 8; of Positions, ascending, apart | ...
//	+---------------------------------------------------------------+
//	| the same of the cold log                                      | ...
//	+---------------------------------------------------------------+
//	| offsets, 24 each: from 8, to 8, partition 4, zero 4; ascending by | CRC |
//	| partition and offset, apart                                       |     |
//	+-------------------------------------------------------------------+-----+
//
// The CRC32C covers all before it. Positions and offsets are both here because
// they are asked for at different ends: recovery meets damaged bytes, whose
// owners it may not know; a reader meets offsets that the index lacks.
const (
	salvagedMagic      = "MSTMSALV"
	salvagedVersion    = 1
	salvagedHeaderSize = 24
	salvagedRangeSize  = 16
	salvagedOffsetSize = 24
	salvagedName       = "salvaged"
)

var (
	errSalvaged        = errors.New("the list of what was given up as lost is damaged")
	errSalvagedVersion = errors.New("a list of what was given up as lost of an unknown version")
)

// lostOffsets is [From, To) of a partition.
type lostOffsets struct {
	Partition model.PartitionID
	From, To  model.Offset
}

// salvaged is the decoded file. The lists are sorted, and nothing in them
// touches its neighbour.
type salvaged struct {
	Ranges  []PositionRange
	Cold    []PositionRange // of the cold log
	Offsets []lostOffsets
}

// empty reports whether nothing was given up.
func (s *salvaged) empty() bool { return len(s.Ranges)+len(s.Cold)+len(s.Offsets) == 0 }

// with is the union of both.
func (s *salvaged) with(o *salvaged) *salvaged {
	u := &salvaged{Ranges: joinRanges(append(slices.Clone(s.Ranges), o.Ranges...)), Cold: joinRanges(append(slices.Clone(s.Cold), o.Cold...))}
	all := append(slices.Clone(s.Offsets), o.Offsets...)
	slices.SortFunc(all, func(a, b lostOffsets) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.From, b.From))
	})
	for _, x := range all {
		if n := len(u.Offsets); n > 0 && u.Offsets[n-1].Partition == x.Partition && x.From <= u.Offsets[n-1].To {
			u.Offsets[n-1].To = max(u.Offsets[n-1].To, x.To)
			continue
		}
		u.Offsets = append(u.Offsets, x)
	}
	return u
}

// joinRanges sorts ranges and makes one of those that touch.
func joinRanges(all []PositionRange) []PositionRange {
	slices.SortFunc(all, func(a, b PositionRange) int { return cmp.Compare(a.From, b.From) })
	var out []PositionRange
	for _, r := range all {
		if n := len(out); n > 0 && r.From <= out[n-1].To {
			out[n-1].To = max(out[n-1].To, r.To)
			continue
		}
		out = append(out, r)
	}
	return out
}

// holds reports whether one of the sorted ranges covers r.
func holds(ranges []PositionRange, r PositionRange) bool {
	return slices.ContainsFunc(ranges, func(x PositionRange) bool { return x.From <= r.From && r.To <= x.To })
}

func (s *salvaged) encode() []byte {
	le := binary.LittleEndian
	b := make([]byte, 0, salvagedHeaderSize+(len(s.Ranges)+len(s.Cold))*salvagedRangeSize+len(s.Offsets)*salvagedOffsetSize+4)
	b = append(b, salvagedMagic...)
	b = le.AppendUint32(b, salvagedVersion)
	b = le.AppendUint32(b, uint32(len(s.Ranges)))
	b = le.AppendUint32(b, uint32(len(s.Offsets)))
	b = le.AppendUint32(b, uint32(len(s.Cold)))
	for _, r := range slices.Concat(s.Ranges, s.Cold) {
		b = le.AppendUint64(b, uint64(r.From))
		b = le.AppendUint64(b, uint64(r.To))
	}
	for _, o := range s.Offsets {
		b = le.AppendUint64(b, uint64(o.From))
		b = le.AppendUint64(b, uint64(o.To))
		b = le.AppendUint32(b, uint32(o.Partition))
		b = le.AppendUint32(b, 0)
	}
	return le.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func decodeSalvaged(b []byte) (*salvaged, error) {
	le := binary.LittleEndian
	if len(b) < salvagedHeaderSize+4 || string(b[:8]) != salvagedMagic {
		return nil, fmt.Errorf("%w: %d bytes, no magic", errSalvaged, len(b))
	}
	body, sum := b[:len(b)-4], le.Uint32(b[len(b)-4:])
	if crc32.Checksum(body, castagnoli) != sum {
		return nil, fmt.Errorf("%w: CRC", errSalvaged)
	}
	if v := le.Uint32(b[8:]); v != salvagedVersion {
		return nil, fmt.Errorf("%w: %d, this program knows %d; %s", errSalvagedVersion, v, salvagedVersion, whoWrote(v, salvagedVersion))
	}
	ranges, offsets, cold := uint64(le.Uint32(b[12:])), uint64(le.Uint32(b[16:])), uint64(le.Uint32(b[20:]))
	if salvagedHeaderSize+(ranges+cold)*salvagedRangeSize+offsets*salvagedOffsetSize != uint64(len(body)) {
		return nil, fmt.Errorf("%w: %d ranges, %d offsets in %d bytes", errSalvaged, ranges, offsets, len(b))
	}
	all, s := make([]PositionRange, ranges+cold), &salvaged{Offsets: make([]lostOffsets, offsets)}
	at := body[salvagedHeaderSize:]
	for i := range all {
		all[i] = PositionRange{Position(le.Uint64(at)), Position(le.Uint64(at[8:]))}
		at = at[salvagedRangeSize:]
	}
	s.Ranges, s.Cold = all[:ranges:ranges], all[ranges:]
	for i := range s.Offsets {
		s.Offsets[i] = lostOffsets{
			From: model.Offset(le.Uint64(at)), To: model.Offset(le.Uint64(at[8:])), Partition: model.PartitionID(le.Uint32(at[16:])),
		}
		at = at[salvagedOffsetSize:]
	}
	return s, nil
}
