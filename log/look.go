package log

import (
	"errors"
	"fmt"
	"io"

	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// errReadOnly is the answer to every change of a disk that is only looked at.
var errReadOnly = errors.New("the files are only looked at: nothing may be written")

// lookFS is a disk on which nothing can be changed, whatever the code above it
// tries. It counts what is read.
type lookFS struct {
	vfs.FS
	read func(n int)
}

func (l *lookFS) open(name string) (vfs.File, error) {
	f, err := l.FS.Open(name)
	if err != nil {
		return nil, fmt.Errorf("look at %s: %w", name, err)
	}
	return &lookFile{File: f, read: l.read}, nil
}

// Open implements vfs.FS.
func (l *lookFS) Open(name string) (vfs.File, error) { return l.open(name) }

// OpenWritable implements vfs.FS: what is opened for writing is only read.
func (l *lookFS) OpenWritable(name string) (vfs.File, error) { return l.open(name) }

// Create implements vfs.FS.
func (l *lookFS) Create(string) (vfs.File, error) { return nil, errReadOnly }

// Remove implements vfs.FS.
func (l *lookFS) Remove(string) error { return errReadOnly }

// Rename implements vfs.FS.
func (l *lookFS) Rename(_, _ string) error { return errReadOnly }

// MkdirAll implements vfs.FS.
func (l *lookFS) MkdirAll(string) error { return errReadOnly }

// SyncDir implements vfs.FS.
func (l *lookFS) SyncDir(string) error { return errReadOnly }

// Lock implements vfs.FS.
func (l *lookFS) Lock(string) (io.Closer, error) { return nil, errReadOnly }

// lookFile is a file of a lookFS.
type lookFile struct {
	vfs.File
	read func(n int)
}

// ReadAt implements io.ReaderAt.
func (f *lookFile) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.File.ReadAt(p, off)
	f.read(n)
	return n, err
}

// WriteAt implements io.WriterAt.
func (f *lookFile) WriteAt([]byte, int64) (int, error) { return 0, errReadOnly }

// WritevAt implements vfs.File.
func (f *lookFile) WritevAt([][]byte, int64) (int, error) { return 0, errReadOnly }

// Datasync implements vfs.File.
func (f *lookFile) Datasync() error { return errReadOnly }

// Allocate implements vfs.File.
func (f *lookFile) Allocate(int64, int64) error { return errReadOnly }

// Truncate implements vfs.File.
func (f *lookFile) Truncate(int64) error { return errReadOnly }
