package log

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// scanWindow is how much a scan reads at once.
const scanWindow = 4 << 20

// errUnread is why bytes are bad that the disk did not give.
var errUnread = errors.New("the disk can not read it")

// scanKind says what a scan met.
type scanKind uint8

const (
	scanEntry   scanKind = iota + 1 // a good entry
	scanDamaged                     // its header is good, its payload is not
	scanGap                         // nothing that could be read, up to the next good header
)

// scanItem is one thing that a scan met: [At, End).
type scanItem struct {
	Kind    scanKind
	At, End Position // a gap up to the end of the log has End == positionMax
	Header  entryHeader
	// Batches and Payload (of entries without batches) are valid until the next
	// call of next; keep copies them.
	Batches  []batch.Header
	Controls []controlBatch // one for each control batch of Batches
	Payload  []byte
	Why      error
	// Unread says that the disk did not give all of it: what stands there is not
	// known, and nothing of it is what a crash left.
	Unread bool
}

// keep makes the item independent of the scanner's memory.
func (it *scanItem) keep() {
	it.Batches = append([]batch.Header(nil), it.Batches...)
	// Controls are the item's own.
	it.Payload = append([]byte(nil), it.Payload...)
}

// scanner walks over the entries of a chain of segments. At bytes that are not
// an entry it goes on at the next good header on the 8-byte grid.
type scanner struct {
	chain chain
	at    Position
	seg   int // of at
	// synced is the highest syncedPos in any good header so far.
	synced Position
	// written is behind the highest byte met that is not zero, can not be read, or
	// belongs to an entry of which the header is good.
	written Position
	read    int64 // bytes read from the disk

	data     []fileRange // of the present segment
	window   []byte
	windowAt Position
	batches  []batch.Header
	done     bool

	unread []PositionRange // what the disk did not give, from at on
}

func newScanner(c chain, from Position) *scanner {
	s := &scanner{chain: c, at: from, seg: max(c.index(from), 0)}
	if len(c) > 0 {
		s.survey()
	}
	return s
}

// segmentEnd is where the scan of the present segment ends.
func (s *scanner) segmentEnd() Position {
	end := s.chain[s.seg].limit()
	if s.seg+1 < len(s.chain) {
		end = min(end, s.chain[s.seg+1].First)
	}
	return end
}

// enter moves to the segment in which at lies; false at the end of the chain.
func (s *scanner) enter() bool {
	for s.at >= s.segmentEnd() {
		if s.seg+1 == len(s.chain) {
			return false
		}
		s.seg++
		s.at = max(s.at, s.chain[s.seg].First)
		s.window = s.window[:0]
		s.survey()
	}
	return true
}

// next returns what comes next; io.EOF at the end of the chain.
func (s *scanner) next() (scanItem, error) {
	if s.done || len(s.chain) == 0 || !s.enter() {
		return scanItem{}, io.EOF
	}
	s.unread = slices.DeleteFunc(s.unread, func(r PositionRange) bool { return r.To <= s.at })
	item, why := s.tryAt(s.at)
	if why == nil || item.Kind == scanDamaged {
		s.at = item.End
		return s.judged(item), nil
	}
	if errors.Is(why, errEntryVersion) {
		if err := otherVersion(s.bytes(s.at, entryHeaderSize), s.at, s.chain[s.seg].Salt); err != nil {
			return scanItem{}, err
		}
	}
	if s.reclaimedBehind() {
		s.at = s.segmentEnd()
		return s.next()
	}
	gap := scanItem{Kind: scanGap, At: s.at, Why: why}
	if !s.search() {
		s.done = true
		gap.End = positionMax
		return s.judged(gap), nil
	}
	gap.End = s.at
	return s.judged(gap), nil
}

// judged says of bad bytes whether they are what the disk gave.
func (s *scanner) judged(it scanItem) scanItem {
	i := slices.IndexFunc(s.unread, func(r PositionRange) bool { return r.From < it.End && it.At < r.To })
	if it.Kind != scanEntry && i >= 0 {
		it.Unread, it.Why = true, fmt.Errorf("%w from %d on", errUnread, s.unread[i].From)
	}
	return it
}

// reclaimedBehind reports whether the segment ends at s.at, because nothing
// was ever written there and its successor was reclaimed.
func (s *scanner) reclaimedBehind() bool {
	if s.seg+1 == len(s.chain) || s.chain[s.seg+1].PreviousSalt == s.chain[s.seg].Salt {
		return false
	}
	n := min(entryHeaderSize, s.segmentEnd()-s.at)
	return bytes.Count(s.bytes(s.at, int(n)), []byte{0}) == int(n)
}

// tryAt reads the entry at p in the present segment. A good header whose
// payload is bad gives an item of kind scanDamaged and the reason.
func (s *scanner) tryAt(p Position) (scanItem, error) {
	h, err := s.headerAt(p)
	if err != nil {
		return scanItem{}, err
	}
	s.synced = max(s.synced, h.Synced)
	s.written = max(s.written, h.end())
	item := scanItem{Kind: scanEntry, At: p, End: h.end(), Header: h}
	b := s.bytes(p, int(h.Size))
	s.batches, err = h.checkBody(b, s.batches[:0])
	if err != nil {
		item.Kind, item.Why = scanDamaged, err
		return item, err
	}
	item.Batches = s.batches
	if payload := b[entryHeaderSize : entryHeaderSize+int(h.Payload)]; h.Kind == KindBatches {
		item.Controls = controlsOf(payload, item.Batches)
	} else {
		item.Payload = payload
	}
	return item, nil
}

// headerAt decodes the header at p and checks that it belongs there.
func (s *scanner) headerAt(p Position) (entryHeader, error) {
	room := s.segmentEnd() - p
	if room < entryHeaderSize {
		return entryHeader{}, errEntryShort
	}
	h, err := decodeEntryHeader(s.bytes(p, entryHeaderSize))
	if err != nil {
		return entryHeader{}, err
	}
	if err := h.checkPlace(p, s.chain[s.seg].Salt); err != nil {
		return entryHeader{}, err
	}
	if Position(h.Size) > room {
		return entryHeader{}, errEntryShort
	}
	if s.chain[s.seg].Log == mainLog && !h.Kind.inMain() {
		return entryHeader{}, fmt.Errorf("%w: a %v entry in the main log", errEntryPlace, h.Kind)
	}
	return h, nil
}

// payload is the payload of the item that next returned last; valid until the
// next call of next.
func (s *scanner) payload(it *scanItem) []byte {
	return s.bytes(it.At, int(it.Header.Size))[entryHeaderSize : entryHeaderSize+int(it.Header.Payload)]
}

// search moves to the next good header behind at; false if there is none.
func (s *scanner) search() bool {
	s.meet(s.at, int(min(entryAlign, s.segmentEnd()-s.at)))
	s.at += entryAlign
	for s.enter() {
		end := s.segmentEnd()
		for s.skipHole() && s.at+entryHeaderSize <= end {
			n := min(int(end-s.at), scanWindow)
			b := s.bytes(s.at, n)
			i := 0
			for ; i+entryHeaderSize <= n; i += entryAlign {
				if binary.LittleEndian.Uint32(b[i:]) != entryMagic {
					continue
				}
				if _, err := s.headerAt(s.at + Position(i)); err == nil {
					s.meet(s.at, i)
					s.at += Position(i)
					return true
				}
				b = s.bytes(s.at, n) // headerAt may have moved the window
			}
			s.meet(s.at, n)
			s.at += Position(i)
		}
		s.at = end
	}
	return false
}

// meet takes note of n bytes at p that are no entry.
func (s *scanner) meet(p Position, n int) {
	b := s.bytes(p, n)
	for n > 0 && b[n-1] == 0 {
		n--
	}
	if n > 0 {
		s.written = max(s.written, p+Position(n))
	}
}

// fileRange is [from, to) of a file.
type fileRange struct{ from, to int64 }

// dataRangesMax bounds how much of a map of a file's holes is kept. The log is
// written from front to end, so a segment has one or two.
const dataRangesMax = 256

// survey asks where the present segment holds data from at on. It comes before
// the first read: what is read, also ahead of need, counts as data afterwards.
// Where the disk can not tell, all is data.
func (s *scanner) survey() {
	seg := s.chain[s.seg]
	s.data = s.data[:0]
	for off := seg.offset(s.at); ; off = s.data[len(s.data)-1].to {
		from, to, err := seg.file.NextData(off)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil || to <= off || len(s.data) == dataRangesMax {
			s.data = append(s.data, fileRange{off, math.MaxInt64})
			return
		}
		s.data = append(s.data, fileRange{from, to})
	}
}

// skipHole moves over what was never written: the preallocated rest of a
// segment is most of what a start after a crash would have to read. It reports
// whether there is anything left in the segment.
func (s *scanner) skipHole() bool {
	off := s.chain[s.seg].offset(s.at)
	for _, r := range s.data {
		if r.to <= off {
			continue
		}
		if r.from > off {
			// Down to the grid: an entry begins with bytes that are not zero.
			s.at += Position(r.from-off) &^ (entryAlign - 1)
		}
		return true
	}
	return false
}

// bytes returns n bytes at p of the present segment. What the disk does not
// give is zero, and so no entry; miss remembers it.
func (s *scanner) bytes(p Position, n int) []byte {
	if p >= s.windowAt && p+Position(n) <= s.windowAt+Position(len(s.window)) {
		from := int(p - s.windowAt)
		return s.window[from : from+n : from+n]
	}
	want := max(n, int(min(scanWindow, s.segmentEnd()-p)))
	if cap(s.window) < want {
		s.window = make([]byte, want)
	}
	s.window = s.window[:want]
	s.windowAt = p
	s.fill(s.window, p)
	return s.window[:n:n]
}

func (s *scanner) fill(b []byte, p Position) {
	seg := s.chain[s.seg]
	n := readWhatCan(seg.file, b, seg.offset(p), func(from, to int) {
		s.miss(PositionRange{p + Position(from), p + Position(to)})
	})
	s.read += int64(n)
}

// readWhatCan reads what the disk gives; the rest of b is zero. It returns how
// many bytes were read at once, and tells which parts of b are on bad sectors.
func readWhatCan(f vfs.File, b []byte, off int64, lost func(from, to int)) int {
	n, err := f.ReadAt(b, off)
	if err == nil {
		return n
	}
	clear(b[n:])
	if errors.Is(err, io.EOF) {
		return n
	}
	// A bad sector: go on block by block, so that what is readable behind it is seen.
	const block = 4096
	for at := n; at < len(b); at += block {
		part := b[at:min(at+block, len(b))]
		if k, err := f.ReadAt(part, off+int64(at)); err != nil {
			clear(part[k:])
			if !errors.Is(err, io.EOF) {
				lost(at+k, at+len(part))
			}
		}
	}
	return n
}

// miss takes note of what the disk did not give.
func (s *scanner) miss(r PositionRange) {
	s.written = max(s.written, r.To)
	if n := len(s.unread); n > 0 && s.unread[n-1].From <= r.From && r.From <= s.unread[n-1].To {
		s.unread[n-1].To = max(s.unread[n-1].To, r.To)
		return
	}
	s.unread = append(s.unread, r)
}
