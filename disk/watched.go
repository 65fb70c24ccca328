package disk

import (
	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// FS is the disk as the other rooms get it: syncs are measured, and what finds
// no room is tried again with the ballast's.
func (g *Guard) FS() vfs.FS { return &watchedFS{FS: g.env.FS, guard: g} }

type watchedFS struct {
	vfs.FS
	guard *Guard
}

// nameBytes is about what a new name takes in a directory.
const nameBytes = 4096

// Create implements vfs.FS.
func (w *watchedFS) Create(name string) (vfs.File, error) {
	f, err := w.FS.Create(name)
	if vfs.IsNoSpace(err) && w.guard.makeRoom(nameBytes) {
		f, err = w.FS.Create(name)
	}
	return w.watch(f, name, err)
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
	n, err := f.File.WriteAt(p, off)
	if vfs.IsNoSpace(err) && f.guard.makeRoom(int64(len(p)-n)) {
		more, err := f.File.WriteAt(p[n:], off+int64(n))
		return n + more, err
	}
	return n, err
}

// WritevAt implements vfs.File.
func (f *watchedFile) WritevAt(bufs [][]byte, off int64) (int, error) {
	n, err := f.File.WritevAt(bufs, off)
	if !vfs.IsNoSpace(err) {
		return n, err
	}
	rest, bytes := behind(bufs, n)
	if !f.guard.makeRoom(bytes) {
		return n, err
	}
	more, err := f.File.WritevAt(rest, off+int64(n))
	return n + more, err
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
