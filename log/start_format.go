package log

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// The start mark says how the last life of the directory ended. Little endian:
//
//	0       8         12      16               20    28    32
//	+-------+---------+-------+----------------+-----+-----+
//	| magic | version | clean | unclean starts | end | CRC |
//	+-------+---------+-------+----------------+-----+-----+
//
// clean is 1 only between a clean shutdown and the next start; end is then the
// Position where the log ended, so that the start need not look. A salvage that
// takes clean away leaves end, which still tells what is durable; a start writes
// it as zero. The counter is
// not part of a checkpoint because a start has to raise it durably before the
// first checkpoint of its life: leader epochs build on it. Every segment repeats
// it in its header, so that it outlives this file.
const (
	startMarkMagic   = "MSTMMARK"
	startMarkVersion = 2
	startMarkSize    = 32
	startMarkName    = "start"
)

// startMark is the decoded mark.
type startMark struct {
	Clean         bool
	UncleanStarts uint32
	End           Position
}

var (
	errStartMark        = errors.New("start mark is damaged")
	errStartMarkVersion = errors.New("start mark of an unknown version")
)

func (m startMark) encode() []byte {
	le := binary.LittleEndian
	clean := uint32(0)
	if m.Clean {
		clean = 1
	}
	b := append(make([]byte, 0, startMarkSize), startMarkMagic...)
	b = le.AppendUint32(b, startMarkVersion)
	b = le.AppendUint32(b, clean)
	b = le.AppendUint32(b, m.UncleanStarts)
	b = le.AppendUint64(b, uint64(m.End))
	return le.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// decodeStartMark takes what ends in its own CRC for a mark, whatever its
// length: else one of another version would look damaged, and be replaced.
func decodeStartMark(b []byte) (startMark, error) {
	le := binary.LittleEndian
	if len(b) < 16 || string(b[:8]) != startMarkMagic || crc32.Checksum(b[:len(b)-4], castagnoli) != le.Uint32(b[len(b)-4:]) {
		return startMark{}, fmt.Errorf("%w: %d bytes", errStartMark, len(b))
	}
	if v := le.Uint32(b[8:]); v != startMarkVersion {
		return startMark{}, fmt.Errorf("%w: %d, this program knows %d; %s", errStartMarkVersion, v, startMarkVersion, whoWrote(v, startMarkVersion))
	}
	if len(b) != startMarkSize || le.Uint32(b[12:]) > 1 {
		return startMark{}, fmt.Errorf("%w: %d bytes, clean %d", errStartMark, len(b), le.Uint32(b[12:]))
	}
	return startMark{Clean: le.Uint32(b[12:]) == 1, UncleanStarts: le.Uint32(b[16:]), End: Position(le.Uint64(b[20:]))}, nil
}
