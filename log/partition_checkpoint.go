package log

import (
	"fmt"
	"slices"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/log/index"
)

// A checkpoint says everything as of one Position, but nobody stops for it:
//
//  1. Between two groups the writer takes the list of dirty partitions and
//     raises the dirty set's number (dirtySet.snapshot). That is the moment.
//  2. The checkpoint's goroutine collects one partition after the other. A
//     partition that the writer wants to change before it was collected is
//     frozen by the writer first (touchLocked).
//  3. Once the index file is on disk, published moves the frozen entries over
//     to a block of it; if it did not get that far, thaw takes them back and
//     the writer's goroutine calls dirtySet.restore.
//
// A truncation in between needs no special care: what is frozen stays as it
// was at the moment, so the file says nothing wrong about it; only the view of
// readers is cut, and the next checkpoint says so.
//
// Invariant: one checkpoint at a time from snapshot to published or restore.

// dirtySet lists the partitions that changed since the last snapshot. It
// belongs to the goroutine that applies entries: recovery, then the writer.
type dirtySet struct {
	number     uint32 // of the checkpoint that will hold the changes made now
	partitions []*PartitionLog
	entries    int // index entries in memory that no file holds yet
}

// snapshot hands out the partitions that changed, for the checkpoint of the
// number that it returns. Changes from now on belong to the next.
func (d *dirtySet) snapshot() ([]*PartitionLog, uint32) {
	partitions, number := d.partitions, d.number
	d.partitions, d.entries = nil, 0
	d.number++
	return partitions, number
}

// restore makes partitions dirty again whose checkpoint failed.
func (d *dirtySet) restore(partitions []*PartitionLog) {
	for _, p := range partitions {
		p.mu.Lock()
		if p.mu.checkpoint.dirtyAt != d.number+1 {
			p.mu.checkpoint.dirtyAt = d.number + 1
			d.partitions = append(d.partitions, p)
		}
		p.mu.Unlock()
	}
	d.entries = 0
	for _, p := range d.partitions {
		p.mu.Lock()
		d.entries += len(p.mu.index.tail)
		p.mu.Unlock()
	}
}

// partitionCheckpoint is what a partition knows of its place in checkpoints.
type partitionCheckpoint struct {
	dirtyAt     uint32       // 1 + number of the checkpoint that will hold the newest change; 0: none
	frozenAt    uint32       // the same of the newest that has it frozen
	whole       bool         // the next section supersedes all older files
	truncatedTo model.Offset // the next section cuts older files there; -1: it does not
	start       model.Offset // log start in the newest file: durable
	filed       tomb         // which index files may hold sections of the partition
}

// frozenPartition is a partition as of a checkpoint's Position.
type frozenPartition struct {
	state       []byte
	start       model.Offset
	entries     []index.Entry // all that are to be written
	shown       []index.Entry // of these, what readers see: a truncation may have cut the others since
	truncatedTo model.Offset
	whole       bool
}

func (c *partitionCheckpoint) cut(end model.Offset) {
	if c.truncatedTo < 0 || end < c.truncatedTo {
		c.truncatedTo = end
	}
}

// touchLocked comes before every change of what a checkpoint holds.
func (p *PartitionLog) touchLocked() {
	c, d := &p.mu.checkpoint, &p.log.shared.dirty
	if c.dirtyAt == d.number+1 {
		return
	}
	if c.frozenAt < c.dirtyAt {
		p.freezeLocked()
	}
	c.dirtyAt = d.number + 1
	d.partitions = append(d.partitions, p)
}

func (p *PartitionLog) freezeLocked() {
	c, x := &p.mu.checkpoint, &p.mu.index
	x.frozen = &frozenPartition{
		state:       p.mu.state.encode(),
		start:       p.mu.state.start,
		entries:     x.tail,
		shown:       x.tail,
		truncatedTo: c.truncatedTo,
		whole:       c.whole,
	}
	x.tail = nil
	c.frozenAt, c.truncatedTo, c.whole = c.dirtyAt, -1, false
}

// collect returns the partition as of the snapshot with this number.
func (p *PartitionLog) collect(number uint32) *frozenPartition {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.checkpoint.frozenAt < number+1 {
		p.freezeLocked()
	}
	return p.mu.index.frozen
}

// published hears that the frozen part is on disk, from this entry of the file
// on, and returns how many entries it has there.
func (p *PartitionLog) published(f *index.File, start uint32) uint32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	c, x := &p.mu.checkpoint, &p.mu.index
	frozen := x.frozen
	// A new slice always: readers hold the old one.
	blocks := make([]index.Block, 0, len(x.blocks)+1)
	for _, b := range x.blocks {
		if b.End > frozen.start {
			blocks = append(blocks, b)
		}
	}
	if shown := frozen.shown; len(shown) > 0 {
		blocks = append(blocks, index.Block{
			File:  f,
			First: shown[0].BaseOffset,
			End:   shown[len(shown)-1].LastOffset() + 1,
			Start: start,
			Count: uint32(len(shown)),
		})
	}
	if len(blocks) == 0 {
		blocks = nil
	}
	x.blocks, x.frozen = blocks, nil
	c.start = frozen.start
	if c.filed.oldest == nil {
		c.filed.oldest = f
	}
	c.filed.newest = f
	return uint32(len(frozen.entries))
}

// load takes over what index files hold of the partition, newest first.
func (p *PartitionLog) load(parts []index.Part) error {
	v := index.NewView(parts)
	if v.Newest == nil {
		return fmt.Errorf("%w: there are patches, and no state", index.ErrCorrupt)
	}
	state, err := decodeState(v.Newest.Section.State)
	if err != nil {
		return err
	}
	blocks := slices.DeleteFunc(v.Blocks(), func(b index.Block) bool { return b.End <= state.start })
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.state = state
	p.mu.durable = state.end // a checkpoint holds durable entries only
	p.mu.checkpoint.start = state.start
	p.mu.checkpoint.filed = tomb{oldest: parts[len(parts)-1].File, newest: parts[0].File}
	p.mu.index.blocks = blocks
	return nil
}

// thaw takes the frozen part back: its file could not be written.
func (p *PartitionLog) thaw() {
	p.mu.Lock()
	defer p.mu.Unlock()
	c, x := &p.mu.checkpoint, &p.mu.index
	f := x.frozen
	if f == nil {
		return
	}
	if n := len(f.shown); n > 0 {
		x.tail = append(f.shown[:n:n], x.tail...)
	}
	if f.truncatedTo >= 0 {
		c.cut(f.truncatedTo)
	}
	c.whole = c.whole || f.whole
	x.frozen = nil
}

// thawAll takes back what the partitions of a snapshot have frozen, by
// themselves or because the writer had to: their checkpoint is given up.
func thawAll(partitions []*PartitionLog, number uint32) {
	for _, p := range partitions {
		p.collect(number)
		p.thaw()
	}
}

// replaced hears that the blocks which lie in the inputs of a merge are these
// sections of the output now.
func (p *PartitionLog) replaced(inputs map[*index.File]bool, f *index.File, sections []index.Section) {
	p.mu.Lock()
	defer p.mu.Unlock()
	x := &p.mu.index
	p.mu.checkpoint.filed = p.mu.checkpoint.filed.merged(inputs, f)
	// A merge makes one block of many: what is kept has room for that only.
	var room [2 * indexLevelFiles]index.Block
	blocks := room[:0]
	for _, b := range x.blocks {
		if inputs[b.File] {
			// Its borders stay: a truncation may have cut it, a patch parted it.
			from, to := b.First, b.End
			if b = within(f, sections, from, to); b.First >= b.End {
				continue // below the log start, and not kept
			}
			if n := len(blocks); n > 0 && blocks[n-1].File == f && blocks[n-1].Start == b.Start {
				blocks[n-1].End = b.End
				continue
			}
		}
		blocks = append(blocks, b)
	}
	x.moved(append([]index.Block(nil), blocks...))
}

// within is the block of what a merge kept of the offsets [from, to), which
// one section holds.
func within(f *index.File, sections []index.Section, from, to model.Offset) index.Block {
	for i := range sections {
		b := sections[i].Block(f)
		b.First, b.End = max(b.First, from), min(b.End, to)
		if b.Count > 0 && b.First < b.End {
			return b
		}
	}
	return index.Block{}
}

// rebuild forgets what index files hold of the partition: the entries that
// are applied from now on are all there is.
func (p *PartitionLog) rebuild() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.index.blocks = nil
	p.mu.checkpoint.whole = true
}

// filed says which index files may hold sections of the partition.
func (p *PartitionLog) filed() tomb {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.checkpoint.filed
}

// durableStart is the log start that the newest index file holds.
func (p *PartitionLog) durableStart() model.Offset {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.checkpoint.start
}
