package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// ballastName is the ballast's file within the data directory.
const ballastName = "ballast"

// ballast is a file that takes room so that it can be given back. It holds no
// data, so nothing of it has to be synced: whatever a crash leaves is made as
// large as it should be by the next start, and room that is not there yet is no
// worse than none.
type ballast struct {
	fs   vfs.FS
	name string
	held int64 // bytes that the file reserves
	sure bool  // it does: this life has reserved them. A copied file may be all holes
}

// Held is the room that a data directory's ballast takes: free for a broker
// that starts there, though the file system does not count it so.
func Held(fsys vfs.FS, dir string) int64 {
	b := ballast{fs: fsys, name: path.Join(dir, ballastName)}
	if err := b.measure(); err != nil {
		return 0
	}
	return b.held
}

// measure asks how large the file is: anybody may remove it.
func (b *ballast) measure() error {
	size, err := b.fs.Size(b.name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("ballast: %w", err)
	}
	b.held = size
	return nil
}

// fits reports whether the file has about the size that it should have. The
// size follows that of the disk, and a file of which a byte is missing is not
// worth a change.
func (b *ballast) fits(want int64) bool {
	return b.held >= want-want/4 && b.held <= plus(want, want/4) && (b.sure || want == 0)
}

// missing is what of the wanted size is not reserved.
func (b *ballast) missing(want int64) int64 { return max(want-b.held, 0) }

// resize makes the file reserve so many bytes. If there is not enough room,
// nothing is taken.
func (b *ballast) resize(want int64) error {
	if want < b.held || want == 0 {
		if err := b.release(); err != nil || want == 0 {
			return err
		}
	}
	f, err := b.fs.OpenWritable(b.name)
	if errors.Is(err, fs.ErrNotExist) {
		f, err = b.fs.Create(b.name)
	}
	if err != nil {
		return fmt.Errorf("ballast: %w", err)
	}
	err = f.Allocate(0, want)
	if err = errors.Join(err, f.Close()); err != nil {
		// A part of it is of no use, and its room is missed elsewhere.
		return errors.Join(fmt.Errorf("ballast: %w", err), b.release())
	}
	b.held, b.sure = want, true
	return nil
}

// shrink gives all of the room back but so many bytes.
func (b *ballast) shrink(keep int64) error {
	if keep == 0 {
		return b.release()
	}
	f, err := b.fs.OpenWritable(b.name)
	if err != nil {
		return fmt.Errorf("ballast: %w", err)
	}
	if err := errors.Join(f.Truncate(keep), f.Close()); err != nil {
		return fmt.Errorf("ballast: %w", err)
	}
	b.held = keep
	return nil
}

// release gives the room back. The removal is not synced: if the file is there
// again after a crash, so is what it is for.
func (b *ballast) release() error {
	if err := b.fs.Remove(b.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("ballast: %w", err)
	}
	b.held, b.sure = 0, false
	return nil
}
