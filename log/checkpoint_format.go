package log

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// A checkpoint file says from where recovery may start, and what is on disk as
// of there. Two generations are kept: if the newer one can not be read, the
// older one still leads to the same state by a longer scan. Little endian:
//
//	 0       8         12          16           24         32        40
//	 +-------+---------+-----------+------------+----------+---------+
//	 | magic | version |  damages  | generation | Position | synced  |
//	 +-------+---------+-----------+------------+----------+---------+
//	40         44          48                       72              80
//	 +---------+-----------+------------------------+---------------+-------------------+
//	 |segments | indexes   | the entry before       | cold log's end| segments, 40 each | ...
//	 +---------+-----------+------------------------+---------------+-------------------+
//	                                            | indexes, 24 each | damages, 24 each | CRC |
//	                                            +------------------+------------------+-----+
//
//	entry:   base offset 8, partition 4, last delta 4, size 4, kind 1, zero 3;
//	         of the entry that ends at Position, all zero if there is none
//	segment: first Position 8, generation 8, live bytes 8, salt 4, log id 4, bytes of all batches 8;
//	         those of the main log first, then those of the cold log, side segments among them
//	index:   id 8, bytes 8, level 4, directory CRC 4; oldest first
//	damage:  from 8, to 8, highest partition id then 4, zero 4
//
// The CRC32C covers all before it. The state of the partitions is not here but
// in the index files, which are on disk before a checkpoint names them; so a
// checkpoint has a few kilobytes whatever the number of partitions.
//
// The entry before Position is kept because the next one repeats its identity,
// and recovery, which scans from Position on, does not see it: an entry that
// named no predecessor would leave damage there without an owner.
//
// The cold log's end is kept so that no Position there is given twice, even
// when all its segments are gone.
//
// Invariant: Position <= Synced. A checkpoint that named bytes of the log that
// a power cut can take would bring back entries that never were.
const (
	checkpointMagic   = "MSTMCHKP"
	checkpointVersion = 4
	checkpointHeader  = 80
	checkpointSegSize = 40
	checkpointIdxSize = 24
	checkpointDmgSize = 24

	checkpointPrefix = "checkpoint-"
	// checkpointsKept is how many generations stay on disk.
	checkpointsKept = 2
)

// checkpoint is the decoded file.
type checkpoint struct {
	Generation uint64
	Position   Position // everything is as of here; recovery scans from here
	Synced     Position // the log was durable up to here when this was written
	Previous   lastEntry
	Segments   []checkpointSegment
	Cold       []checkpointSegment
	ColdEnd    Position          // the next segment of the cold log begins here or above
	Indexes    []checkpointIndex // oldest first
	Damage     []checkpointDamage
}

// lastEntry is the entry that ends at some Position. Kind 0: there is none.
type lastEntry struct {
	Identity entryIdentity
	Size     uint32
}

// checkpointDamage is a damaged range whose owners are not known: partitions
// without an entry behind it refuse appends. It is remembered here because
// recovery does not scan that part of the log again.
type checkpointDamage struct {
	PositionRange

	// MaxPartition is the highest partition id there was then. One that was
	// made later owns nothing in the range.
	MaxPartition model.PartitionID
}

// checkpointSegment is what was counted of one segment.
type checkpointSegment struct {
	First      Position
	Generation uint64
	LiveBytes  int64
	HeldBytes  int64 // alive or not
	Salt       uint32
	Log        logID
}

// checkpointIndex names one index file and proves that it is the one meant.
type checkpointIndex struct {
	ID           uint64
	Bytes        int64
	Level        uint32
	DirectoryCRC uint32
}

var (
	errCheckpoint        = errors.New("checkpoint is damaged")
	errCheckpointVersion = errors.New("checkpoint of an unknown version")
)

// checkpointName is the file name of a generation.
func checkpointName(generation uint64) string {
	return fmt.Sprintf("%s%016x", checkpointPrefix, generation)
}

// parseCheckpointName is the inverse of checkpointName.
func parseCheckpointName(name string) (generation uint64, ok bool) {
	digits, ok := strings.CutPrefix(name, checkpointPrefix)
	if !ok || len(digits) != 16 {
		return 0, false
	}
	generation, err := strconv.ParseUint(digits, 16, 64)
	return generation, err == nil && checkpointName(generation) == name
}

func (c *checkpoint) encode() []byte {
	le := binary.LittleEndian
	size := checkpointHeader + (len(c.Segments)+len(c.Cold))*checkpointSegSize + len(c.Indexes)*checkpointIdxSize + len(c.Damage)*checkpointDmgSize + 4
	b := make([]byte, 0, size)
	b = append(b, checkpointMagic...)
	b = le.AppendUint32(b, checkpointVersion)
	b = le.AppendUint32(b, uint32(len(c.Damage)))
	b = le.AppendUint64(b, c.Generation)
	b = le.AppendUint64(b, uint64(c.Position))
	b = le.AppendUint64(b, uint64(c.Synced))
	b = le.AppendUint32(b, uint32(len(c.Segments)+len(c.Cold)))
	b = le.AppendUint32(b, uint32(len(c.Indexes)))
	b = le.AppendUint64(b, uint64(c.Previous.Identity.BaseOffset))
	b = le.AppendUint32(b, uint32(c.Previous.Identity.Partition))
	b = le.AppendUint32(b, uint32(c.Previous.Identity.LastDelta))
	b = le.AppendUint32(b, c.Previous.Size)
	b = le.AppendUint32(b, uint32(c.Previous.Identity.Kind))
	b = le.AppendUint64(b, uint64(c.ColdEnd))
	for _, list := range [][]checkpointSegment{c.Segments, c.Cold} {
		for _, s := range list {
			b = le.AppendUint64(b, uint64(s.First))
			b = le.AppendUint64(b, s.Generation)
			b = le.AppendUint64(b, uint64(s.LiveBytes))
			b = le.AppendUint32(b, s.Salt)
			b = le.AppendUint32(b, uint32(s.Log))
			b = le.AppendUint64(b, uint64(s.HeldBytes))
		}
	}
	for _, x := range c.Indexes {
		b = le.AppendUint64(b, x.ID)
		b = le.AppendUint64(b, uint64(x.Bytes))
		b = le.AppendUint32(b, x.Level)
		b = le.AppendUint32(b, x.DirectoryCRC)
	}
	for _, d := range c.Damage {
		b = le.AppendUint64(b, uint64(d.From))
		b = le.AppendUint64(b, uint64(d.To))
		b = le.AppendUint32(b, uint32(d.MaxPartition))
		b = le.AppendUint32(b, 0)
	}
	return le.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func decodeCheckpoint(b []byte) (*checkpoint, error) {
	le := binary.LittleEndian
	if len(b) < checkpointHeader+4 || string(b[:8]) != checkpointMagic {
		return nil, fmt.Errorf("%w: %d bytes, no magic", errCheckpoint, len(b))
	}
	body, sum := b[:len(b)-4], le.Uint32(b[len(b)-4:])
	if crc32.Checksum(body, castagnoli) != sum {
		return nil, fmt.Errorf("%w: CRC", errCheckpoint)
	}
	if v := le.Uint32(b[8:]); v != checkpointVersion {
		return nil, fmt.Errorf("%w: %d, this program knows %d; %s", errCheckpointVersion, v, checkpointVersion, whoWrote(v, checkpointVersion))
	}
	segments, indexes, damages := uint64(le.Uint32(b[40:])), uint64(le.Uint32(b[44:])), uint64(le.Uint32(b[12:]))
	if checkpointHeader+segments*checkpointSegSize+indexes*checkpointIdxSize+damages*checkpointDmgSize != uint64(len(body)) {
		return nil, fmt.Errorf("%w: %d segments, %d indexes, %d damages in %d bytes", errCheckpoint, segments, indexes, damages, len(b))
	}
	c := &checkpoint{
		Generation: le.Uint64(b[16:]),
		Position:   Position(le.Uint64(b[24:])),
		Synced:     Position(le.Uint64(b[32:])),
		Previous: lastEntry{
			Identity: entryIdentity{
				BaseOffset: model.Offset(le.Uint64(b[48:])),
				Partition:  model.PartitionID(le.Uint32(b[56:])),
				LastDelta:  int32(le.Uint32(b[60:])),
				Kind:       Kind(b[68]),
			},
			Size: le.Uint32(b[64:]),
		},
		ColdEnd: Position(le.Uint64(b[72:])),
		Indexes: make([]checkpointIndex, indexes),
		Damage:  make([]checkpointDamage, damages),
	}
	at, err := c.decodeSegments(body[checkpointHeader:], segments)
	if err != nil {
		return nil, err
	}
	for i := range c.Indexes {
		c.Indexes[i] = checkpointIndex{
			ID:           le.Uint64(at),
			Bytes:        int64(le.Uint64(at[8:])),
			Level:        le.Uint32(at[16:]),
			DirectoryCRC: le.Uint32(at[20:]),
		}
		at = at[checkpointIdxSize:]
	}
	for i := range c.Damage {
		c.Damage[i] = checkpointDamage{
			PositionRange: PositionRange{Position(le.Uint64(at)), Position(le.Uint64(at[8:]))},
			MaxPartition:  model.PartitionID(le.Uint32(at[16:])),
		}
		at = at[checkpointDmgSize:]
	}
	return c, c.check()
}

// decodeSegments reads the segments, those of the main log first, and returns
// what stands behind them. b holds so many, at least.
func (c *checkpoint) decodeSegments(b []byte, n uint64) ([]byte, error) {
	le := binary.LittleEndian
	for range n {
		s := checkpointSegment{
			First:      Position(le.Uint64(b)),
			Generation: le.Uint64(b[8:]),
			LiveBytes:  int64(le.Uint64(b[16:])),
			Salt:       le.Uint32(b[24:]),
			Log:        logID(b[28]),
			HeldBytes:  int64(le.Uint64(b[32:])),
		}
		switch log := le.Uint32(b[28:]); {
		case log > uint32(sideMax) || log == uint32(mainLog) && len(c.Cold) > 0:
			return nil, fmt.Errorf("%w: a segment of log %d", errCheckpoint, log)
		case log == uint32(mainLog):
			c.Segments = append(c.Segments, s)
		default:
			c.Cold = append(c.Cold, s)
		}
		b = b[checkpointSegSize:]
	}
	return b, nil
}

// check refuses what can not be together. With a good CRC that is a bug.
func (c *checkpoint) check() error {
	if c.Position > c.Synced {
		return fmt.Errorf("%w: at %d, synced only to %d", errCheckpoint, c.Position, c.Synced)
	}
	if kind, size := c.Previous.Identity.Kind, c.Previous.Size; kind != 0 && !kind.inMain() || (kind == 0) != (size == 0) || Position(size) > c.Position {
		return fmt.Errorf("%w: behind an entry of kind %d, %d bytes", errCheckpoint, kind, size)
	}
	for _, list := range [][]checkpointSegment{c.Segments, c.Cold} {
		for i := 1; i < len(list); i++ {
			if list[i].First < list[i-1].First {
				return fmt.Errorf("%w: segment %d after %d", errCheckpoint, list[i].First, list[i-1].First)
			}
		}
	}
	return nil
}
