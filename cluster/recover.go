package cluster

import (
	"errors"
	"fmt"
	"slices"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// recover reads the directory, or makes it, and leaves the committer ready to
// append. Until everything was read and found good, nothing is changed.
//
// A journal with frames in it is never appended to by a later process as it is:
// what it read may be in the page cache only, and a new fsync would not prove
// that it is on disk. Instead the state goes into a new snapshot, which is synced
// under a new name. That also buries a torn tail for good. Only if there is no
// room for it the journal goes on, written again in its place.
func (c *committer) recover(o Options) (*Image, error) {
	f := &c.files
	if err := f.fs.MkdirAll(f.dir); err != nil {
		return nil, fmt.Errorf("make %s: %w", f.dir, err)
	}
	// A killed process may have left names that are not on disk yet. They are
	// about to be believed, and the older ones they replace unlinked.
	if err := f.fs.SyncDir(f.dir); err != nil {
		return nil, fmt.Errorf("sync %s: %w", f.dir, err)
	}
	l, err := f.list()
	if err != nil {
		return nil, err
	}
	if len(l.snapshots) == 0 {
		return c.create(o, l)
	}
	f.generation = slices.Max(l.snapshots)
	d, found, err := f.replay(l)
	if err != nil {
		return nil, err
	}
	if node := d.img.ids.node; node != o.NodeID {
		return nil, fmt.Errorf("%w: it was made by node.id=%d and cluster %s, but node.id=%d is configured; "+
			"configure node.id=%d, or give this node a directory of its own",
			ErrWrongNode, node, d.img.ClusterID, o.NodeID, node)
	}
	rackChanged := !slices.Contains(d.img.Brokers, Broker{ID: o.NodeID, Rack: o.Rack})
	if rackChanged {
		if err := d.apply(brokerRecord{id: o.NodeID, rack: o.Rack}); err != nil {
			return nil, err
		}
	}
	img := d.done()
	if err := f.goOn(img, found, rackChanged); err != nil {
		return nil, err
	}
	return img, f.clean(l)
}

// create makes the first pair. Journals without any snapshot are either what a
// crash left of an earlier attempt, then they are empty, or a loss.
func (c *committer) create(o Options, l listing) (*Image, error) {
	f := &c.files
	for _, n := range l.journals {
		if err := f.mustBeEmpty(n); err != nil {
			return nil, fmt.Errorf("no snapshot stands in %s, yet a journal with changes does: %w", f.dir, err)
		}
	}
	d := newDraft(&Image{})
	first := []record{
		identityRecord{clusterID: model.NewTopicID().String(), node: o.NodeID},
		brokerRecord{id: o.NodeID, rack: o.Rack},
	}
	for _, r := range first {
		if err := d.apply(r); err != nil {
			return nil, err
		}
	}
	img := d.done()
	if err := f.roll(img); err != nil {
		return nil, err
	}
	return img, f.clean(l)
}

// found is what a replay saw in the journal.
type found struct {
	frames  bool   // it holds changes
	torn    bool   // it ends in bytes that are no frame
	journal []byte // its good bytes
}

// replay reads the pair of f.generation.
func (f *files) replay(l listing) (*draft, found, error) {
	name := snapshotName(f.generation)
	content, err := f.read(name)
	if err != nil {
		return nil, found{}, err
	}
	d, err := decodeSnapshot(content, f.generation)
	if err != nil {
		return nil, found{}, fmt.Errorf("%s: %w", f.path(name), refusal(err))
	}
	f.snapshotBytes = int64(len(content))
	if !slices.Contains(l.journals, f.generation) {
		return nil, found{}, fmt.Errorf("%s is missing, but %s needs it: %w", f.journalName(), name, refusal(ErrCorrupt))
	}
	for _, n := range l.journals {
		if n > f.generation {
			if err := f.mustBeEmpty(n); err != nil {
				return nil, found{}, err
			}
		}
	}
	file, err := f.read(journalName(f.generation))
	if err != nil {
		return nil, found{}, err
	}
	h, err := decodeFileHeader(file, journalFile, f.generation)
	if err != nil {
		return nil, found{}, fmt.Errorf("%s: %w", f.journalName(), refusal(err))
	}
	var saw found
	end, err := scanFrames(file, h.salt, func(fr frame) error {
		saw.frames = true
		return decodeRecords(fr.body, d.apply)
	})
	if err != nil {
		return nil, found{}, fmt.Errorf("%s: %w", f.journalName(), refusal(err))
	}
	saw.torn = end < len(file)
	saw.journal = file[:end]
	f.salt, f.frames, f.end = h.salt, 0, int64(end)
	return d, saw, nil
}

// refusal adds what the operator needs to know to an error of the content.
func refusal(err error) error {
	if errors.Is(err, ErrNewerFormat) {
		return fmt.Errorf("%w; start the newer version, nothing was changed", err)
	}
	return fmt.Errorf("%w; the broker does not start on it and nothing was deleted: restore the metadata directory "+
		"from a backup; without one, docs/durability.md tells how the records can still be read", err)
}

// mustBeEmpty checks a journal that no snapshot counts.
func (f *files) mustBeEmpty(n uint64) error {
	content, err := f.read(journalName(n))
	if err != nil {
		return err
	}
	if len(content) > fileHeaderSize {
		return fmt.Errorf("%s holds %d bytes of changes without its snapshot: %w",
			f.path(journalName(n)), len(content)-fileHeaderSize, refusal(ErrCorrupt))
	}
	return nil
}

// goOn makes the journal ready for appends: the one that was read if it is
// empty, a new pair otherwise.
func (f *files) goOn(img *Image, saw found, changed bool) error {
	if !saw.frames && !saw.torn && !changed {
		file, err := f.fs.OpenWritable(f.journalName())
		if err != nil {
			return fmt.Errorf("open %s: %w", f.journalName(), err)
		}
		f.journal = file
		return nil
	}
	old := f.generation
	if err := f.roll(img); err != nil {
		if vfs.IsNoSpace(err) && !errors.Is(err, errUnsynced) && !changed {
			return f.rewrite(saw.journal)
		}
		return err
	}
	if saw.torn {
		// What was cut may be worth a look: a bit flip in the last commit
		// cannot be told from a torn write.
		if err := f.fs.Rename(f.path(journalName(old)), f.path(tornName(old))); err != nil {
			return fmt.Errorf("set the torn %s aside: %w", journalName(old), err)
		}
	}
	return nil
}

// rewrite has the journal that was read go on, where the disk has no room for a
// new pair: the same bytes are written again in their place, and synced, which
// takes no new block of most disks. A torn tail goes; there is no room to keep it.
func (f *files) rewrite(content []byte) error {
	file, err := f.fs.OpenWritable(f.journalName())
	if err != nil {
		return fmt.Errorf("open %s: %w", f.journalName(), err)
	}
	if err = file.Truncate(f.end); err == nil {
		_, err = file.WriteAt(content, 0)
	}
	if err == nil {
		err = file.Datasync()
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s again: %w", f.journalName(), err), file.Close())
	}
	f.journal = file
	_, err = scanFrames(content, f.salt, func(fr frame) error {
		f.frames = fr.number
		return nil
	})
	return err
}

// clean removes what has no meaning any more. Of the torn journals the one
// found before this start stays, beside the one of this start.
func (f *files) clean(l listing) error {
	var errs []error
	for _, name := range l.temporary {
		errs = append(errs, f.discard(name))
	}
	for _, n := range l.snapshots {
		if n < f.generation {
			errs = append(errs, f.discard(snapshotName(n)))
		}
	}
	for _, n := range l.journals {
		if n != f.generation {
			errs = append(errs, f.discard(journalName(n)))
		}
	}
	slices.Sort(l.torn)
	for _, n := range l.torn[:max(0, len(l.torn)-1)] {
		errs = append(errs, f.discard(tornName(n)))
	}
	return errors.Join(errs...)
}
