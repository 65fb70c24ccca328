package index

import (
	"bytes"
	"runtime"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
)

func FuzzDecodeEntry(f *testing.F) {
	for _, e := range entriesFrom(1<<40, 3) {
		var b [EntrySize]byte
		e.Encode(b[:], 7)
		f.Add(b[:], uint32(7))
		f.Add(b[:EntrySize-1], uint32(7))
	}
	f.Fuzz(func(t *testing.T, b []byte, partition uint32) {
		e, err := DecodeEntry(b, model.PartitionID(partition))
		if err != nil {
			return
		}
		var again [EntrySize]byte
		e.Encode(again[:], model.PartitionID(partition))
		if !bytes.Equal(again[:], b[:EntrySize]) {
			t.Errorf("decoded %+v, encoded as\n%x, not\n%x", e, again, b[:EntrySize])
		}
	})
}

// FuzzOpen mends the CRCs, or no input would get behind them.
func FuzzOpen(f *testing.F) {
	for _, sections := range [][]content{
		nil,
		{{partition: 1, state: "state", truncatedTo: -1, entries: entriesFrom(3, 2)}},
		{{partition: 1, truncatedTo: 3, patchedTo: 9, entries: entriesFrom(4, 2)}, {partition: 1, state: "t", truncatedTo: -1}},
		{{partition: 1, truncatedTo: 9, whole: true}, {partition: 2, state: "s", truncatedTo: -1, entries: entriesFrom(0, 1)}},
	} {
		fs := newDisk(f)
		x := write(f, fs, Meta{ID: 1, Salt: 3}, NewCache(0), sections)
		b := make([]byte, x.Bytes())
		if err := readFull(x.file, b, 0); err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		fs := newDisk(t)
		file, err := fs.Create("/index/x")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.WriteAt(mend(b), 0); err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_ = openAndRead(fs, "/index/x")
		runtime.ReadMemStats(&after)
		if got, most := after.TotalAlloc-before.TotalAlloc, uint64(8*len(b)+2*readBufferBytes); got > most {
			t.Errorf("%d bytes allocated for a file of %d", got, len(b))
		}
	})
}

func openAndRead(fs vfs.FS, path string) error {
	f, err := Open(fs, path, NewCache(0))
	if err != nil {
		return err
	}
	return f.Sections(true, func(s Section) error {
		_, err := (&Reader{Partition: s.Partition}).Entry(s.Block(f), 0)
		return err
	})
}

// mend makes the CRCs of a damaged file right, where there is room for them.
func mend(b []byte) []byte {
	b = bytes.Clone(b)
	if len(b) < headerSize+footerSize {
		return b
	}
	header, end := b[:headerSize], b[len(b)-footerSize:]
	le32 := func(at []byte, v uint32) { at[0], at[1], at[2], at[3] = byte(v), byte(v>>8), byte(v>>16), byte(v>>24) }
	le32(header[60:], checksum(header[:60]))
	le32(end[60:], checksum(header, end[:60]))
	m, err := decodeHeader(header)
	if err != nil {
		return b
	}
	foot, err := decodeFooter(end, header, m, int64(len(b)))
	if err != nil {
		return b
	}
	le32(end[56:], checksum(b[foot.directoryAt():len(b)-footerSize]))
	le32(end[60:], checksum(header, end[:60]))
	return b
}
