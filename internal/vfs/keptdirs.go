package vfs

import (
	"errors"
	"sync"

	"golang.org/x/sys/unix"
)

// KeptDirs is the real disk for a process that must never fail to sync a
// directory for want of a descriptor: one opened for a sync stays open. A sync
// that can not even begin would count as one that failed, which ends the log.
//
// The directories must not be replaced by others of their names meanwhile; a
// data directory that is locked is not.
type KeptDirs struct {
	OS

	mu struct {
		sync.Mutex
		dirs map[string]int // descriptors
	}
}

var _ FS = (*KeptDirs)(nil)

// NewKeptDirs makes the disk. Nothing is open yet.
func NewKeptDirs() *KeptDirs {
	k := &KeptDirs{}
	k.mu.dirs = make(map[string]int)
	return k
}

// SyncDir implements FS.
func (k *KeptDirs) SyncDir(dir string) error {
	fd, err := k.descriptor(dir)
	if err != nil {
		return pathError("open directory", dir, err)
	}
	// Not retried: what a failed fsync leaves behind is unknown.
	return pathError("sync directory", dir, unix.Fsync(fd))
}

func (k *KeptDirs) descriptor(dir string) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if fd, ok := k.mu.dirs[dir]; ok {
		return fd, nil
	}
	fd, err := open(dir, unix.O_RDONLY|unix.O_DIRECTORY)
	if err == nil {
		k.mu.dirs[dir] = fd
	}
	return fd, err
}

// Close closes the directories, which a later sync would open again. No sync
// may be under way.
func (k *KeptDirs) Close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	var errs []error
	for dir, fd := range k.mu.dirs {
		errs = append(errs, pathError("close directory", dir, unix.Close(fd)))
	}
	clear(k.mu.dirs)
	return errors.Join(errs...)
}
