package index

import (
	"bytes"
	"hash/crc32"
	"slices"
	"testing"
)

func TestPieces(t *testing.T) {
	t.Parallel()
	var p pieces
	var want []byte
	for n := range 1500 {
		b := bytes.Repeat([]byte{byte(n)}, n)
		p.add(b)
		want = append(want, b...)
	}
	if got := slices.Concat(p.list...); !bytes.Equal(got, want) || p.size != len(want) {
		t.Errorf("%d bytes, said to be %d, are not the %d that were added", len(got), p.size, len(want))
	}
	if got := p.checksum(0); got != crc32.Checksum(want, castagnoli) {
		t.Errorf("checksum %x", got)
	}
	room := 0
	for _, piece := range p.list {
		room += cap(piece)
		if cap(piece) < pieceBytesMin || cap(piece) > pieceBytesMax {
			t.Errorf("a piece of %d bytes", cap(piece))
		}
	}
	if room > p.size+pieceBytesMax {
		t.Errorf("room for %d bytes for %d", room, p.size)
	}
}
