package vfs

import (
	"errors"
	"io"
	"sync"

	"golang.org/x/sys/unix"
)

// Errors of the operating system that tests let a Fault return, and callers
// may compare with errors.Is; for a full disk prefer IsNoSpace, which also
// knows quotas.
var (
	ErrIO      error = unix.EIO
	ErrNoSpace error = unix.ENOSPC
)

// Kind says what an operation does.
type Kind int

// All kinds. The first two are not kinds of operations but match many.
const (
	AnyKind   Kind = iota
	AnyChange      // whatever changes the disk or makes a change durable

	KindCreate
	KindRemove
	KindRename
	KindMkdir
	KindSyncDir
	KindWrite
	KindSync
	KindAllocate
	KindTruncate
	kindLastChange

	KindOpen
	KindList
	KindSize
	KindSpace
	KindLock
	KindRead
	KindReadCached
	KindClose
	kindCount
)

// String implements fmt.Stringer.
func (k Kind) String() string {
	names := [kindCount]string{
		AnyKind: "any", AnyChange: "change", KindCreate: "create", KindRemove: "remove", KindRename: "rename",
		KindMkdir: "mkdir", KindSyncDir: "syncdir", KindWrite: "write", KindSync: "sync", KindAllocate: "allocate",
		KindTruncate: "truncate", KindOpen: "open", KindList: "list", KindSize: "size", KindSpace: "space",
		KindLock: "lock", KindRead: "read", KindReadCached: "readcached", KindClose: "close",
	}
	return names[k]
}

// Op is an operation about to happen.
type Op struct {
	Kind  Kind
	Name  string // of the file or directory; for a rename the new name
	Off   int64  // for read, write, allocate; the new size for truncate
	Bytes int    // for read and write

	counts [kindCount]int64
}

// N is the number of operations that match k up to and including this one:
// the first has 1.
func (o Op) N(k Kind) int64 { return o.counts[k] }

// Is reports whether the operation matches k.
func (o Op) Is(k Kind) bool {
	return k == AnyKind || k == o.Kind || k == AnyChange && o.Kind < kindLastChange
}

// Hook is called before every operation, without locks. An error is returned
// instead of doing the operation; a Short error does a part of a write first.
// A hook may also block, look at the disk or clone it.
type Hook func(Op) error

// Short is an error for a write of which only the first Bytes bytes happen.
type Short struct {
	Bytes int
	Err   error
}

// Error implements error.
func (s *Short) Error() string { return "short write: " + s.Err.Error() }

// Unwrap makes errors.Is see the cause.
func (s *Short) Unwrap() error { return s.Err }

// Fault is a disk in front of another that counts operations and lets chosen
// ones fail.
//
// A failed sync does not reach the disk below; a Mem then loses the pages for
// good, as Linux does. Files have no descriptor, so that no read passes the
// hook by.
type Fault struct {
	inner FS

	mu struct {
		sync.Mutex
		hook   Hook
		counts [kindCount]int64
	}
}

var _ FS = (*Fault)(nil)

// NewFault wraps a disk; hook may be nil.
func NewFault(inner FS, hook Hook) *Fault {
	f := &Fault{inner: inner}
	f.mu.hook = hook
	return f
}

// SetHook replaces the hook; counts go on.
func (f *Fault) SetHook(hook Hook) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.hook = hook
}

// Count is the number of operations so far that match k.
func (f *Fault) Count(k Kind) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mu.counts[k]
}

// before counts an operation and asks the hook.
func (f *Fault) before(op Op) error {
	f.mu.Lock()
	f.mu.counts[AnyKind]++
	if op.Is(AnyChange) {
		f.mu.counts[AnyChange]++
	}
	f.mu.counts[op.Kind]++
	op.counts = f.mu.counts
	hook := f.mu.hook
	f.mu.Unlock()
	if hook == nil {
		return nil
	}
	return pathError(op.Kind.String(), op.Name, hook(op))
}

func (f *Fault) wrap(name string, inner File, err error) (File, error) {
	if err != nil {
		return nil, err
	}
	return &faultFile{File: inner, fault: f, name: name}, nil
}

// Create implements FS.
func (f *Fault) Create(name string) (File, error) {
	if err := f.before(Op{Kind: KindCreate, Name: name}); err != nil {
		return nil, err
	}
	inner, err := f.inner.Create(name)
	return f.wrap(name, inner, err)
}

// Open implements FS.
func (f *Fault) Open(name string) (File, error) {
	if err := f.before(Op{Kind: KindOpen, Name: name}); err != nil {
		return nil, err
	}
	inner, err := f.inner.Open(name)
	return f.wrap(name, inner, err)
}

// OpenWritable implements FS.
func (f *Fault) OpenWritable(name string) (File, error) {
	if err := f.before(Op{Kind: KindOpen, Name: name}); err != nil {
		return nil, err
	}
	inner, err := f.inner.OpenWritable(name)
	return f.wrap(name, inner, err)
}

// Remove implements FS.
func (f *Fault) Remove(name string) error {
	if err := f.before(Op{Kind: KindRemove, Name: name}); err != nil {
		return err
	}
	return f.inner.Remove(name)
}

// Rename implements FS.
func (f *Fault) Rename(oldName, newName string) error {
	if err := f.before(Op{Kind: KindRename, Name: newName}); err != nil {
		return err
	}
	return f.inner.Rename(oldName, newName)
}

// MkdirAll implements FS.
func (f *Fault) MkdirAll(dir string) error {
	if err := f.before(Op{Kind: KindMkdir, Name: dir}); err != nil {
		return err
	}
	return f.inner.MkdirAll(dir)
}

// SyncDir implements FS.
func (f *Fault) SyncDir(dir string) error {
	if err := f.before(Op{Kind: KindSyncDir, Name: dir}); err != nil {
		return err
	}
	return f.inner.SyncDir(dir)
}

// List implements FS.
func (f *Fault) List(dir string) ([]string, error) {
	if err := f.before(Op{Kind: KindList, Name: dir}); err != nil {
		return nil, err
	}
	return f.inner.List(dir)
}

// Size implements FS.
func (f *Fault) Size(name string) (int64, error) {
	if err := f.before(Op{Kind: KindSize, Name: name}); err != nil {
		return 0, err
	}
	return f.inner.Size(name)
}

// Space implements FS.
func (f *Fault) Space(dir string) (free, total int64, err error) {
	if err := f.before(Op{Kind: KindSpace, Name: dir}); err != nil {
		return 0, 0, err
	}
	return f.inner.Space(dir)
}

// Lock implements FS.
func (f *Fault) Lock(name string) (io.Closer, error) {
	if err := f.before(Op{Kind: KindLock, Name: name}); err != nil {
		return nil, err
	}
	return f.inner.Lock(name)
}

// shortOf returns how much of a refused write is to be done.
func shortOf(err error, whole int) int {
	var short *Short
	if errors.As(err, &short) {
		return max(0, min(short.Bytes, whole))
	}
	return 0
}
