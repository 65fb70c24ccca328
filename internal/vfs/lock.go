package vfs

import (
	"errors"
	"io"
	"io/fs"
	"path"

	"golang.org/x/sys/unix"
)

// LockShared implements FS.
func (OS) LockShared(name string) (io.Closer, error) {
	fd, err := open(name, unix.O_RDONLY)
	if err != nil {
		return nil, pathError("lock", name, err)
	}
	err = retry(func() error { return unix.Flock(fd, unix.LOCK_SH|unix.LOCK_NB) })
	if err == nil {
		return &osFile{fd: fd, name: name}, nil
	}
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = ErrLocked
	}
	return nil, pathError("lock", name, errors.Join(err, unix.Close(fd)))
}

// LockShared implements FS.
func (m *Mem) LockShared(name string) (io.Closer, error) {
	name = path.Clean(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	_, err := m.lookupLocked(name)
	if err == nil && m.mu.locks[name] {
		err = ErrLocked
	}
	if err != nil {
		return nil, pathError("lock", name, err)
	}
	m.mu.shared[name]++
	return &memSharedLock{disk: m, name: name}, nil
}

// LockShared implements FS.
func (f *Fault) LockShared(name string) (io.Closer, error) {
	if err := f.before(Op{Kind: KindLock, Name: name}); err != nil {
		return nil, err
	}
	return f.inner.LockShared(name)
}

type memSharedLock struct {
	disk *Mem
	name string
	done bool
}

// Close implements io.Closer.
func (l *memSharedLock) Close() error {
	l.disk.mu.Lock()
	defer l.disk.mu.Unlock()
	switch {
	case l.disk.mu.dead:
		return pathError("unlock", l.name, ErrDead)
	case l.done:
		return pathError("unlock", l.name, fs.ErrClosed)
	}
	l.done = true
	l.disk.mu.shared[l.name]--
	return nil
}
