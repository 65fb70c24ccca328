package log

import (
	"fmt"

	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// guardedFS is a file system on which a failed fsync, of whatever file or
// directory, latches the log: no code below can forget to.
type guardedFS struct {
	vfs.FS
	latch *latch
}

// guardedFile is a file of a guardedFS.
type guardedFile struct {
	vfs.File
	name  string
	latch *latch
}

func (g *guardedFS) guard(f vfs.File, name string, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &guardedFile{File: f, name: name, latch: g.latch}, nil
}

// Create implements vfs.FS.
func (g *guardedFS) Create(name string) (vfs.File, error) {
	f, err := g.FS.Create(name)
	return g.guard(f, name, err)
}

// OpenWritable implements vfs.FS.
func (g *guardedFS) OpenWritable(name string) (vfs.File, error) {
	f, err := g.FS.OpenWritable(name)
	return g.guard(f, name, err)
}

// SyncDir implements vfs.FS.
func (g *guardedFS) SyncDir(dir string) error {
	if err := g.latch.err(); err != nil {
		return err
	}
	err := g.FS.SyncDir(dir)
	if err != nil {
		g.latch.set(fmt.Errorf("failed fsync of directory %s: %w", dir, err))
	}
	return err
}

// Datasync implements vfs.File. Once the log has latched nothing is synced any
// more: it could only seem to work.
func (f *guardedFile) Datasync() error {
	if err := f.latch.err(); err != nil {
		return err
	}
	err := f.File.Datasync()
	if err != nil {
		f.latch.set(fmt.Errorf("failed fsync of %s: %w", f.name, err))
	}
	return err
}
