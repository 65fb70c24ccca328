package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// Dump prints what the room keeps in a data directory.
func Dump(w io.Writer, fsys vfs.FS, dir string) error {
	size, err := fsys.Size(path.Join(dir, ballastName))
	if errors.Is(err, fs.ErrNotExist) {
		_, err = fmt.Fprintf(w, "%s: none; the disk had no room for it, it was given back to a full disk, or it is switched off\n", ballastName)
		return err
	}
	if err != nil {
		return fmt.Errorf("%s: %w", ballastName, err)
	}
	_, err = fmt.Fprintf(w, "%s: %d bytes, kept for the time when the disk is full\n", ballastName, size)
	return err
}
