package log

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/log/index"
)

// indexLevelFiles is how many files of one level make one of the next.
const indexLevelFiles = 8

// indexSuffix ends the names of index files; see index.FileName.
const indexSuffix = ".index"

// indexFiles owns the index files of a log: which ones there are and in what
// order, writing the next, merging, removing. The partitions own the blocks.
//
// One checkpoint and one merge may run at a time, also both together.
type indexFiles struct {
	fs         vfs.FS
	dir        string
	cache      *index.Cache
	levelFiles int // indexLevelFiles; tests merge earlier
	tombs      *tombs

	mu struct {
		sync.Mutex
		files   []*index.File // oldest first; levels never rise
		retired []retiredIndex
		barred  map[*index.File]bool // damaged: they are not merged
		nextID  uint64
	}
}

// retiredIndex is a file that a merge replaced. The checkpoints that are kept
// may still name it.
type retiredIndex struct {
	name    string
	omitted bool // the list of the coming checkpoint lacks it
	durable int  // so many durable checkpoints lack it
}

func newIndexFiles(fsys vfs.FS, dir string, cacheBytes int64) *indexFiles {
	x := &indexFiles{fs: fsys, dir: dir, cache: index.NewCache(cacheBytes), levelFiles: indexLevelFiles, tombs: newTombs()}
	x.mu.nextID = 1
	x.mu.barred = make(map[*index.File]bool)
	return x
}

// open opens the files that a checkpoint names. One that is missing, damaged
// or another than the one meant fails the whole: the caller rebuilds.
func (x *indexFiles) open(list []checkpointIndex) error {
	var files []*index.File
	for _, want := range list {
		f, err := index.Open(x.fs, path.Join(x.dir, index.FileName(want.ID)), x.cache)
		if err == nil {
			files = append(files, f)
			if got := describeIndex(f); got != want {
				err = fmt.Errorf("%w: %s is not the one of the checkpoint: %+v, not %+v", index.ErrCorrupt, f.Path(), got, want)
			}
		}
		if err != nil {
			for _, f := range files {
				err = errors.Join(err, f.Release())
			}
			return err
		}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.mu.files = files
	return nil
}

func describeIndex(f *index.File) checkpointIndex {
	m := f.Meta()
	return checkpointIndex{ID: m.ID, Bytes: f.Bytes(), Level: m.Level, DirectoryCRC: f.DirectoryCRC()}
}

// load gives the partitions the state and blocks that the open files hold, as
// of the checkpoint that named them. find returns nil for a partition that is
// no more.
func (x *indexFiles) load(find func(model.PartitionID) *PartitionLog) error {
	return index.Together(x.snapshot(), func(id model.PartitionID, parts []index.Part) error {
		p := find(id)
		if p == nil {
			return nil
		}
		if err := p.load(parts); err != nil {
			return fmt.Errorf("index %s: partition %d: %w", parts[0].File.Path(), id, err)
		}
		return nil
	})
}

// snapshot is the list of files as it is now.
func (x *indexFiles) snapshot() []*index.File {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(x.mu.files)
}

// list names the files for the checkpoint that is about to be written.
func (x *indexFiles) list() []checkpointIndex {
	x.mu.Lock()
	defer x.mu.Unlock()
	for i := range x.mu.retired {
		x.mu.retired[i].omitted = true
	}
	list := make([]checkpointIndex, len(x.mu.files))
	for i, f := range x.mu.files {
		list[i] = describeIndex(f)
	}
	return list
}

// checkpointed hears that the checkpoint made from the last list is durable.
// It removes files that none of the checkpoints which are kept names.
func (x *indexFiles) checkpointed() error {
	x.mu.Lock()
	var gone []string
	x.mu.retired = slices.DeleteFunc(x.mu.retired, func(r retiredIndex) bool {
		dead := r.omitted && r.durable+1 >= checkpointsKept
		if dead {
			gone = append(gone, r.name)
		}
		return dead
	})
	for i := range x.mu.retired {
		if x.mu.retired[i].omitted {
			x.mu.retired[i].durable++
		}
	}
	x.mu.Unlock()
	var errs []error
	for _, name := range gone {
		if err := x.remove(name); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (x *indexFiles) remove(name string) error {
	if err := x.fs.Remove(path.Join(x.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove index: %w", err)
	}
	return nil
}

// sweep removes the index files that no checkpoint on disk names: they were
// written for one that never came to be. They are derived, so nothing is lost.
// It must come before the first write of a life, and returns what it removed.
func (x *indexFiles) sweep(checkpoints ...*checkpoint) ([]string, error) {
	named := make(map[string]bool)
	next := uint64(1)
	for _, c := range checkpoints {
		for _, i := range c.Indexes {
			named[index.FileName(i.ID)] = true
			next = max(next, i.ID+1)
		}
	}
	x.mu.Lock()
	x.mu.nextID = next
	inUse := make(map[string]bool)
	for _, f := range x.mu.files {
		inUse[path.Base(f.Path())] = true
	}
	for name := range named {
		if !inUse[name] {
			x.mu.retired = append(x.mu.retired, retiredIndex{name: name})
		}
	}
	x.mu.Unlock()
	names, err := x.fs.List(x.dir)
	if err != nil {
		return nil, fmt.Errorf("list indexes: %w", err)
	}
	var removed []string
	for _, name := range names {
		if !strings.HasSuffix(strings.TrimSuffix(name, ".tmp"), indexSuffix) || named[name] || strings.HasPrefix(name, quarantinePrefix) {
			continue
		}
		if err := x.remove(name); err != nil {
			return removed, err
		}
		removed = append(removed, name)
	}
	return removed, nil
}

// create starts the next file.
func (x *indexFiles) create(level uint32) (string, index.Meta) {
	x.mu.Lock()
	defer x.mu.Unlock()
	id := x.mu.nextID
	x.mu.nextID++
	return path.Join(x.dir, index.FileName(id)), index.Meta{ID: id, Level: level, Salt: newSalt()}
}

// write puts the partitions of a snapshot into one new file: one stream, one
// fsync. What died before the snapshot must have been counted: the blocks
// below the log start as of then go. After an error the caller has the
// goroutine that owns the dirty set restore the partitions.
func (x *indexFiles) write(partitions []*PartitionLog, number uint32) (*index.File, error) {
	if len(partitions) == 0 {
		return nil, nil
	}
	slices.SortFunc(partitions, func(a, b *PartitionLog) int { return cmp.Compare(a.id, b.id) })
	f, err := x.writeFile(partitions, number)
	if err != nil {
		thawAll(partitions, number)
		return nil, err
	}
	start := uint32(0)
	for _, p := range partitions {
		start += p.published(f, start)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.mu.files = append(x.mu.files, f)
	return f, nil
}

func (x *indexFiles) writeFile(partitions []*PartitionLog, number uint32) (*index.File, error) {
	name, meta := x.create(0)
	w, err := index.Create(x.fs, name, meta, x.cache)
	if err != nil {
		return nil, err
	}
	for _, p := range partitions {
		frozen := p.collect(number)
		err := w.Begin(p.id, frozen.state, frozen.truncatedTo, frozen.whole)
		if err == nil {
			err = w.Add(frozen.entries)
		}
		if err != nil {
			w.Abort()
			return nil, err
		}
	}
	return w.Finish()
}

// mergeable returns the oldest files of a level that has enough of them, or nil.
// They are neighbours: a damaged file parts those before it from those behind.
func (x *indexFiles) mergeable() []*index.File {
	x.mu.Lock()
	files, barred := slices.Clone(x.mu.files), maps.Clone(x.mu.barred)
	x.mu.Unlock()
	for end := len(files); end > 0; {
		if barred[files[end-1]] {
			end--
			continue
		}
		level := files[end-1].Meta().Level
		begin := end
		for begin > 0 && files[begin-1].Meta().Level == level && !barred[files[begin-1]] {
			begin--
		}
		if end-begin >= x.levelFiles {
			entries := uint64(0)
			for _, f := range files[begin : begin+x.levelFiles] {
				entries += f.Entries()
			}
			if entries <= index.EntriesMax {
				return files[begin : begin+x.levelFiles]
			}
		}
		end = begin
	}
	return nil
}

// bar keeps the damaged ones of the inputs from being merged again in this
// life, so that the others are, and says what can be done.
func (x *indexFiles) bar(inputs []*index.File, cause error) error {
	bad := slices.DeleteFunc(slices.Clone(inputs), func(f *index.File) bool { return f.Verify() == nil })
	if len(bad) == 0 {
		bad = inputs // whatever it was
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	var names []string
	for _, f := range bad {
		x.mu.barred[f] = true
		names = append(names, path.Base(f.Path()))
	}
	return fmt.Errorf("%w; %s will not be merged, and reads that need the damaged entries fail: "+
		"stop the broker and run `mainstem log salvage --drop-indexes`, and all indexes are made anew", cause, strings.Join(names, ", "))
}

// merge makes one file of a level's eight if there are so many, and reports
// whether there may be more to do. find returns nil for a
// partition that is no more. The next checkpoint names the result.
func (x *indexFiles) merge(find func(model.PartitionID) *PartitionLog) (bool, error) {
	inputs := x.mergeable()
	if inputs == nil {
		return false, nil
	}
	old := make(map[*index.File]bool)
	for _, f := range inputs {
		old[f] = true
	}
	name, meta := x.create(inputs[0].Meta().Level + 1)
	out, err := index.Merge(x.fs, name, meta, inputs, func(id model.PartitionID) (model.Offset, bool) {
		if p := find(id); p != nil {
			return p.durableStart(), true
		}
		return noOffset, x.tombs.wanted(id, old)
	})
	if errors.Is(err, index.ErrCorrupt) {
		return true, x.bar(inputs, err)
	}
	if err != nil {
		return false, err
	}
	sections := make([]index.Section, 0, out.SectionCount())
	err = out.Sections(false, func(s index.Section) error {
		sections = append(sections, s)
		return nil
	})
	if err != nil {
		return false, errors.Join(err, out.Release(), x.remove(path.Base(name)))
	}
	for rest := sections; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].Partition == rest[0].Partition {
			n++
		}
		if p := find(rest[0].Partition); p != nil {
			p.replaced(old, out, rest[:n])
		}
		rest = rest[n:]
	}
	x.tombs.merged(old, out, sections)
	x.replace(inputs, out)
	var errs []error
	for _, f := range inputs {
		errs = append(errs, f.Release())
	}
	return true, errors.Join(errs...)
}

// replace puts out where inputs stand in the list.
func (x *indexFiles) replace(inputs []*index.File, out *index.File) {
	x.mu.Lock()
	defer x.mu.Unlock()
	at := slices.Index(x.mu.files, inputs[0])
	x.mu.files = slices.Replace(slices.Clone(x.mu.files), at, at+len(inputs), out)
	for _, f := range inputs {
		x.mu.retired = append(x.mu.retired, retiredIndex{name: path.Base(f.Path())})
	}
}

// close closes the files; readers that are under way finish first.
func (x *indexFiles) close() error {
	x.mu.Lock()
	files := x.mu.files
	x.mu.files = nil
	x.mu.Unlock()
	var errs []error
	for _, f := range files {
		errs = append(errs, f.Release())
	}
	return errors.Join(errs...)
}
