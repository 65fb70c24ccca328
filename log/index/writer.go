package index

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// writeBufferBytes is how much is gathered for one write: large enough that a
// checkpoint is a handful of system calls.
const writeBufferBytes = 1 << 20

// FileName is the name of the index file with this id, inside its directory.
func FileName(id uint64) string { return fmt.Sprintf("%016x.index", id) }

// Writer writes one index file, section by section, in one stream. It is not
// safe for concurrent use. It ends with Finish or Abort.
type Writer struct {
	fs    vfs.FS
	path  string
	file  vfs.File
	cache *Cache
	meta  Meta

	buffer  []byte // not yet written
	at      int64  // file position of buffer[0]
	entries uint64 // in all sections so far
	open    Section
	isOpen  bool
	last    Section // before the open one
	records pieces  // the directory so far
	states  pieces
}

// Create starts a file under a temporary name; a leftover of that name goes.
func Create(fsys vfs.FS, path string, meta Meta, cache *Cache) (*Writer, error) {
	if err := fsys.Remove(temporary(path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("index %s: remove leftover: %w", path, err)
	}
	file, err := fsys.Create(temporary(path))
	if err != nil {
		return nil, fmt.Errorf("index %s: create: %w", path, err)
	}
	w := &Writer{fs: fsys, path: path, file: file, cache: cache, meta: meta, buffer: make([]byte, headerSize, writeBufferBytes)}
	meta.encode(w.buffer)
	return w, nil
}

func temporary(path string) string { return path + ".tmp" }

// Begin opens the section of a partition; partitions come in ascending order.
// The state is copied.
func (w *Writer) Begin(partition model.PartitionID, state []byte, truncatedTo model.Offset, whole bool) error {
	return w.begin(Section{Partition: partition, Whole: whole, TruncatedTo: truncatedTo, stateSize: uint32(len(state))}, state)
}

// BeginPatch opens a section that says what the offsets of a range are, and
// nothing of others. A partition's patches ascend, and come before its section
// of the other kind.
func (w *Writer) BeginPatch(partition model.PartitionID, r Range) error {
	return w.begin(Section{Partition: partition, Patch: true, TruncatedTo: r.From, To: r.To}, nil)
}

func (w *Writer) begin(s Section, state []byte) error {
	w.end()
	before := &w.last
	if w.last.Partition == 0 {
		before = nil
	}
	if !s.mayFollow(before) {
		return fmt.Errorf("index %s: partition %d after %d", w.path, s.Partition, w.last.Partition)
	}
	s.Start = uint32(w.entries)
	w.isOpen, w.open = true, s
	w.states.add(state)
	return nil
}

// Add appends entries, ascending by offset, to the open section.
func (w *Writer) Add(entries []Entry) error {
	for i := range entries {
		e := &entries[i]
		if err := w.count(e); err != nil {
			return err
		}
		n := len(w.buffer)
		w.buffer = w.buffer[:n+EntrySize]
		e.Encode(w.buffer[n:], w.open.Partition)
	}
	return nil
}

// addEncoded appends an entry that is encoded already.
func (w *Writer) addEncoded(e *Entry, raw []byte) error {
	if err := w.count(e); err != nil {
		return err
	}
	w.buffer = append(w.buffer, raw...)
	return nil
}

// count takes note of one entry and makes room for it in the buffer.
func (w *Writer) count(e *Entry) error {
	if w.entries == EntriesMax {
		return fmt.Errorf("index %s: more than %d entries", w.path, uint32(EntriesMax))
	}
	s := &w.open
	if s.Count > 0 && e.BaseOffset < s.End {
		return fmt.Errorf("index %s: partition %d: offset %d after %d", w.path, s.Partition, e.BaseOffset, s.End)
	}
	if s.Count == 0 {
		s.First = e.BaseOffset
	}
	s.End = e.LastOffset() + 1
	s.Count++
	w.entries++
	if len(w.buffer)+EntrySize > cap(w.buffer) {
		return w.flush()
	}
	return nil
}

func (w *Writer) end() {
	if !w.isOpen {
		return
	}
	var record [recordSize]byte
	w.open.encode(record[:])
	w.records.add(record[:])
	w.isOpen, w.last = false, w.open
}

// put appends bytes of any length.
func (w *Writer) put(b []byte) error {
	for len(b) > 0 {
		n := min(len(b), cap(w.buffer)-len(w.buffer))
		w.buffer = append(w.buffer, b[:n]...)
		b = b[n:]
		if len(w.buffer) == cap(w.buffer) {
			if err := w.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *Writer) flush() error {
	if _, err := w.file.WriteAt(w.buffer, w.at); err != nil {
		return fmt.Errorf("index %s: write: %w", w.path, err)
	}
	w.at += int64(len(w.buffer))
	w.buffer = w.buffer[:0]
	return nil
}

// Finish writes directory and states, makes the file durable under its own
// name and returns it open. If it fails the file is gone.
func (w *Writer) Finish() (*File, error) {
	w.end()
	f := footer{
		sections:   uint32(w.records.size / recordSize),
		salt:       w.meta.Salt,
		entries:    w.entries,
		stateBytes: uint64(w.states.size),
		dirCRC:     w.states.checksum(w.records.checksum(0)),
	}
	f.length = f.size()
	if err := w.publish(&f); err != nil {
		w.Abort()
		return nil, err
	}
	w.forget()
	return newFile(w.file, w.path, w.meta, f, w.cache), nil
}

func (w *Writer) publish(f *footer) error {
	var header, end [footerSize]byte
	w.meta.encode(header[:])
	f.encode(end[:], header[:])
	for _, part := range slices.Concat(w.records.list, w.states.list, [][]byte{end[:]}) {
		if err := w.put(part); err != nil {
			return err
		}
	}
	if err := w.flush(); err != nil {
		return err
	}
	if err := w.file.Datasync(); err != nil {
		return fmt.Errorf("index %s: sync: %w", w.path, err)
	}
	if err := w.fs.Rename(temporary(w.path), w.path); err != nil {
		return fmt.Errorf("index %s: rename: %w", w.path, err)
	}
	if err := w.fs.SyncDir(filepath.Dir(w.path)); err != nil {
		return fmt.Errorf("index %s: sync directory: %w", w.path, err)
	}
	return nil
}

// Abort gives the file up. What can not be removed is an orphan that the next
// start removes, so errors are of no interest.
func (w *Writer) Abort() {
	_ = w.file.Close()
	_ = w.fs.Remove(temporary(w.path))
	w.forget()
}

// forget lets go of what was gathered.
func (w *Writer) forget() { w.records, w.states, w.buffer = pieces{}, pieces{}, nil }
