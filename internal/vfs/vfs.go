package vfs

import (
	"errors"
	"io"
)

// FS is the whole of the disk that Mainstem depends on. Names are
// slash-separated paths as the operating system understands them; errors wrap
// the io/fs sentinels (ErrNotExist, ErrExist, ...).
type FS interface {
	// Create makes a new file for reading and writing; it fails with
	// fs.ErrExist if the name is taken (nothing is ever overwritten by accident).
	Create(name string) (File, error)
	// Open opens an existing file for reading.
	Open(name string) (File, error)
	// OpenWritable opens an existing file for reading and writing.
	OpenWritable(name string) (File, error)
	// Remove unlinks a file. Durable only after SyncDir.
	Remove(name string) error
	// Rename replaces newName atomically. Durable only after SyncDir.
	Rename(oldName, newName string) error
	// MkdirAll makes a directory and its parents and syncs each new one's parent.
	MkdirAll(dir string) error
	// SyncDir makes the directory's entries durable.
	SyncDir(dir string) error
	// List returns the names (not paths) in a directory, sorted.
	List(dir string) ([]string, error)
	// Size returns a file's length in bytes.
	Size(name string) (int64, error)
	// Space reports the free bytes (for an unprivileged writer) and the total of
	// the file system that holds dir.
	Space(dir string) (free, total int64, err error)
	// Lock takes an exclusive lock on a file (made if missing) until the Closer
	// is closed or the process ends; ErrLocked if another holds it.
	Lock(name string) (io.Closer, error)
	// LockShared takes a shared lock on an existing file, and changes nothing:
	// any number of them may be held, but none beside an exclusive one.
	// ErrLocked if there is one.
	LockShared(name string) (io.Closer, error)
}

// File is one open file. All methods but Close may be called concurrently.
type File interface {
	io.ReaderAt
	io.WriterAt
	// WritevAt writes the slices one after the other at off, without copying
	// them in user space, and returns how many bytes were written; fewer than
	// asked comes with an error. It may not keep or change bufs.
	WritevAt(bufs [][]byte, off int64) (int, error)
	// ReadAtCached reads like ReadAt but only what is in memory already:
	// ErrWouldBlock (with n < len(p)) where the disk would have to be asked.
	ReadAtCached(p []byte, off int64) (int, error)
	// Datasync makes data, and the metadata needed to read it back, durable
	// (fdatasync). After an error the state of all unsynced bytes is unknown:
	// never call it again on this file.
	Datasync() error
	// Allocate reserves the range and extends the file with zeros;
	// ErrNotSupported where the file system cannot.
	Allocate(off, n int64) error
	// Truncate sets the length.
	Truncate(size int64) error
	// Size returns the length in bytes.
	Size() (int64, error)
	// NextData returns the next range [from, to) at or behind off in which there
	// may be other bytes than zeros: the rest was never written, or was given
	// back. io.EOF if there is none. What was read may count as data from then
	// on, and a file system that can not tell takes all for data.
	NextData(off int64) (from, to int64, err error)
	// Cached is how many bytes of a range are in the page cache at least; false
	// where the system can not tell. Unlike ReadAtCached, of which a kernel may
	// take a miss as a reason to read, it leaves the page cache as it is.
	Cached(off, n int64) (bytes int64, ok bool)
	// ReadAhead has a range brought into the page cache, and does not wait for
	// the disk. A hint.
	ReadAhead(off, n int64)
	// DropCache tells the page cache that a range is not needed again. A hint.
	DropCache(off, n int64)
	// Descriptor is the operating system's descriptor for sendfile; false
	// where there is none (memory disks), and the caller reads instead.
	Descriptor() (fd uintptr, ok bool)
	io.Closer
}

// Sentinels that callers compare with errors.Is.
var (
	ErrLocked       = errors.New("locked by another process")
	ErrWouldBlock   = errors.New("not in memory")
	ErrNotSupported = errors.New("not supported by this file system")
)
