package disk

import (
	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// FS is the disk as the other rooms get it: syncs are measured, what does not
// come back is seen, and what finds no room is tried again with the ballast's.
func (g *Guard) FS() vfs.FS { return &watchedFS{FS: g.env.FS, guard: g} }

type watchedFS struct {
	vfs.FS
	guard *Guard
}

// nameBytes is about what a new name takes in a directory.
const nameBytes = 4096

// Create implements vfs.FS.
func (w *watchedFS) Create(name string) (vfs.File, error) {
	var f vfs.File
	create := func() (err error) {
		f, err = w.FS.Create(name)
		return err
	}
	_, err := w.guard.syncs.watch("creation", name, create)
	if vfs.IsNoSpace(err) && w.guard.makeRoom(nameBytes) {
		_, err = w.guard.syncs.watch("creation", name, create)
	}
	return w.watch(f, name, err)
}

// Rename implements vfs.FS.
func (w *watchedFS) Rename(oldName, newName string) error {
	_, err := w.guard.syncs.watch("renaming", newName, func() error { return w.FS.Rename(oldName, newName) })
	return err
}

// OpenWritable implements vfs.FS.
func (w *watchedFS) OpenWritable(name string) (vfs.File, error) {
	f, err := w.FS.OpenWritable(name)
	return w.watch(f, name, err)
}

func (w *watchedFS) watch(f vfs.File, name string, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &watchedFile{File: f, name: name, guard: w.guard}, nil
}

// SyncDir implements vfs.FS.
func (w *watchedFS) SyncDir(dir string) error {
	return w.guard.syncs.measure(dir, func() error { return w.FS.SyncDir(dir) })
}

// watchedFile is a file that is open for writing. Reserving room is not tried
// again: that is how the log takes room for clients' records, and it tells the
// guard if it cannot go on (Guard.Refused).
type watchedFile struct {
	vfs.File
	name  string
	guard *Guard
}

// WriteAt implements vfs.File.
func (f *watchedFile) WriteAt(p []byte, off int64) (int, error) {
	return f.WritevAt([][]byte{p}, off)
}

// WritevAt implements vfs.File.
func (f *watchedFile) WritevAt(bufs [][]byte, off int64) (int, error) {
	n, err := f.write(bufs, off)
	if !vfs.IsNoSpace(err) {
		return n, err
	}
	rest, bytes := behind(bufs, n)
	if !f.guard.makeRoom(bytes) {
		return n, err
	}
	more, err := f.write(rest, off+int64(n))
	return n + more, err
}

func (f *watchedFile) write(bufs [][]byte, off int64) (n int, err error) {
	_, err = f.guard.syncs.watch("write", f.name, func() (err error) {
		n, err = f.File.WritevAt(bufs, off)
		return err
	})
	return n, err
}

// Allocate implements vfs.File.
func (f *watchedFile) Allocate(off, n int64) error {
	_, err := f.guard.syncs.watch("reservation", f.name, func() error { return f.File.Allocate(off, n) })
	return err
}

// behind is what of bufs follows the first n bytes, and how much that is.
func behind(bufs [][]byte, n int) (rest [][]byte, bytes int64) {
	for _, b := range bufs {
		done := min(n, len(b))
		n -= done
		if b = b[done:]; len(b) > 0 {
			rest = append(rest, b)
			bytes += int64(len(b))
		}
	}
	return rest, bytes
}

// Datasync implements vfs.File.
func (f *watchedFile) Datasync() error { return f.guard.syncs.measure(f.name, f.File.Datasync) }
