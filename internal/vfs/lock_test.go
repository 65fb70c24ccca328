package vfs

import (
	"io/fs"
	"path"
	"testing"
)

func TestSharedLock(t *testing.T) {
	onEveryDisk(t, func(t *testing.T, disk FS, dir string) {
		name := path.Join(dir, "lock")
		_, err := disk.LockShared(name)
		wantIs(t, err, fs.ErrNotExist)
		owner, err := disk.Lock(name)
		must(t, err)
		_, err = disk.LockShared(name)
		wantIs(t, err, ErrLocked)
		must(t, owner.Close())
		first, err := disk.LockShared(name)
		must(t, err)
		second, err := disk.LockShared(name)
		must(t, err)
		must(t, first.Close())
		_, err = disk.Lock(name)
		wantIs(t, err, ErrLocked)
		must(t, second.Close())
		owner, err = disk.Lock(name)
		must(t, err)
		must(t, owner.Close())
	})
}
