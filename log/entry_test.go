package log

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// drawHeader draws a header that check accepts.
func drawHeader(t *rapid.T) entryHeader {
	payload := rapid.Uint32Range(cleanedPrefixSize+batch.HeaderSize, 1<<20).Draw(t, "payload")
	kind := Kind(rapid.Uint8Range(uint8(KindBatches), uint8(KindCleanedTo)).Draw(t, "kind"))
	h := entryHeader{
		entryIdentity: entryIdentity{
			Partition:  model.PartitionID(rapid.Uint32().Draw(t, "partition")),
			Kind:       kind,
			BaseOffset: model.Offset(rapid.Int64Min(0).Draw(t, "base")),
			LastDelta:  rapid.Int32Min(0).Draw(t, "delta"),
		},
		Payload:    payload,
		Size:       uint32(entrySize(int(payload))),
		Position:   Position(rapid.Uint64Max(uint64(positionMax)).Draw(t, "position")),
		Salt:       rapid.Uint32().Draw(t, "salt"),
		AppendTime: rapid.Int64().Draw(t, "time"),
		Epoch:      model.LeaderEpoch(rapid.Int32().Draw(t, "epoch")),
		PrefixCRC:  rapid.Uint32().Draw(t, "crc"),
		Previous: entryIdentity{
			Partition:  model.PartitionID(rapid.Uint32().Draw(t, "previous partition")),
			Kind:       Kind(rapid.Uint8().Draw(t, "previous kind")),
			BaseOffset: model.Offset(rapid.Int64().Draw(t, "previous base")),
			LastDelta:  rapid.Int32().Draw(t, "previous delta"),
		},
		PreviousSize: rapid.Uint32Max(entrySizeMax/entryAlign).Draw(t, "previous size") * entryAlign,
	}
	if kind.holdsBatches() {
		h.Batches = rapid.Uint32Range(1, (payload-cleanedPrefixSize)/batch.HeaderSize).Draw(t, "batches")
	}
	h.Synced = Position(rapid.Uint64Max(uint64(h.Position)).Draw(t, "synced"))
	return h
}

func TestEntryHeaderRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := drawHeader(t)
		var b [entryHeaderSize]byte
		h.encode(b[:])
		got, err := decodeEntryHeader(b[:])
		if err != nil {
			t.Fatal(err)
		}
		if got != h {
			t.Fatalf("got %+v, want %+v", got, h)
		}
	})
}

// Every bit of a header is covered: whichever is flipped, it is no header.
func TestEntryHeaderFlips(t *testing.T) {
	h := entryHeader{
		entryIdentity: entryIdentity{Partition: 7, Kind: KindBatches, BaseOffset: 40, LastDelta: 9},
		Size:          uint32(entrySize(100)), Payload: 100, Batches: 1, Position: 4096, Synced: 1000,
	}
	var b [entryHeaderSize]byte
	h.encode(b[:])
	for i := range len(b) * 8 {
		b[i/8] ^= 1 << (i % 8)
		if _, err := decodeEntryHeader(b[:]); err == nil {
			t.Errorf("bit %d of byte %d is not covered", i%8, i/8)
		}
		b[i/8] ^= 1 << (i % 8)
	}
}

func TestEntryHeaderRefusals(t *testing.T) {
	good := entryHeader{
		entryIdentity: entryIdentity{Partition: 7, Kind: KindBatches},
		Size:          uint32(entrySize(100)), Payload: 100, Batches: 1, Position: 4096,
	}
	tests := []struct {
		name   string
		change func(*entryHeader)
	}{
		{"size not that of the payload", func(h *entryHeader) { h.Size += 8 }},
		{"payload larger than the entry", func(h *entryHeader) { h.Payload = 1 << 31 }},
		{"larger than any entry", func(h *entryHeader) { h.Payload = entrySizeMax; h.Size = uint32(entrySize(entrySizeMax)) }},
		{"kind 0", func(h *entryHeader) { h.Kind = 0 }},
		{"unknown kind", func(h *entryHeader) { h.Kind = KindCleanedTo + 1 }},
		{"no batches", func(h *entryHeader) { h.Batches = 0 }},
		{"batches in a sync mark", func(h *entryHeader) { h.Kind = KindSyncMark }},
		{"more batches than fit", func(h *entryHeader) { h.Batches = 2 }},
		{"negative base offset", func(h *entryHeader) { h.BaseOffset = -1 }},
		{"negative delta", func(h *entryHeader) { h.LastDelta = -1 }},
		{"synced behind itself", func(h *entryHeader) { h.Synced = 4097 }},
		{"flags", func(h *entryHeader) { h.Flags = 1 }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := good
			tt.change(&h)
			var b [entryHeaderSize]byte
			h.encode(b[:])
			if _, err := decodeEntryHeader(b[:]); !errors.Is(err, errEntryFields) {
				t.Errorf("got %v, want %v", err, errEntryFields)
			}
		})
	}
}

// makeEntry is a whole entry of two batches.
func makeEntry(tb testing.TB, at Position, salt uint32) []byte {
	tb.Helper()
	b1, h1 := makeBatch(tb, 10, 3, 50)
	b2, h2 := makeBatch(tb, 13, 2, 60)
	a := &Append{Kind: KindBatches, BaseOffset: 10, Payload: append(b1, b2...), Headers: []batch.Header{h1, h2}}
	h := entryHeader{entryIdentity: entryIdentity{Partition: 3, Kind: KindBatches, BaseOffset: 10}, Position: at, Salt: salt}
	h.extend(a)
	b := make([]byte, h.Size)
	h.encode(b)
	copy(b[entryHeaderSize:], a.Payload)
	return b
}

// makeRelocated is what the cold log makes of the second batch of makeEntry.
func makeRelocated(tb testing.TB, from Position) []byte {
	tb.Helper()
	b, h := makeBatch(tb, 13, 2, 60)
	seg := &segment{segmentHeader: segmentHeader{Log: 1, First: 640, Salt: 5}}
	seg.size.Store(1 << 20)
	w := newColdWriter(seg, false)
	old := entryHeader{entryIdentity: entryIdentity{Partition: 3, Kind: KindBatches, BaseOffset: 10, LastDelta: 4}, Epoch: 7, AppendTime: 99}
	prefix := binary.LittleEndian.AppendUint64(nil, uint64(from))
	if at, err := w.append(relocated(&old, []batch.Header{h}), prefix, []batch.Header{h}, b); err != nil || at != 640 {
		tb.Fatal(at, err)
	}
	return w.buffer
}

// makeCleaned is an entry of a run, of two batches with a gap between them.
func makeCleaned(tb testing.TB) []byte {
	tb.Helper()
	seg := &segment{segmentHeader: segmentHeader{Log: sideLog(3), First: 640, Salt: 5}}
	seg.size.Store(1 << 20)
	w := newColdWriter(seg, false)
	var batches []batch.Header
	var payload []byte
	for _, base := range []model.Offset{13, 20} {
		b, h := makeBatch(tb, base, 2, 60)
		batches, payload = append(batches, h), append(payload, b...)
	}
	prefix := cleanedPrefix{run: 640, to: 30, last: true}
	id := entryIdentity{Partition: 3, Kind: KindCleaned, BaseOffset: 13, LastDelta: 8}
	if at, err := w.append(&entryHeader{entryIdentity: id, AppendTime: 99, Epoch: 7}, prefix.encode(), batches, payload); err != nil || at != 640 {
		tb.Fatal(at, err)
	}
	return w.buffer
}

// A relocated entry says what the old one said, but for what did not move.
func TestRelocatedEntry(t *testing.T) {
	b := makeRelocated(t, 1<<40)
	h, err := decodeEntryHeader(b)
	if err != nil {
		t.Fatal(err)
	}
	heads, err := h.checkBody(b, nil)
	if err != nil || len(heads) != 1 || heads[0].BaseOffset != 13 {
		t.Fatalf("%+v, %v", heads, err)
	}
	want := entryIdentity{Partition: 3, Kind: KindRelocated, BaseOffset: 13, LastDelta: 1}
	if h.entryIdentity != want || h.Epoch != 7 || h.AppendTime != 99 || origin(b[entryHeaderSize:]) != 1<<40 {
		t.Errorf("%+v, from %d", h, origin(b[entryHeaderSize:]))
	}
	if int(h.Size) != len(b) || len(b) != entrySize(originSize+heads[0].Size) {
		t.Errorf("%d bytes, the header says %d", len(b), h.Size)
	}
}

// Every byte on the disk is covered by a CRC or must be zero.
func TestEntryBodyFlips(t *testing.T) {
	for _, b := range [][]byte{makeEntry(t, 0, 5), makeRelocated(t, 77), makeCleaned(t)} {
		checkFlips(t, b)
	}
}

func checkFlips(t *testing.T, b []byte) {
	t.Helper()
	check := func() error {
		h, err := decodeEntryHeader(b)
		if err != nil {
			return err
		}
		_, err = h.checkBody(b, nil)
		return err
	}
	if err := check(); err != nil {
		t.Fatal(err)
	}
	for i := range b {
		b[i] ^= 0x10
		if check() == nil {
			t.Errorf("byte %d of %d is not covered", i, len(b))
		}
		b[i] ^= 0x10
	}
}

func FuzzEntry(f *testing.F) {
	f.Add(makeEntry(f, 0, 5))
	f.Add(makeRelocated(f, 77))
	f.Add(makeCleaned(f))
	f.Add(make([]byte, entryHeaderSize))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := decodeEntryHeader(b)
		if err != nil {
			return
		}
		again := make([]byte, entryHeaderSize)
		h.encode(again)
		if !bytes.Equal(again, b[:entryHeaderSize]) {
			t.Fatal("a header that was accepted does not encode to itself")
		}
		if int(h.Size) > len(b) {
			return
		}
		heads, err := h.checkBody(b, nil)
		if err == nil && len(heads) != int(h.Batches) {
			t.Fatalf("%d batches, the header says %d", len(heads), h.Batches)
		}
		if cap(heads)*batch.HeaderSize > 4*len(b)+4096 {
			t.Fatalf("%d headers allocated for %d bytes", cap(heads), len(b))
		}
	})
}

func FuzzSegmentHeader(f *testing.F) {
	h := segmentHeader{First: 4096, Salt: 9, Generation: 2, PreviousSalt: 8, PreviousEnd: 4096, UncleanStarts: 7}
	f.Add(h.encode())
	cold := segmentHeader{Log: 7, First: 4096, Salt: 9, Generation: 1, IsFirst: true, PreviousEnd: 4096}
	f.Add(cold.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := decodeSegmentHeader(b)
		if err != nil {
			return
		}
		if again := h.encode(); !bytes.Equal(again[:segmentHeaderUsed], b[:segmentHeaderUsed]) {
			t.Fatal("a header that was accepted does not encode to itself")
		}
	})
}

func TestSegmentName(t *testing.T) {
	for _, p := range []Position{0, 1, 1 << 40, positionMax} {
		if got, ok := parseSegmentName(segmentName(p)); !ok || got != p {
			t.Errorf("%d: got %d, %v", p, got, ok)
		}
	}
	for _, name := range []string{"", "1.segment", "0000000000000000000x.segment", segmentName(3) + ".temp", "quarantine-1-" + segmentName(3)} {
		if _, ok := parseSegmentName(name); ok {
			t.Errorf("%q is taken for a segment", name)
		}
	}
}

// The names of cold and main segments can not be taken for one another.
func TestColdSegmentName(t *testing.T) {
	for _, h := range []segmentHeader{{Log: 1}, {Log: coldMax, First: positionMax}, {Log: 40, First: 4096}, {Log: sideFirst}, {Log: sideMax, First: 77}} {
		name := h.name()
		if got, ok := parseColdName(name); !ok || got != h {
			t.Errorf("%s: got %+v, %v", name, got, ok)
		}
		if _, ok := parseSegmentName(name); ok {
			t.Errorf("%s is taken for a segment of the main log", name)
		}
	}
	main := segmentName(4096)
	for _, name := range []string{main, "cold-" + main, "cold-000-" + main, "cold-1-" + main, "cold-128-" + main, "cold-300-" + main, "cold-001-x", "cold-001-" + main + tempSuffix} {
		if h, ok := parseColdName(name); ok {
			t.Errorf("%q is taken for %+v", name, h)
		}
	}
}
