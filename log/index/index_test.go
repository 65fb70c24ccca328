package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// content is a section as a test wants it.
type content struct {
	partition   model.PartitionID
	state       string
	truncatedTo model.Offset
	whole       bool
	patchedTo   model.Offset // a patch of [truncatedTo, patchedTo); 0: it is none
	entries     []Entry
}

func write(tb testing.TB, fs vfs.FS, meta Meta, cache *Cache, sections []content) *File {
	tb.Helper()
	w, err := Create(fs, "/index/"+FileName(meta.ID), meta, cache)
	if err != nil {
		tb.Fatal(err)
	}
	for _, s := range sections {
		if s.patchedTo > 0 {
			err = w.BeginPatch(s.partition, Range{s.truncatedTo, s.patchedTo})
		} else {
			err = w.Begin(s.partition, []byte(s.state), s.truncatedTo, s.whole)
		}
		if err != nil {
			tb.Fatal(err)
		}
		if err := w.Add(s.entries); err != nil {
			tb.Fatal(err)
		}
	}
	f, err := w.Finish()
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

// read is the inverse of write.
func read(tb testing.TB, f *File) []content {
	tb.Helper()
	var all []content
	err := f.Sections(true, func(s Section) error {
		c := content{partition: s.Partition, state: string(s.State), truncatedTo: s.TruncatedTo, whole: s.Whole, patchedTo: s.To}
		r := Reader{Partition: s.Partition}
		for i := range s.Count {
			e, err := r.Entry(s.Block(f), i)
			if err != nil {
				return err
			}
			c.entries = append(c.entries, e)
		}
		all = append(all, c)
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return all
}

// entriesFrom makes n entries of the partition that follow each other.
func entriesFrom(base model.Offset, n int) []Entry {
	var entries []Entry
	total := uint64(base) * 10
	for i := range n {
		delta := int32(i % 3)
		length := uint32(100 + i)
		total += uint64(length)
		entries = append(entries, Entry{
			BaseOffset: base, LastOffsetDelta: delta, Log: uint8(i % 2), Position: uint64(base) * 1000,
			EntryDistance: 96, Length: length, MaxTimestamp: int64(base) - 5, RunningMax: int64(base),
			AppendTime: int64(base) + 7, TotalBytes: total,
		})
		base += model.Offset(delta) + 1
	}
	return entries
}

func newDisk(tb testing.TB) *vfs.Mem {
	tb.Helper()
	fs := vfs.NewMem()
	if err := fs.MkdirAll("/index"); err != nil {
		tb.Fatal(err)
	}
	return fs
}

var exported = cmp.AllowUnexported(content{})

func TestFileRoundTrip(t *testing.T) {
	t.Parallel()
	cases := map[string][]content{
		"no sections":     nil,
		"one entry":       {{partition: 1, state: "s", truncatedTo: -1, entries: entriesFrom(5, 1)}},
		"states only":     {{partition: 3, state: "a", truncatedTo: 9}, {partition: 4, truncatedTo: -1, whole: true}},
		"several pages":   {{partition: 7, state: "x", truncatedTo: -1, entries: entriesFrom(0, 500)}, {partition: 9, truncatedTo: 0, entries: entriesFrom(70, 63)}},
		"several buffers": {{partition: 1, state: "big", truncatedTo: -1, entries: entriesFrom(0, 2*writeBufferBytes/EntrySize+5)}},
		"highest id":      {{partition: 1<<32 - 1, truncatedTo: -1, entries: entriesFrom(1<<40, 2)}},
		"patches": {
			{partition: 1, truncatedTo: 3, patchedTo: 9, entries: entriesFrom(3, 2)},
			{partition: 1, truncatedTo: 9, patchedTo: 10},
			{partition: 1, state: "s", truncatedTo: -1, entries: entriesFrom(20, 2)},
			{partition: 2, truncatedTo: 0, patchedTo: 5},
		},
		"state over pages": {{partition: 2, state: fmt.Sprintf("%0300000d", 1), truncatedTo: -1, entries: entriesFrom(0, 3)}},
	}
	for name, want := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fs := newDisk(t)
			cache := NewCache(0)
			meta := Meta{ID: 77, Level: 2, Salt: 5}
			f := write(t, fs, meta, cache, want)
			if diff := cmp.Diff(want, read(t, f), exported); diff != "" {
				t.Errorf("as written: -want +got\n%s", diff)
			}
			again, err := Open(fs, f.Path(), cache)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, read(t, again), exported); diff != "" {
				t.Errorf("opened again: -want +got\n%s", diff)
			}
			if again.Meta() != meta || again.DirectoryCRC() != f.DirectoryCRC() || again.Bytes() != f.Bytes() {
				t.Errorf("meta %+v, CRC %x, bytes %d", again.Meta(), again.DirectoryCRC(), again.Bytes())
			}
		})
	}
}

// Every bit of a file is covered: by the footer's CRCs, seen by Open, or by an
// entry's own, seen when it is read.
func TestEveryFlippedBitIsSeen(t *testing.T) {
	t.Parallel()
	fs := newDisk(t)
	f := write(t, fs, Meta{ID: 1, Salt: 9}, NewCache(0), []content{
		{partition: 1, state: "state", truncatedTo: -1, entries: entriesFrom(3, 2)},
		{partition: 2, truncatedTo: 4, whole: true},
	})
	for at := range f.Bytes() {
		for bit := range uint(8) {
			if err := fs.FlipBit(f.Path(), at, bit); err != nil {
				t.Fatal(err)
			}
			if err := readAll(fs, f.Path()); !errors.Is(err, ErrCorrupt) {
				t.Fatalf("bit %d of byte %d: %v", bit, at, err)
			}
			if err := fs.FlipBit(f.Path(), at, bit); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := readAll(fs, f.Path()); err != nil {
		t.Fatal(err)
	}
}

func readAll(fs vfs.FS, path string) error {
	f, err := Open(fs, path, NewCache(0))
	if err != nil {
		return err
	}
	defer func() { _ = f.Release() }()
	return f.Sections(true, func(s Section) error {
		r := Reader{Partition: s.Partition}
		for i := range s.Count {
			if _, err := r.Entry(s.Block(f), i); err != nil {
				return err
			}
		}
		return nil
	})
}

func TestEveryCutIsSeen(t *testing.T) {
	t.Parallel()
	fs := newDisk(t)
	f := write(t, fs, Meta{ID: 1}, NewCache(0), []content{{partition: 1, state: "state", truncatedTo: -1, entries: entriesFrom(3, 2)}})
	w, err := fs.OpenWritable(f.Path())
	if err != nil {
		t.Fatal(err)
	}
	for size := f.Bytes() - 1; size >= 0; size-- {
		if err := w.Truncate(size); err != nil {
			t.Fatal(err)
		}
		if err := readAll(fs, f.Path()); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("cut to %d: %v", size, err)
		}
	}
}

func TestNewerVersionIsRefused(t *testing.T) {
	t.Parallel()
	fs := newDisk(t)
	f := write(t, fs, Meta{ID: 1}, NewCache(0), nil)
	var header [headerSize]byte
	(&Meta{ID: 1}).encode(header[:])
	binary.LittleEndian.PutUint32(header[8:], version+1)
	binary.LittleEndian.PutUint32(header[60:], checksum(header[:60]))
	w, err := fs.OpenWritable(f.Path())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.WriteAt(header[:], 0); err != nil {
		t.Fatal(err)
	}
	if err := readAll(fs, f.Path()); !errors.Is(err, ErrVersion) {
		t.Fatalf("%v", err)
	}
}

func TestWriterRefusesDisorder(t *testing.T) {
	t.Parallel()
	w, err := Create(newDisk(t), "/index/x", Meta{ID: 1}, NewCache(0))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Begin(4, nil, -1, false); err != nil {
		t.Fatal(err)
	}
	if err := w.Add(entriesFrom(10, 2)); err != nil {
		t.Fatal(err)
	}
	if err := w.Add(entriesFrom(9, 1)); err == nil {
		t.Error("an offset below the last one was taken")
	}
	if err := w.Begin(4, nil, -1, false); err == nil {
		t.Error("a partition was taken twice")
	}
	w.Abort()
}

func TestSearch(t *testing.T) {
	t.Parallel()
	cache := NewCache(2 * pageSize) // so small that pages come and go
	rapid.Check(t, func(r *rapid.T) {
		var entries []Entry
		base, top := model.Offset(rapid.IntRange(0, 5).Draw(r, "first")), int64(-1)
		for range rapid.IntRange(1, 300).Draw(r, "entries") {
			e := Entry{
				BaseOffset:      base + model.Offset(rapid.IntRange(0, 1).Draw(r, "gap")),
				LastOffsetDelta: rapid.Int32Range(0, 3).Draw(r, "delta"),
				MaxTimestamp:    rapid.Int64Range(0, 100).Draw(r, "time"),
			}
			top = max(top, e.MaxTimestamp)
			e.RunningMax = top
			base = e.LastOffset() + 1
			entries = append(entries, e)
		}
		fs := newDisk(t)
		f := write(t, fs, Meta{ID: 1}, cache, []content{
			{partition: 1, truncatedTo: -1, entries: entriesFrom(0, 50)}, {partition: 2, truncatedTo: -1, entries: entries},
		})
		defer func() { _ = f.Release() }()
		b := Block{File: f, Start: 50, Count: uint32(len(entries))}
		reader := Reader{Partition: 2}
		for range 20 {
			offset := model.Offset(rapid.Int64Range(0, int64(base)+2).Draw(r, "offset"))
			guess := rapid.Uint32Range(0, uint32(len(entries))+1).Draw(r, "guess")
			ts := rapid.Int64Range(-1, 101).Draw(r, "ts")
			want := first(entries, func(e *Entry) bool { return e.LastOffset() >= offset })
			if got, err := reader.Offset(b, offset); err != nil || got != want {
				r.Fatalf("Offset(%d) = %d, %v; want %d", offset, got, err, want)
			}
			if got, err := reader.OffsetNear(b, offset, guess); err != nil || got != want {
				r.Fatalf("OffsetNear(%d, %d) = %d, %v; want %d", offset, guess, got, err, want)
			}
			want = first(entries, func(e *Entry) bool { return e.RunningMax >= ts })
			if got, err := reader.Time(b, ts); err != nil || got != want {
				r.Fatalf("Time(%d) = %d, %v; want %d", ts, got, err, want)
			}
		}
	})
}

func first(entries []Entry, ok func(*Entry) bool) uint32 {
	for i := range entries {
		if ok(&entries[i]) {
			return uint32(i)
		}
	}
	return uint32(len(entries))
}

// A reader in the wrong place must not take a neighbour's entry for its own.
func TestEntryOfAnotherPartitionIsRefused(t *testing.T) {
	t.Parallel()
	f := write(t, newDisk(t), Meta{ID: 1}, NewCache(0), []content{
		{partition: 1, truncatedTo: -1, entries: entriesFrom(0, 1)}, {partition: 2, truncatedTo: -1, entries: entriesFrom(0, 1)},
	})
	r := Reader{Partition: 1}
	if _, err := r.Entry(Block{File: f, Start: 1, Count: 1}, 0); !errors.Is(err, ErrCorrupt) {
		t.Errorf("neighbour's entry: %v", err)
	}
	if _, err := r.Entry(Block{File: f, Start: 5000, Count: 1}, 0); err == nil {
		t.Error("an entry behind the end of the file was read")
	}
}

func TestReleaseClosesOnce(t *testing.T) {
	t.Parallel()
	cache := NewCache(0)
	f := write(t, newDisk(t), Meta{ID: 1}, cache, []content{{partition: 1, truncatedTo: -1, entries: entriesFrom(0, 1)}})
	if !f.Retain() {
		t.Fatal("an open file can not be retained")
	}
	read(t, f)
	if got := cache.Stats(); got.Bytes != pageSize || got.Misses != 1 {
		t.Errorf("cache after the first read: %+v", got)
	}
	if err := f.Release(); err != nil {
		t.Fatal(err)
	}
	read(t, f) // one holder is left
	if err := f.Release(); err != nil {
		t.Fatal(err)
	}
	if f.Retain() {
		t.Error("a closed file was retained")
	}
	r := Reader{Partition: 1}
	if _, err := r.Entry(Block{File: f, Count: 1}, 0); !errors.Is(err, ErrReleased) {
		t.Errorf("read of a closed file: %v", err)
	}
	if got := cache.Stats(); got.Bytes != 0 {
		t.Errorf("pages of a closed file stay: %+v", got)
	}
}

func TestCacheDropsTheLeastRecent(t *testing.T) {
	t.Parallel()
	c := NewCache(3 * pageSize)
	key := func(n uint32) pageKey { return pageKey{1, n} }
	for n := range uint32(3) {
		c.put(key(n), []byte{byte(n)})
	}
	if c.get(key(0)) == nil {
		t.Fatal("page 0 is gone")
	}
	c.put(key(3), []byte{3}) // 1 is the least recent
	for n, want := range []bool{true, false, true, true} {
		if got := c.get(key(uint32(n))) != nil; got != want {
			t.Errorf("page %d in the cache: %v", n, got)
		}
	}
	if got := c.Stats().Bytes; got != 3*pageSize {
		t.Errorf("%d bytes", got)
	}
}
