package replication

import (
	"math"
	"time"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// Backlog is what a reader at some offset has before it.
type Backlog struct {
	// Records below the high watermark that are there to be read. With About it
	// is an upper bound: compaction left gaps in the offsets.
	Records int64
	About   bool
	// Markers says that all of them end transactions. No consumer is given those, so
	// that nothing is there to be read: Bytes and Oldest are zero.
	Markers bool
	// Bytes of the batches that hold them, the first one as a whole.
	Bytes int64
	// Oldest is when the first of them was appended; zero if there is none. It is
	// the broker's time: what producers say of old data they copy would make a
	// reader look years behind.
	Oldest time.Time
}

// Backlog measures what is to be read from an offset on.
func (p *Partition) Backlog(from model.Offset) (Backlog, *protocol.Error) {
	return p.BacklogTo(from, math.MaxInt64)
}

// Barren reports whether a reader of committed records is given nothing between two
// offsets that are not above the last stable one: markers stand there, and records
// of transactions that were aborted. Of more than a few dozen batches it says no.
func (p *Partition) Barren(from, to model.Offset) (bool, *protocol.Error) {
	if err := p.droppedError(); err != nil {
		return false, err
	}
	aborted := abortedBatches(p.log.Aborted(), from, to)
	barren, err := p.log.AllAre(from, to, func(h *batch.Header) bool {
		return h.IsControl() || aborted != nil && h.IsTransactional() && aborted(h)
	})
	if err != nil {
		return false, storageError(err)
	}
	return barren, nil
}

// BacklogTo is Backlog for who reads up to another offset, which is not among
// them; the batch that holds the last one counts as a whole, too. It looks at the
// index at two places, and at a few batches where they may be markers, so it costs
// the same however much that is.
func (p *Partition) BacklogTo(from, to model.Offset) (Backlog, *protocol.Error) {
	if err := p.droppedError(); err != nil {
		return Backlog{}, err
	}
	o := p.Offsets()
	from, to = max(from, o.LogStart), min(to, o.HighWatermark)
	if from >= to {
		return Backlog{}, nil
	}
	b, err := p.log.Backlog(from, to)
	if err != nil {
		return Backlog{}, storageError(err)
	}
	if b.Markers {
		return Backlog{Records: int64(to - from), About: b.Gaps, Markers: true}, nil
	}
	out := Backlog{Records: int64(to - from), About: b.Gaps, Bytes: b.Bytes}
	if b.Oldest > 0 {
		out.Oldest = time.UnixMilli(b.Oldest)
	}
	return out, nil
}
