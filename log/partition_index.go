package log

import (
	"errors"
	"slices"
	"sort"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/log/index"
)

// partitionIndex says where a partition's batches are. In order of offset:
// blocks of index files; the entries that a checkpoint is about to write; the
// entries appended since.
//
// Invariant: blocks is replaced, never changed in place, and neither are the
// entries of frozen and tail; so a reader that copied the slices under the
// lock may walk them without it.
type partitionIndex struct {
	blocks []index.Block
	frozen *frozenPartition // nil: no checkpoint is about to write any
	tail   []index.Entry
	read   *readPlaces // what readers left; nil: nothing
}

// readPlaces is what readers leave to those that come after. Most partitions of
// many are not read for long, so it is made when there is something to keep.
type readPlaces struct {
	hint    indexHint
	checked offsetRange // whose entries were checked against the log
}

// indexHint is where the last reader stopped: the next one most often goes on
// there. With several readers far apart it misses, and a search is made.
type indexHint struct {
	file  *index.File
	entry uint32
}

// places makes room for what a reader leaves.
func (x *partitionIndex) places() *readPlaces {
	if x.read == nil {
		x.read = &readPlaces{}
	}
	return x.read
}

// readSoFar is what readers have left.
func (x *partitionIndex) readSoFar() readPlaces {
	if x.read == nil {
		return readPlaces{}
	}
	return *x.read
}

// moved takes blocks that stand in other files, where no hint leads to.
func (x *partitionIndex) moved(blocks []index.Block) {
	x.blocks = blocks
	if x.read != nil {
		x.read.hint = indexHint{}
	}
}

// frozenShown are the frozen entries that readers see.
func (x *partitionIndex) frozenShown() []index.Entry {
	if x.frozen == nil {
		return nil
	}
	return x.frozen.shown
}

// noOffset is above every offset.
const noOffset = model.Offset(1<<63 - 1)

// cut forgets all entries that reach past end.
func (x *partitionIndex) cut(end model.Offset) {
	blocks := make([]index.Block, 0, len(x.blocks))
	for _, b := range x.blocks {
		b.End = min(b.End, end)
		if b.First < b.End {
			blocks = append(blocks, b)
		}
	}
	x.blocks = blocks
	if f := x.frozen; f != nil {
		n := reaching(f.shown, end)
		f.shown = f.shown[:n:n]
	}
	if n := reaching(x.tail, end); n < len(x.tail) {
		// A copy: what is appended next must not overwrite what a reader walks.
		x.tail = slices.Clone(x.tail[:n:n])
	}
}

// reaching is the number of the first entry that holds the offset or lies
// above it; len(entries) if there is none.
func reaching(entries []index.Entry, offset model.Offset) int {
	return sort.Search(len(entries), func(i int) bool { return entries[i].LastOffset() >= offset })
}

// indexIterator walks a partition's entries upwards from an offset. It pins
// nothing: where the files under it were merged away, it finds its place again.
type indexIterator struct {
	partition *PartitionLog
	reader    index.Reader
	blocks    []index.Block
	memory    [2][]index.Entry // frozen, tail
	area      int              // number of a block; or len(blocks) and one more for memory
	entry     uint32           // within the area, to be given next
	from      model.Offset     // nothing below it is given
}

// iterate starts a walk at the entry that holds from or, in a hole, at the
// next above it. It ignores Start. No entry at all is not an error.
func (p *PartitionLog) iterate(from model.Offset) (*indexIterator, error) {
	it := &indexIterator{partition: p, reader: index.Reader{Partition: p.id}, from: from}
	if err := it.seek(); err != nil {
		return nil, damaged(err)
	}
	return it, nil
}

// releasedMax bounds how often a walk starts anew because files were merged
// away under it; merges are minutes apart.
const releasedMax = 100

// seek finds the place of from in the index as it is now.
func (it *indexIterator) seek() error {
	for range releasedMax {
		err := it.seekOnce()
		if !errors.Is(err, index.ErrReleased) {
			return err
		}
	}
	return index.ErrReleased
}

func (it *indexIterator) seekOnce() error {
	x := &it.partition.mu.index
	it.partition.mu.Lock()
	it.blocks, it.memory = x.blocks, [2][]index.Entry{x.frozenShown(), x.tail}
	hint := x.readSoFar().hint
	it.partition.mu.Unlock()

	// The last area that begins at or below the offset, else the first.
	it.area, it.entry = 0, 0
	offset := it.from
	for i := len(it.memory) - 1; i >= 0; i-- {
		if m := it.memory[i]; len(m) > 0 && m[0].BaseOffset <= offset {
			it.area, it.entry = len(it.blocks)+i, uint32(reaching(m, offset))
			return nil
		}
	}
	after := sort.Search(len(it.blocks), func(i int) bool { return it.blocks[i].First > offset })
	if after == 0 {
		return nil
	}
	it.area = after - 1
	b := it.blocks[it.area]
	var err error
	if hint.file == b.File {
		it.entry, err = it.reader.OffsetNear(b, offset, hint.entry)
	} else {
		it.entry, err = it.reader.Offset(b, offset)
	}
	return err
}

// next gives the next entry; fromDisk if it comes from an index file and not
// from this process's own memory; ok false at the end.
func (it *indexIterator) next() (e index.Entry, fromDisk, ok bool, err error) {
	for tries := 0; ; {
		e, ok, err = it.current()
		switch {
		case errors.Is(err, index.ErrReleased) && tries < releasedMax:
			tries++
			if err := it.seek(); err != nil {
				return index.Entry{}, false, false, damaged(err)
			}
		case err != nil:
			return index.Entry{}, false, false, damaged(err)
		case ok:
			it.entry++
			it.from = e.LastOffset() + 1
			return e, it.area < len(it.blocks), true, nil
		case it.area > len(it.blocks):
			return index.Entry{}, false, false, nil
		default:
			it.area++
			it.entry = 0
		}
	}
}

// current is the entry at the iterator's place; false at the end of the area.
func (it *indexIterator) current() (index.Entry, bool, error) {
	if n := it.area - len(it.blocks); n >= 0 {
		if memory := it.memory[n]; it.entry < uint32(len(memory)) {
			return memory[it.entry], true, nil
		}
		return index.Entry{}, false, nil
	}
	b := it.blocks[it.area]
	if it.entry >= b.Count {
		return index.Entry{}, false, nil
	}
	e, err := it.reader.Entry(b, it.entry)
	if err == nil && e.BaseOffset < b.First {
		// The block begins in the middle of its section.
		if it.entry, err = it.reader.Offset(b, b.First); err == nil && it.entry < b.Count {
			e, err = it.reader.Entry(b, it.entry)
		}
	}
	if err != nil || it.entry >= b.Count || e.LastOffset() >= b.End {
		return index.Entry{}, false, err
	}
	return e, true, nil
}

// close leaves a hint for the next reader.
func (it *indexIterator) close() {
	if it.area >= len(it.blocks) {
		return
	}
	p := it.partition
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.index.places().hint = indexHint{it.blocks[it.area].File, it.entry}
}

// lastBelow finds the last entry that ends at or below the offset.
func (p *PartitionLog) lastBelow(end model.Offset) (index.Entry, bool, error) {
	for range releasedMax {
		e, ok, err := p.lastBelowOnce(end)
		if !errors.Is(err, index.ErrReleased) {
			return e, ok, damaged(err)
		}
	}
	return index.Entry{}, false, index.ErrReleased
}

func (p *PartitionLog) lastBelowOnce(end model.Offset) (index.Entry, bool, error) {
	p.mu.Lock()
	blocks, frozen, tail := p.mu.index.blocks, p.mu.index.frozenShown(), p.mu.index.tail
	p.mu.Unlock()
	for _, memory := range [][]index.Entry{tail, frozen} {
		if n := reaching(memory, end); n > 0 {
			return memory[n-1], true, nil
		}
	}
	reader := index.Reader{Partition: p.id}
	for i := len(blocks) - 1; i >= 0; i-- {
		b := blocks[i]
		n, err := reader.Offset(b, min(end, b.End))
		if err != nil {
			return index.Entry{}, false, err
		}
		if n > 0 {
			e, err := reader.Entry(b, n-1)
			if err != nil || e.BaseOffset >= b.First {
				return e, err == nil, err
			}
		}
	}
	return index.Entry{}, false, nil
}
