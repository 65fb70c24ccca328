package cluster

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// ErrNoMetadata says that a directory holds no metadata at all.
var ErrNoMetadata = errors.New("there are no metadata files")

// Inspection is what a look at the metadata files of a stopped broker found.
type Inspection struct {
	Image *Image // nil if the files do not tell
	Fault error  // why not; the broker does not start then
	Notes []string
	Bytes int64 // of snapshot and journal
}

// Inspect reads the metadata in dir/metadata, and writes nothing. An error
// means that nothing can be said: a newer version wrote the files, or they can
// not be read.
func Inspect(fsys vfs.FS, dir string) (*Inspection, error) {
	f := &files{fs: fsys, dir: joinPath(dir, "metadata")}
	l, err := f.list()
	if errors.Is(err, fs.ErrNotExist) {
		return &Inspection{Fault: fmt.Errorf("%w: %s is missing", ErrNoMetadata, f.dir)}, nil
	}
	if err != nil {
		return nil, err
	}
	if len(l.snapshots) == 0 {
		return &Inspection{Fault: fmt.Errorf("%w: no snapshot stands in %s", ErrNoMetadata, f.dir)}, nil
	}
	f.generation = slices.Max(l.snapshots)
	in := &Inspection{}
	for _, name := range []string{snapshotName(f.generation), journalName(f.generation)} {
		if size, err := fsys.Size(f.path(name)); err == nil {
			in.Bytes += size
		}
	}
	d, saw, fault := f.replay(l)
	if errors.Is(fault, ErrNewerFormat) {
		return nil, fault
	}
	in.Fault = fault
	if fault == nil {
		in.Image = d.done()
		in.note(f, l, saw)
	}
	return in, nil
}

// note says what is worth knowing though the metadata is whole.
func (in *Inspection) note(f *files, l listing, saw found) {
	if saw.torn {
		in.Notes = append(in.Notes, f.journalName()+" ends in a torn change, which nobody was told of: the next start keeps it aside as "+tornName(f.generation))
	}
	for _, n := range l.torn {
		in.Notes = append(in.Notes, f.path(tornName(n))+" is a journal with a torn tail, kept by an earlier start")
	}
}

// Exists reports whether dir/metadata holds a snapshot, without which there is
// no metadata.
func Exists(fsys vfs.FS, dir string) (bool, error) {
	f := &files{fs: fsys, dir: joinPath(dir, "metadata")}
	l, err := f.list()
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return len(l.snapshots) > 0, err
}

// PartitionsGiven reports whether any partition was ever made.
func (i *Image) PartitionsGiven() bool { return i.ids.nextPartition > 1 }
