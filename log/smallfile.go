package log

import (
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// replaceSmallFile replaces a file as a whole, durably.
func replaceSmallFile(fsys vfs.FS, dir, name string, b []byte) error {
	temp := path.Join(dir, name+tempSuffix)
	if err := fsys.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("write %s: %w", name, err)
	}
	f, err := fsys.Create(temp)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	_, err = f.WriteAt(b, 0)
	if err == nil {
		err = f.Datasync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := fsys.Rename(temp, path.Join(dir, name)); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := fsys.SyncDir(dir); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}
