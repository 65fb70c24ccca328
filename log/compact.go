package log

import (
	"errors"
	"time"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// BatchCleaner decides what of a partition's batches is kept. The log calls it
// from one goroutine, in offset order: first Learn for each batch that no
// compaction has seen, up to the limit or until it is full, then Clean for each
// batch of the cleaned part and of what was learnt. Bytes are valid during the
// call only.
type BatchCleaner interface {
	// Learn hears of one batch (verbatim bytes). full: there was no room; this
	// batch and those behind it are for another compaction.
	Learn(b []byte) (full bool, err error)
	// Clean returns what is kept of a batch: b itself if all, nil if nothing;
	// valid until the next call. What it returns must be one whole batch with
	// offsets within those of b.
	Clean(b []byte) ([]byte, error)
}

// ErrOvertaken says that a compaction was given up: the partition was truncated
// below what it had cleaned, or dropped. Nothing has changed; try again.
var ErrOvertaken = errors.New("the partition was truncated or dropped while it was compacted")

// Compacted is what one compaction did.
type Compacted struct {
	To          model.Offset // the partition is clean below; 0: there was nothing to do
	BatchesRead int64        // those handed to Clean
	BytesRead   int64
	BatchesKept int64
	BytesKept   int64 // of the batches, as they are stored now
	RunBytes    int64 // what was written, with headers
	Took        time.Duration
}

// Cleanable is what a compaction could do for a partition.
type Cleanable struct {
	CleanedTo         model.Offset // what lies below was cleaned
	CleanBytes        int64        // of the batches that are left below CleanedTo
	DirtyBytes        int64        // of the batches from there up to the limit
	FirstDirtyAppend  int64        // append time of the first dirty batch, ms; 0 if there is none
	FirstDirtyMaxTime int64        // its largest timestamp, ms
}

var errNotBuilt = errors.New("not built")

// Compact cleans the partition below a limit, rounded down to a batch's border:
// what the cleaner keeps is written to the side log, and takes the place of all
// that stood there. The partition's very last batch is never touched; the
// caller keeps the limit at or below the high watermark and the LSO. Others wait
// until it has ended: one partition is compacted at a time. Errors: ErrOvertaken,
// ErrCorrupt, ErrClosed, ErrDiskFull, what the cleaner returned, or a disk error.
func (p *PartitionLog) Compact(limit model.Offset, c BatchCleaner) (Compacted, error) {
	return Compacted{}, errNotBuilt
}

// Cleanable tells how much there is to do below a limit. It looks at the index
// only.
func (p *PartitionLog) Cleanable(limit model.Offset) (Cleanable, error) {
	return Cleanable{}, errNotBuilt
}
