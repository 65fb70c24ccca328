package log

import (
	"errors"
	"path"

	"github.com/mainstem-mq/mainstem/log/index"
)

// patch is a range of one partition's offsets, and where its batches are now.
type patch struct {
	partition *PartitionLog
	index.Range

	entries []index.Entry
	changed []bool // entry by entry: it has moved
}

// file writes patches into an index file of their own, and has place make the
// partitions find what is in it; if place refuses, the file goes. Until it is in the
// list nothing on the disk speaks of it, and a start removes it.
//
// A truncation is applied by the writer's goroutine, and counts what dies by the
// index; so place changes index and counters there, together. All the rest is done in
// the keeper goroutine, so that no checkpoint comes in between.
func (k *keeper) file(patches []patch, place func(f *index.File) error) error {
	indexes := k.log.indexes
	f, err := indexes.writePatches(patches)
	if err != nil {
		return err
	}
	var refused error
	err = k.inWriter(func() { refused = place(f) })
	if err = errors.Join(err, refused); err != nil {
		return errors.Join(err, f.Release(), indexes.remove(path.Base(f.Path())))
	}
	indexes.add(f)
	return nil
}

// writePatches writes the next index file, of patches only.
func (x *indexFiles) writePatches(patches []patch) (*index.File, error) {
	name, meta := x.create(0)
	w, err := index.Create(x.fs, name, meta, x.cache)
	if err != nil {
		return nil, err
	}
	for i := range patches {
		err := w.BeginPatch(patches[i].partition.id, patches[i].Range)
		if err == nil {
			err = w.Add(patches[i].entries)
		}
		if err != nil {
			w.Abort()
			return nil, err
		}
	}
	return w.Finish()
}

// add puts a file at the end of the list: the next checkpoint names it.
func (x *indexFiles) add(f *index.File) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.mu.files = append(x.mu.files, f)
}
