package cluster

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// A metadata file is a header and frames. All numbers are little-endian, and
// everything starts at a multiple of 8, so that a search for good frames behind
// damage can go by that grid.
//
//	file header, 40 bytes
//	 0  8  magic "MSTMMETA"
//	 8  2  format version
//	10  1  'J' journal or 'S' snapshot
//	11  5  zero
//	16  8  generation: the <n> of the file's name, so that a renamed file is noticed
//	24  8  salt, random per file: a frame of another file is never taken for one of this
//	32  4  CRC-32C of bytes 0..31
//	36  4  zero
//
//	frame header, 40 bytes: one frame is what one commit wrote and synced
//	 0  4  magic "FRAM"
//	 4  4  length of the body
//	 8  8  the frame's own position in the file
//	16  8  the file's salt
//	24  8  number of the frame in the file, from 1: a missing frame is noticed
//	32  4  CRC-32C of the body
//	36  4  CRC-32C of bytes 0..35
//	then the body (records, see recordKind), then zeros up to a multiple of 8
//
// The header has its own CRC so that a damaged length is known as such.
const (
	formatVersion   = 1
	fileMagic       = "MSTMMETA"
	frameMagic      = "FRAM"
	fileHeaderSize  = 40
	frameHeaderSize = 40
	frameAlign      = 8
)

type fileKind byte

const (
	journalFile  fileKind = 'J'
	snapshotFile fileKind = 'S'
)

// fileHeader is the decoded head of a metadata file.
type fileHeader struct {
	kind       fileKind
	generation uint64
	salt       uint64
}

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

func (h fileHeader) encode() []byte {
	b := make([]byte, fileHeaderSize)
	copy(b, fileMagic)
	binary.LittleEndian.PutUint16(b[8:], formatVersion)
	b[10] = byte(h.kind)
	binary.LittleEndian.PutUint64(b[16:], h.generation)
	binary.LittleEndian.PutUint64(b[24:], h.salt)
	binary.LittleEndian.PutUint32(b[32:], crc32.Checksum(b[:32], castagnoli()))
	return b
}

var (
	// ErrCorrupt is what damage wraps that is not just a torn tail. Nothing is
	// deleted or cut then; the broker does not start.
	ErrCorrupt = errors.New("the metadata is damaged")
	errNoFrame = errors.New("no whole frame here")
)

// decodeFileHeader reads a header. The version is looked at before the CRC, as
// a newer format may keep its CRC elsewhere.
func decodeFileHeader(b []byte, want fileKind, generation uint64) (fileHeader, error) {
	if len(b) < fileHeaderSize || string(b[:8]) != fileMagic {
		return fileHeader{}, fmt.Errorf("%w: no metadata file header", ErrCorrupt)
	}
	if v := binary.LittleEndian.Uint16(b[8:]); v > formatVersion {
		return fileHeader{}, fmt.Errorf("format version %d, this build reads up to %d: %w", v, formatVersion, ErrNewerFormat)
	}
	h := fileHeader{
		kind:       fileKind(b[10]),
		generation: binary.LittleEndian.Uint64(b[16:]),
		salt:       binary.LittleEndian.Uint64(b[24:]),
	}
	switch {
	case binary.LittleEndian.Uint32(b[32:]) != crc32.Checksum(b[:32], castagnoli()):
		return fileHeader{}, fmt.Errorf("%w: bad checksum of the file header", ErrCorrupt)
	case h.kind != want:
		return fileHeader{}, fmt.Errorf("%w: file of kind %q where %q was expected", ErrCorrupt, h.kind, want)
	case h.generation != generation:
		return fileHeader{}, fmt.Errorf("%w: the header says generation %d; was the file renamed?", ErrCorrupt, h.generation)
	}
	return h, nil
}

// sealFrame fills the header of a frame whose body was appended to b behind
// frameHeaderSize bytes of room, and pads it.
func sealFrame(b []byte, salt, number uint64, position int64) []byte {
	body := b[frameHeaderSize:]
	copy(b, frameMagic)
	binary.LittleEndian.PutUint32(b[4:], uint32(len(body)))
	binary.LittleEndian.PutUint64(b[8:], uint64(position))
	binary.LittleEndian.PutUint64(b[16:], salt)
	binary.LittleEndian.PutUint64(b[24:], number)
	binary.LittleEndian.PutUint32(b[32:], crc32.Checksum(body, castagnoli()))
	binary.LittleEndian.PutUint32(b[36:], crc32.Checksum(b[:36], castagnoli()))
	for len(b)%frameAlign != 0 {
		b = append(b, 0)
	}
	return b
}

// frame is one decoded frame.
type frame struct {
	number uint64
	body   []byte
	end    int // where the next one starts
}

// frameAt reads the frame at off of a whole file's bytes.
func frameAt(file []byte, off int, salt uint64) (frame, error) {
	b := file[off:]
	if len(b) < frameHeaderSize || string(b[:4]) != frameMagic ||
		binary.LittleEndian.Uint64(b[8:]) != uint64(off) || binary.LittleEndian.Uint64(b[16:]) != salt ||
		binary.LittleEndian.Uint32(b[36:]) != crc32.Checksum(b[:36], castagnoli()) {
		return frame{}, errNoFrame
	}
	n := int(binary.LittleEndian.Uint32(b[4:]))
	padded := (n + frameAlign - 1) / frameAlign * frameAlign
	if padded > len(b)-frameHeaderSize {
		return frame{}, errNoFrame
	}
	body := b[frameHeaderSize : frameHeaderSize+n]
	if binary.LittleEndian.Uint32(b[32:]) != crc32.Checksum(body, castagnoli()) {
		return frame{}, errNoFrame
	}
	return frame{
		number: binary.LittleEndian.Uint64(b[24:]), body: body, end: off + frameHeaderSize + padded,
	}, nil
}

// scanFrames calls f for each frame of a file's bytes in order and returns the
// position where good frames end: len(file), or the start of a torn tail. A
// good frame behind a bad one, or a gap in the numbers, is corruption.
func scanFrames(file []byte, salt uint64, f func(frame) error) (end int, err error) {
	end = fileHeaderSize
	for number := uint64(1); end < len(file); number++ {
		fr, err := frameAt(file, end, salt)
		if err != nil {
			return end, checkTail(file, end, salt)
		}
		if fr.number != number {
			return end, fmt.Errorf("%w: frame %d at byte %d where number %d was expected", ErrCorrupt, fr.number, end, number)
		}
		if err := f(fr); err != nil {
			return end, fmt.Errorf("frame %d at byte %d: %w", number, end, err)
		}
		end = fr.end
	}
	return end, nil
}

// checkTail says whether the bytes from end on are a torn tail: commits are
// written and synced one at a time, so only the very last can be torn, and no
// whole frame can stand behind it.
func checkTail(file []byte, end int, salt uint64) error {
	for off := end + frameAlign; off+frameHeaderSize <= len(file); off += frameAlign {
		if fr, err := frameAt(file, off, salt); err == nil {
			return fmt.Errorf("%w: the frame at byte %d is bad, yet frame %d at byte %d is whole, so this is not "+
				"a torn tail", ErrCorrupt, end, fr.number, off)
		}
	}
	return nil
}
