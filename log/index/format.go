package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// An index file, little endian throughout:
//
//	+--------+-------------------------+-----------+--------+--------+
//	| header | entries, 64 bytes each, | directory | states | footer |
//	|   64   | section after section   | 56 each   |        |   64   |
//	+--------+-------------------------+-----------+--------+--------+
//
// header:
//
//	0          8          12         16         24       28        60     64
//	+----------+----------+----------+----------+--------+---------+------+
//	|  magic   | version  |  level   | file id  |  salt  |  zero   | CRC  |
//	+----------+----------+----------+----------+--------+---------+------+
//
// directory record, one a section, ascending by partition:
//
//	 0          4          8              16             24             32
//	 +----------+----------+--------------+--------------+--------------+
//	 |partition |  flags   | first offset |  end offset  | truncated to |
//	 +----------+----------+--------------+--------------+--------------+
//	32             36          40           44          48             56
//	 +-------------+-----------+------------+-----------+--------------+
//	 | first entry | entries   | state size |   zero    |  patched to  |
//	 +-------------+-----------+------------+-----------+--------------+
//
// A record with the flag "patch" says that the offsets from "truncated to" up
// to "patched to" are what this file holds, and that older files speak of the
// rest as before: so entries that moved within the log are found in their new
// place. A partition may have several, ascending, and one other record behind
// them; only that one has a state.
//
// footer:
//
//	 0         8            12           16           24           32        40
//	 +---------+------------+------------+------------+------------+---------+
//	 |  magic  |  sections  |   salt     |  entries   | state bytes| length  |
//	 +---------+------------+------------+------------+------------+---------+
//	40                                                        56        60    64
//	 +---------------------------------------------------------+---------+-----+
//	 |  zero                                                   | dir CRC | CRC |
//	 +---------------------------------------------------------+---------+-----+
//
// Why so:
//   - The header has the length of an entry, so that entries stand on the grid
//     of 64 and never lie across two pages of the cache.
//   - The directory comes last: the file is written in one stream, and a merge
//     knows what it has kept only at the end.
//   - States stand apart from the entries, one after the other in the order of
//     the directory: a start reads all of them, and no entries.
//   - First entry and count have 32 bits: a file holds less than 2^32 entries,
//     and what is kept in memory per block stays small.
//   - "dir CRC" is the CRC32C of directory and states; the footer's own CRC
//     covers the header and the footer. Entries answer for themselves.
//   - The salt, in both header and footer, tells a footer left over from
//     another file's life in the same sectors from this file's own.
const (
	headerMagic = 0x7864_6e69_6e69_616d // "mainindx"
	footerMagic = 0x646e_6578_6564_6e69 // "indexend"
	version     = 2                     // 1 had no patches

	headerSize = EntrySize
	recordSize = 56
	footerSize = 64

	// EntriesMax bounds what one file may hold; see the drawing.
	EntriesMax = math.MaxUint32

	flagWhole = 1 << 0
	flagPatch = 1 << 1
)

// Errors of the package, compared by errors.Is.
var (
	ErrCorrupt  = errors.New("damaged index file")
	ErrVersion  = errors.New("index file of an unknown version")
	ErrReleased = errors.New("index file was released")
)

// Meta is what a file says of itself.
type Meta struct {
	ID    uint64 // unique in the life of a directory
	Level uint32 // 0: written by a checkpoint; n+1: merged from files of level n
	Salt  uint32 // random
}

// Section is what a file holds of one partition.
type Section struct {
	Partition model.PartitionID
	// Whole says that this section supersedes all that older files hold of the
	// partition: it comes from a rebuild.
	Whole bool
	// Patch says that this section supersedes what older files hold of the
	// offsets [TruncatedTo, To), and nothing else. It has no state.
	Patch bool
	// TruncatedTo is the offset at which older files' entries of the partition
	// end, or -1 if they are not cut.
	TruncatedTo model.Offset
	To          model.Offset // of a patch, else 0
	First, End  model.Offset // of the entries: base of the first, one past the last; 0, 0 if there are none
	Start       uint32       // number of the first entry within the file
	Count       uint32       // of entries
	// State is the partition's state when the section was written. The slice is
	// valid only during the call that hands it out.
	State []byte

	stateSize uint32
}

func checksum(parts ...[]byte) uint32 {
	crc := uint32(0)
	for _, p := range parts {
		crc = crc32.Update(crc, castagnoli, p)
	}
	return crc
}

func (m *Meta) encode(b []byte) {
	le := binary.LittleEndian
	clear(b[:headerSize])
	le.PutUint64(b, headerMagic)
	le.PutUint32(b[8:], version)
	le.PutUint32(b[12:], m.Level)
	le.PutUint64(b[16:], m.ID)
	le.PutUint32(b[24:], m.Salt)
	le.PutUint32(b[60:], checksum(b[:60]))
}

func decodeHeader(b []byte) (Meta, error) {
	le := binary.LittleEndian
	if le.Uint64(b) != headerMagic {
		return Meta{}, fmt.Errorf("%w: no magic", ErrCorrupt)
	}
	if checksum(b[:60]) != le.Uint32(b[60:]) {
		return Meta{}, fmt.Errorf("%w: header CRC", ErrCorrupt)
	}
	if v := le.Uint32(b[8:]); v != version {
		return Meta{}, fmt.Errorf("%w: %d, this program knows %d; %s", ErrVersion, v, version, whoWrote(v))
	}
	return Meta{ID: le.Uint64(b[16:]), Level: le.Uint32(b[12:]), Salt: le.Uint32(b[24:])}, nil
}

func (s *Section) encode(b []byte) {
	le := binary.LittleEndian
	clear(b[:recordSize])
	le.PutUint32(b, uint32(s.Partition))
	if s.Whole {
		le.PutUint32(b[4:], flagWhole)
	}
	if s.Patch {
		le.PutUint32(b[4:], flagPatch)
		le.PutUint64(b[48:], uint64(s.To))
	}
	le.PutUint64(b[8:], uint64(s.First))
	le.PutUint64(b[16:], uint64(s.End))
	le.PutUint64(b[24:], uint64(s.TruncatedTo))
	le.PutUint32(b[32:], s.Start)
	le.PutUint32(b[36:], s.Count)
	le.PutUint32(b[40:], s.stateSize)
}

func decodeSection(b []byte) Section {
	le := binary.LittleEndian
	return Section{
		Partition:   model.PartitionID(le.Uint32(b)),
		Whole:       le.Uint32(b[4:])&flagWhole != 0,
		Patch:       le.Uint32(b[4:])&flagPatch != 0,
		First:       model.Offset(le.Uint64(b[8:])),
		End:         model.Offset(le.Uint64(b[16:])),
		TruncatedTo: model.Offset(le.Uint64(b[24:])),
		To:          model.Offset(le.Uint64(b[48:])),
		Start:       le.Uint32(b[32:]),
		Count:       le.Uint32(b[36:]),
		stateSize:   le.Uint32(b[40:]),
	}
}

// footer says where everything is.
type footer struct {
	sections   uint32
	salt       uint32
	entries    uint64
	stateBytes uint64
	length     uint64 // of the whole file
	dirCRC     uint32
}

func (f *footer) directoryAt() int64 { return headerSize + int64(f.entries)*EntrySize }
func (f *footer) statesAt() int64    { return f.directoryAt() + int64(f.sections)*recordSize }

// size is the length that the counts call for. The counts are bounded first,
// so that it can not overflow.
func (f *footer) size() uint64 {
	return headerSize + f.entries*EntrySize + uint64(f.sections)*recordSize + f.stateBytes + footerSize
}

func (f *footer) encode(b, header []byte) {
	le := binary.LittleEndian
	clear(b[:footerSize])
	le.PutUint64(b, footerMagic)
	le.PutUint32(b[8:], f.sections)
	le.PutUint32(b[12:], f.salt)
	le.PutUint64(b[16:], f.entries)
	le.PutUint64(b[24:], f.stateBytes)
	le.PutUint64(b[32:], f.length)
	le.PutUint32(b[56:], f.dirCRC)
	le.PutUint32(b[60:], checksum(header, b[:60]))
}

// decodeFooter checks everything against the real length of the file, so that
// nothing is allocated or read for what a damaged file only claims.
func decodeFooter(b, header []byte, m Meta, length int64) (footer, error) {
	le := binary.LittleEndian
	if le.Uint64(b) != footerMagic || checksum(header, b[:60]) != le.Uint32(b[60:]) {
		return footer{}, fmt.Errorf("%w: footer", ErrCorrupt)
	}
	f := footer{
		sections:   le.Uint32(b[8:]),
		salt:       le.Uint32(b[12:]),
		entries:    le.Uint64(b[16:]),
		stateBytes: le.Uint64(b[24:]),
		length:     le.Uint64(b[32:]),
		dirCRC:     le.Uint32(b[56:]),
	}
	switch {
	case f.salt != m.Salt:
		return footer{}, fmt.Errorf("%w: header and footer are of two files", ErrCorrupt)
	case f.entries > EntriesMax || f.stateBytes > uint64(length):
		return footer{}, fmt.Errorf("%w: %d entries, %d bytes of states in %d bytes", ErrCorrupt, f.entries, f.stateBytes, length)
	case f.length != uint64(length) || f.size() != f.length:
		return footer{}, fmt.Errorf("%w: length %d, written as %d, contents %d", ErrCorrupt, length, f.length, f.size())
	}
	return f, nil
}

// check refuses a section that the file can not hold. before is the section in
// front of it, or nil; entriesUsed the entries of all sections before.
func (s *Section) check(f *footer, before *Section, entriesUsed, statesUsed uint64) error {
	switch {
	case !s.mayFollow(before):
		return fmt.Errorf("%w: partition %d after %d", ErrCorrupt, s.Partition, before.Partition)
	case uint64(s.Start) != entriesUsed || entriesUsed+uint64(s.Count) > f.entries:
		return fmt.Errorf("%w: partition %d: entries %d+%d of %d", ErrCorrupt, s.Partition, s.Start, s.Count, f.entries)
	case statesUsed+uint64(s.stateSize) > f.stateBytes:
		return fmt.Errorf("%w: partition %d: state of %d bytes", ErrCorrupt, s.Partition, s.stateSize)
	case s.Count > 0 && (s.First < 0 || s.End <= s.First), s.TruncatedTo < -1:
		return fmt.Errorf("%w: partition %d: offsets %d to %d, cut at %d", ErrCorrupt, s.Partition, s.First, s.End, s.TruncatedTo)
	case s.Patch && (s.Whole || s.stateSize > 0 || s.TruncatedTo < 0 || s.To <= s.TruncatedTo ||
		s.Count > 0 && (s.First < s.TruncatedTo || s.End > s.To)):
		return fmt.Errorf("%w: partition %d: patch of [%d, %d) with offsets %d to %d, %d bytes of state",
			ErrCorrupt, s.Partition, s.TruncatedTo, s.To, s.First, s.End, s.stateSize)
	}
	return nil
}

// mayFollow reports whether a section may stand behind another: partitions
// ascend, and so do the patches of one, before what is no patch.
func (s *Section) mayFollow(before *Section) bool {
	if before == nil {
		return s.Partition > 0
	}
	return s.Partition > before.Partition ||
		s.Partition == before.Partition && before.Patch && (!s.Patch || s.TruncatedTo >= before.To)
}

// whoWrote says which Mainstem wrote a file of another version.
func whoWrote(v uint32) string {
	if v > version {
		return "a newer Mainstem wrote it: start that one"
	}
	return "one from before the first release wrote it: such data is not read any more, nothing was changed"
}
