package vfs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// OS is the real disk, on Linux.
type OS struct{}

var _ FS = OS{}

const (
	filePerm = 0o640
	dirPerm  = 0o750
)

// Create implements FS.
func (OS) Create(name string) (File, error) {
	return openFile("create", name, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL)
}

// Open implements FS.
func (OS) Open(name string) (File, error) { return openFile("open", name, unix.O_RDONLY) }

// OpenWritable implements FS.
func (OS) OpenWritable(name string) (File, error) { return openFile("open", name, unix.O_RDWR) }

// Remove implements FS.
func (OS) Remove(name string) error {
	return pathError("remove", name, retry(func() error { return unix.Unlink(name) }))
}

// Rename implements FS.
func (OS) Rename(oldName, newName string) error {
	err := retry(func() error { return unix.Rename(oldName, newName) })
	if err != nil {
		return &os.LinkError{Op: "rename", Old: oldName, New: newName, Err: err}
	}
	return nil
}

// MkdirAll implements FS.
func (o OS) MkdirAll(dir string) error {
	info, err := os.Stat(dir)
	if err == nil {
		if !info.IsDir() {
			return pathError("mkdir", dir, unix.ENOTDIR)
		}
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := o.MkdirAll(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, dirPerm); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return o.SyncDir(parent)
}

// SyncDir implements FS.
func (OS) SyncDir(dir string) error {
	fd, err := open(dir, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return pathError("open directory", dir, err)
	}
	// Not retried: what a failed fsync leaves behind is unknown.
	err = unix.Fsync(fd)
	if cerr := unix.Close(fd); err == nil {
		err = cerr
	}
	return pathError("sync directory", dir, err)
}

// List implements FS.
func (OS) List(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

// Size implements FS.
func (OS) Size(name string) (int64, error) {
	info, err := os.Stat(name)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Space implements FS.
func (OS) Space(dir string) (free, total int64, err error) {
	var st unix.Statfs_t
	if err := retry(func() error { return unix.Statfs(dir, &st) }); err != nil {
		return 0, 0, pathError("statfs", dir, err)
	}
	unit := st.Frsize
	if unit == 0 {
		unit = st.Bsize
	}
	return int64(st.Bavail) * unit, int64(st.Blocks) * unit, nil
}

// Lock implements FS. The lock belongs to the open file, so that it goes with
// the process however that ends; the file itself stays, since removing it would
// let two processes lock two files of one name.
func (OS) Lock(name string) (io.Closer, error) {
	fd, err := open(name, unix.O_RDWR|unix.O_CREAT)
	if err != nil {
		return nil, pathError("lock", name, err)
	}
	err = retry(func() error { return unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) })
	if err == nil {
		return &osFile{fd: fd, name: name}, nil
	}
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = ErrLocked
	}
	return nil, pathError("lock", name, errors.Join(err, unix.Close(fd)))
}

// IsBadMedium reports whether err says that what is stored can not be read,
// now and most likely never: the rest of the disk may be sound. A lack of
// rights or of descriptors is not that.
func IsBadMedium(err error) bool {
	for _, e := range []error{unix.EIO, unix.ENODATA, unix.EREMOTEIO, unix.EBADMSG, unix.EILSEQ, unix.EUCLEAN} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// IsNoSpace reports whether err says that the disk or the quota is full. The
// write or allocation was then refused; the disk is not broken.
func IsNoSpace(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)
}

func openFile(op, name string, flags int) (File, error) {
	fd, err := open(name, flags)
	if err != nil {
		return nil, pathError(op, name, err)
	}
	return &osFile{fd: fd, name: name}, nil
}

func open(name string, flags int) (fd int, err error) {
	err = retry(func() error {
		fd, err = unix.Open(name, flags|unix.O_CLOEXEC, filePerm)
		return err
	})
	return fd, err
}

// retry calls f until it was not interrupted by a signal.
func retry(f func() error) error {
	for {
		if err := f(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

func pathError(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}
