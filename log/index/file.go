package index

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sync/atomic"

	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// readBufferBytes is the unit of sequential reads of directories and states.
const readBufferBytes = 256 << 10

// File is one open index file. It keeps no directory in memory: with a hundred
// thousand partitions that would be megabytes a file, and the blocks that are
// valid are known to their partitions.
//
// It is born with one holder; the last Release closes it. Unlinking it earlier
// is fine.
type File struct {
	file   vfs.File
	path   string
	meta   Meta
	footer footer
	cache  *Cache
	number uint64 // in the cache
	refs   atomic.Int32
}

func newFile(file vfs.File, path string, m Meta, f footer, cache *Cache) *File {
	x := &File{file: file, path: path, meta: m, footer: f, cache: cache, number: cache.register()}
	x.refs.Store(1)
	return x
}

// Open opens a file and checks all of it but the entries, which are checked
// one by one when they are read.
func Open(fsys vfs.FS, path string, cache *Cache) (*File, error) {
	file, err := fsys.Open(path)
	if err != nil {
		return nil, fmt.Errorf("index: open: %w", err)
	}
	m, f, err := readEnds(file)
	if err == nil {
		err = checkDirectory(file, &f)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("index %s: %w", path, err), file.Close())
	}
	return newFile(file, path, m, f, cache), nil
}

func readEnds(file vfs.File) (Meta, footer, error) {
	length, err := file.Size()
	if err != nil {
		return Meta{}, footer{}, fmt.Errorf("size: %w", err)
	}
	if length < headerSize+footerSize {
		return Meta{}, footer{}, fmt.Errorf("%w: %d bytes", ErrCorrupt, length)
	}
	var header, end [footerSize]byte
	if err := readFull(file, header[:], 0); err != nil {
		return Meta{}, footer{}, err
	}
	m, err := decodeHeader(header[:])
	if err != nil {
		return Meta{}, footer{}, err
	}
	if err := readFull(file, end[:], length-footerSize); err != nil {
		return Meta{}, footer{}, err
	}
	f, err := decodeFooter(end[:], header[:], m, length)
	return m, f, err
}

func readFull(r io.ReaderAt, b []byte, at int64) error {
	n, err := r.ReadAt(b, at)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("read %d bytes at %d: %w", len(b), at, err)
}

// checkDirectory proves directory and states by their CRC, then walks the
// records, so that Sections of an open file can only fail with the disk.
func checkDirectory(file vfs.File, f *footer) error {
	n := int64(f.sections)*recordSize + int64(f.stateBytes)
	sum := crc32.New(castagnoli)
	buffer := make([]byte, max(1, min(n, readBufferBytes)))
	if _, err := io.CopyBuffer(sum, io.NewSectionReader(file, f.directoryAt(), n), buffer); err != nil {
		return fmt.Errorf("read directory: %w", err)
	}
	if sum.Sum32() != f.dirCRC {
		return fmt.Errorf("%w: directory CRC", ErrCorrupt)
	}
	it := newSectionIterator(file, f, false)
	for {
		if _, ok, err := it.next(); err != nil || !ok {
			return err
		}
	}
}

// Meta is what the file says of itself.
func (f *File) Meta() Meta { return f.meta }

// Path is the file's name.
func (f *File) Path() string { return f.path }

// Bytes is the file's length.
func (f *File) Bytes() int64 { return int64(f.footer.length) }

// Entries is the number of entries in all sections.
func (f *File) Entries() uint64 { return f.footer.entries }

// SectionCount is the number of sections, patches included.
func (f *File) SectionCount() int { return int(f.footer.sections) }

// DirectoryCRC identifies the contents: two files of one id differ in it.
func (f *File) DirectoryCRC() uint32 { return f.footer.dirCRC }

// Retain adds a holder; false if the file was closed already.
func (f *File) Retain() bool {
	for {
		n := f.refs.Load()
		if n <= 0 {
			return false
		}
		if f.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// Release removes a holder; the last one closes the file. The error is that of
// closing a file that was only read: worth a log line, no more.
func (f *File) Release() error {
	if f.refs.Add(-1) > 0 {
		return nil
	}
	f.cache.forget(f.number)
	if err := f.file.Close(); err != nil {
		return fmt.Errorf("index %s: close: %w", f.path, err)
	}
	return nil
}

// Sections calls visit for each section, ascending by partition, until it
// fails. With states false Section.State stays nil and no states are read.
func (f *File) Sections(states bool, visit func(Section) error) error {
	if !f.Retain() {
		return ErrReleased
	}
	defer func() { _ = f.Release() }()
	it := newSectionIterator(f.file, &f.footer, states)
	for {
		s, ok, err := it.next()
		if err != nil {
			return fmt.Errorf("index %s: %w", f.path, err)
		}
		if !ok {
			return nil
		}
		if err := visit(s); err != nil {
			return err
		}
	}
}

// page returns one page of the file, from the cache if it can.
func (f *File) page(number uint32) ([]byte, error) {
	k := pageKey{f.number, number}
	if b := f.cache.get(k); b != nil {
		return b, nil
	}
	if !f.Retain() {
		return nil, ErrReleased
	}
	defer func() { _ = f.Release() }()
	at := int64(number) * pageSize
	b := make([]byte, min(pageSize, f.footer.directoryAt()-at))
	if err := readFull(f.file, b, at); err != nil {
		return nil, fmt.Errorf("index %s: %w", f.path, err)
	}
	f.cache.put(k, b)
	return b, nil
}
