package log

import "github.com/mainstem-mq/mainstem/internal/model"

// Cleanable is what a compaction could do for a partition.
type Cleanable struct {
	CleanedTo         model.Offset // what lies below was cleaned
	CleanBytes        int64        // of the batches that are left below CleanedTo
	DirtyBytes        int64        // of the batches from there up to the limit
	WaitingBytes      int64        // of the batches from the limit on; the last one always is
	FirstDirtyAppend  int64        // append time of the first dirty batch, ms; 0 if there is none
	FirstDirtyMaxTime int64        // its largest timestamp, ms
}

// Cleanable tells how much there is to do below a limit. It looks at the index
// only, at a few entries.
func (p *PartitionLog) Cleanable(limit model.Offset) (Cleanable, error) {
	c := Cleanable{CleanedTo: p.cleaned().to}
	last, ok, err := p.lastBelow(noOffset)
	if err != nil || !ok {
		return c, err
	}
	limit = min(limit, last.BaseOffset) // the last batch is never touched
	p.mu.Lock()
	start, below := p.mu.state.start, p.mu.state.totals.startBytes
	p.mu.Unlock()
	clean := below
	if c.CleanedTo > start {
		if clean, err = p.bytesBelow(c.CleanedTo); err != nil {
			return c, err
		}
		c.CleanBytes = int64(clean - below)
	}
	from := max(c.CleanedTo, start)
	all := last.TotalBytes
	c.WaitingBytes = int64(all - min(clean, all))
	end, ok, err := p.lastBelow(limit)
	if err != nil || !ok || end.LastOffset() < from {
		return c, err
	}
	c.DirtyBytes = int64(end.TotalBytes - clean)
	c.WaitingBytes = int64(all - end.TotalBytes)
	it, err := p.iterate(from)
	if err != nil {
		return c, err
	}
	defer it.close()
	first, _, ok, err := it.next()
	if err == nil && ok {
		c.FirstDirtyAppend, c.FirstDirtyMaxTime = first.AppendTime, first.MaxTimestamp
	}
	return c, err
}
