package log

import "math"

// plan lays out as many entries as fit into seg, and returns the first one
// that does not and the number of bytes to write.
func (w *writer) plan(seg *segment, from int, now int64, synced Position) (to, size int) {
	g, s := &w.group, &w.scratch
	if need := (len(g.entries) - from + 1) * entryHeaderSize; cap(s.headers) < need {
		s.headers = make([]byte, need)
	}
	clear(s.bufs)
	s.headers, s.bufs = s.headers[:0], s.bufs[:0]
	at, previous, prevSize := w.written, w.previous, w.prevSize
	for to = from; to < len(g.entries); to++ {
		e := &g.entries[to]
		if at+Position(e.header.Size) > seg.limit() {
			break
		}
		h := &e.header
		h.Position, h.Salt, h.Synced, h.AppendTime = at, seg.Salt, synced, now
		h.Previous, h.PreviousSize = previous, prevSize
		w.layHeader(h)
		for i := e.first; i >= 0; i = g.next[i] {
			if p := g.appends[i].Payload; len(p) > 0 {
				s.bufs = append(s.bufs, p)
			}
		}
		if pad := int(h.Size) - entryHeaderSize - int(h.Payload); pad > 0 {
			s.bufs = append(s.bufs, s.zeros[:pad])
		}
		at, previous, prevSize = h.end(), h.entryIdentity, h.Size
	}
	if w.padding && to == len(g.entries) {
		at = w.layPad(seg, at, previous, prevSize, now, synced)
	}
	return to, int(at - w.written)
}

func (w *writer) layHeader(h *entryHeader) {
	s := &w.scratch
	n := len(s.headers)
	s.headers = s.headers[:n+entryHeaderSize]
	b := s.headers[n : n+entryHeaderSize : n+entryHeaderSize]
	h.encode(b)
	s.bufs = append(s.bufs, b)
}

// layPad ends a group at a block boundary, so that the next one shares no
// sector with it. It returns where the pad ends; where it does not fit, the
// segment ends here.
func (w *writer) layPad(seg *segment, at Position, previous entryIdentity, prevSize uint32, now int64, synced Position) Position {
	if seg.offset(at)%padBlock == 0 {
		return at
	}
	room := padRoom(seg.offset(at))
	if at+Position(room) > seg.limit() {
		w.newSegment = true
		return at
	}
	payload := w.scratch.zeros[:room-entryHeaderSize]
	h := entryHeader{
		entryIdentity: entryIdentity{Kind: KindPad},
		Size:          uint32(room),
		Position:      at, Salt: seg.Salt, Synced: synced, AppendTime: now, Epoch: -1,
		Payload: uint32(len(payload)), PrefixCRC: payloadCRC(payload),
		Previous: previous, PreviousSize: prevSize,
	}
	w.layHeader(&h)
	w.scratch.bufs = append(w.scratch.bufs, payload)
	return h.end()
}

// padRoom is the size of an entry at an offset that fills its block, and the
// next one if it has no room for a header.
func padRoom(off int64) int {
	room := padBlock - int(off%padBlock)
	if room < entryHeaderSize {
		room += padBlock
	}
	return room
}

// entriesSize is the size of the entries [from, to).
func (w *writer) entriesSize(from, to int) int {
	n := 0
	for i := from; i < to; i++ {
		n += int(w.group.entries[i].header.Size)
	}
	return n
}

// whole returns the first of the entries [from, to) that n written bytes do not
// cover. An entry that lacks only zeros at its end is there, and a start would
// find it: what was never written of a segment is zeros already, for as long as
// its file goes on behind, which one that could not be allocated does not.
func (w *writer) whole(from, to, n, behind int) int {
	n += min(zerosBehind(w.scratch.bufs, n), behind)
	for ; from < to; from++ {
		if n -= int(w.group.entries[from].header.Size); n < 0 {
			return from
		}
	}
	return to
}

// behind is how far a file goes on behind the n bytes that were written at the
// end of the log.
func (w *writer) behind(seg *segment, n int) int {
	size, err := seg.file.Size()
	if err != nil {
		return math.MaxInt // nearly all are allocated as a whole
	}
	return int(max(size-seg.offset(w.written)-int64(n), 0))
}

// zerosBehind counts the zeros in a row that follow the first n bytes.
func zerosBehind(bufs [][]byte, n int) (zeros int) {
	for _, b := range bufs {
		if n >= len(b) {
			n -= len(b)
			continue
		}
		for _, x := range b[n:] {
			if x != 0 {
				return zeros
			}
			zeros++
		}
		n = 0
	}
	return zeros
}
