package index

import "hash/crc32"

// The first piece has room for the partitions of a small broker, the last for
// a part of those of a large one.
const (
	pieceBytesMin = 4 << 10
	pieceBytesMax = 256 << 10
)

// pieces is bytes that are gathered until all before them is written. A slice
// would do, but one that grows is copied again and again: with a hundred
// thousand partitions most of what a checkpoint left to the collector was that.
type pieces struct {
	list [][]byte
	size int // of all together
}

func (p *pieces) add(b []byte) {
	for len(b) > 0 {
		last := len(p.list) - 1
		if last < 0 || len(p.list[last]) == cap(p.list[last]) {
			p.list = append(p.list, make([]byte, 0, min(max(p.size, pieceBytesMin), pieceBytesMax)))
			last++
		}
		piece := p.list[last]
		n := min(len(b), cap(piece)-len(piece))
		p.list[last] = append(piece, b[:n]...)
		p.size += n
		b = b[n:]
	}
}

// checksum goes on with the CRC32C of what stands before.
func (p *pieces) checksum(crc uint32) uint32 {
	for _, piece := range p.list {
		crc = crc32.Update(crc, castagnoli, piece)
	}
	return crc
}
