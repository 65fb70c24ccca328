package vfs

import "errors"

// faultFile is an open file behind a Fault. What it does not override (size,
// cache hints) passes without being counted.
type faultFile struct {
	File
	fault *Fault
	name  string
}

// ReadAt implements io.ReaderAt.
func (f *faultFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.fault.before(Op{Kind: KindRead, Name: f.name, Off: off, Bytes: len(p)}); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, off)
}

// ReadAtCached implements File.
func (f *faultFile) ReadAtCached(p []byte, off int64) (int, error) {
	err := f.fault.before(Op{Kind: KindReadCached, Name: f.name, Off: off, Bytes: len(p)})
	if err != nil {
		return 0, err
	}
	return f.File.ReadAtCached(p, off)
}

// Cached implements File: what ReadAtCached refuses is not in memory.
func (f *faultFile) Cached(off, n int64) (bytes int64, ok bool) {
	if f.fault.before(Op{Kind: KindReadCached, Name: f.name, Off: off, Bytes: int(n)}) != nil {
		return 0, true
	}
	return f.File.Cached(off, n)
}

// WriteAt implements io.WriterAt.
func (f *faultFile) WriteAt(p []byte, off int64) (int, error) {
	err := f.fault.before(Op{Kind: KindWrite, Name: f.name, Off: off, Bytes: len(p)})
	if err == nil {
		return f.File.WriteAt(p, off)
	}
	n, werr := f.File.WriteAt(p[:shortOf(err, len(p))], off)
	return n, errors.Join(err, werr)
}

// WritevAt implements File.
func (f *faultFile) WritevAt(bufs [][]byte, off int64) (int, error) {
	whole := 0
	for _, b := range bufs {
		whole += len(b)
	}
	err := f.fault.before(Op{Kind: KindWrite, Name: f.name, Off: off, Bytes: whole})
	if err == nil {
		return f.File.WritevAt(bufs, off)
	}
	left := shortOf(err, whole)
	part := make([][]byte, 0, len(bufs))
	for _, b := range bufs {
		n := min(left, len(b))
		part = append(part, b[:n])
		left -= n
	}
	n, werr := f.File.WritevAt(part, off)
	return n, errors.Join(err, werr)
}

// Datasync implements File.
func (f *faultFile) Datasync() error {
	err := f.fault.before(Op{Kind: KindSync, Name: f.name})
	if err == nil {
		return f.File.Datasync()
	}
	// A dead process did not sync at all: its pages are still to be written.
	if mem, ok := f.File.(*memFile); ok && !errors.Is(err, ErrDead) {
		mem.failSync()
	}
	return err
}

// Allocate implements File.
func (f *faultFile) Allocate(off, n int64) error {
	if err := f.fault.before(Op{Kind: KindAllocate, Name: f.name, Off: off, Bytes: int(n)}); err != nil {
		return err
	}
	return f.File.Allocate(off, n)
}

// Truncate implements File.
func (f *faultFile) Truncate(size int64) error {
	if err := f.fault.before(Op{Kind: KindTruncate, Name: f.name, Off: size}); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

// Descriptor implements File.
func (f *faultFile) Descriptor() (fd uintptr, ok bool) { return 0, false }

// Close implements io.Closer. The file is closed also when the hook fails it.
func (f *faultFile) Close() error {
	return errors.Join(f.fault.before(Op{Kind: KindClose, Name: f.name}), f.File.Close())
}
