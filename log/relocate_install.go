package log

import (
	"cmp"
	"slices"

	"github.com/mainstem-mq/mainstem/log/index"
)

// install has the indexes find what was copied, and synced, in its new place.
// It runs in the keeper goroutine, so that no checkpoint comes in between: what
// the index file says of a range must be older than what the next one says.
func (k *keeper) install(c *relocation) error {
	patches, err := c.patches()
	if err != nil || len(patches) == 0 {
		return err
	}
	err = k.file(patches, func(f *index.File) error {
		start := uint32(0)
		for i := range patches {
			x := &patches[i]
			valid := x.partition.patched(f, start, x)
			start += uint32(len(x.entries))
			c.bytes += c.move(x, valid)
		}
		return nil
	})
	if err != nil {
		return err
	}
	c.filed = true
	c.writers.counted() // whose goroutine waits for this one
	return nil
}

// patches makes of what was copied what the indexes shall say: of what was
// neither truncated nor deleted nor moved by somebody else meanwhile.
func (c *relocation) patches() ([]patch, error) {
	var list []patch
	for p, moved := range c.moved {
		slices.SortFunc(moved, func(a, b movedBatch) int { return cmp.Compare(a.base, b.base) })
		x, err := p.patchOf(c.source.Log, moved)
		if err != nil {
			if err = c.leave(p, err); err != nil {
				return nil, err
			}
			continue
		}
		if len(x.entries) > 0 {
			list = append(list, x)
		}
	}
	slices.SortFunc(list, func(a, b patch) int { return cmp.Compare(a.partition.id, b.partition.id) })
	return list, nil
}

// patchOf is the stretch of the index from the first to the last batch that
// moved, with all that is between. What lies below the log start stays where it
// is: it may be counted as dead already.
func (p *PartitionLog) patchOf(source logID, moved []movedBatch) (patch, error) {
	x := patch{partition: p}
	start := p.Start()
	it, err := p.iterate(max(start, moved[0].base))
	if err != nil {
		return x, err
	}
	defer it.close()
	last := 0 // entries up to the last that moved
	for len(moved) > 0 {
		e, fromDisk, ok, err := it.next()
		if err != nil {
			return x, err
		}
		if !ok || !fromDisk {
			break
		}
		for len(moved) > 0 && moved[0].base < e.BaseOffset {
			moved = moved[1:]
		}
		changed := len(moved) > 0 && moved[0].base == e.BaseOffset && logID(e.Log) == source && Position(e.Position) == moved[0].from
		if changed {
			e.Log, e.Position, e.EntryDistance = uint8(moved[0].to.log), uint64(moved[0].to.at), moved[0].distance
		}
		if changed || last > 0 {
			x.entries, x.changed = append(x.entries, e), append(x.changed, changed)
		}
		if changed {
			last = len(x.entries)
		}
	}
	x.entries, x.changed = x.entries[:last], x.changed[:last]
	if last > 0 {
		x.Range = index.Range{From: x.entries[0].BaseOffset, To: x.entries[last-1].LastOffset() + 1}
	}
	return x, nil
}

// patched hears that a file on disk holds the patch, from this entry on. It
// returns the offsets of which the file speaks now: a truncation may have taken
// the rest since the patch was made.
func (p *PartitionLog) patched(f *index.File, start uint32, x *patch) index.Range {
	p.mu.Lock()
	defer p.mu.Unlock()
	blocks := make([]index.Block, 0, len(p.mu.index.blocks)+2)
	mine, valid := -1, index.Range{}
	for _, b := range p.mu.index.blocks {
		if b.End <= x.From || b.First >= x.To {
			blocks = append(blocks, b)
			continue
		}
		if mine < 0 {
			if below := b; b.First < x.From {
				below.End = x.From
				blocks = append(blocks, below)
			}
			mine, valid.From = len(blocks), max(b.First, x.From)
			blocks = append(blocks, index.Block{})
		}
		valid.To = min(b.End, x.To)
		if b.End > x.To {
			b.First = x.To
			blocks = append(blocks, b)
		}
	}
	if mine < 0 {
		return index.Range{}
	}
	blocks[mine] = index.Block{File: f, First: valid.From, End: valid.To, Start: start, Count: uint32(len(x.entries))}
	p.mu.index.moved(blocks)
	p.mu.checkpoint.filed.newest = f
	return valid
}

// move counts the batches of a patch as live where they are now.
func (c *relocation) move(x *patch, valid index.Range) (bytes int64) {
	cold := c.log.coldLog.segments.all()
	for i := range x.entries {
		e := &x.entries[i]
		if !x.changed[i] || e.BaseOffset < valid.From || e.LastOffset() >= valid.To {
			continue
		}
		n := int64(e.Length)
		c.source.live.Add(-n)
		if s := cold.find(Position(e.Position)); s != nil {
			s.live.Add(n)
		}
		bytes += n
	}
	return bytes
}
