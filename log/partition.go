package log

import (
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/span"
)

// PartitionLog is one partition's view of the CommitLog: its offsets, its
// index, its log start, epoch starts and producer states, all as *written*
// (what is still queued is the caller's to know). One exists for each
// partition that the log holds or has been asked for; it is cheap when idle.
type PartitionLog struct{}

// ID is the partition's number in the log.
func (p *PartitionLog) ID() model.PartitionID { panic("not built") }

// Start is the first offset a reader may ask for.
func (p *PartitionLog) Start() model.Offset { panic("not built") }

// End is the offset after the last written record.
func (p *PartitionLog) End() model.Offset { panic("not built") }

// DurableEnd is the offset after the last record known to be on disk; at most End.
func (p *PartitionLog) DurableEnd() model.Offset { panic("not built") }

// Generation counts the failed appends of this partition; see Append.Generation.
func (p *PartitionLog) Generation() uint32 { panic("not built") }

// Bytes is the size of the batches between Start and End.
func (p *PartitionLog) Bytes() int64 { panic("not built") }

// Refused says why the partition takes no appends (ErrOwnerUnknown: damage
// whose owners are unknown, see Recovery), or nil.
func (p *PartitionLog) Refused() error { panic("not built") }

// Epochs returns the leader epochs and their first offsets, ascending.
func (p *PartitionLog) Epochs() []EpochStart { panic("not built") }

// Producer returns a copy of the written state of one idempotent producer.
func (p *PartitionLog) Producer(id model.ProducerID) (ProducerState, bool) { panic("not built") }

// Producers calls f for each producer state, in no order, until it returns false.
func (p *PartitionLog) Producers(f func(ProducerState) bool) { panic("not built") }

// ReadRequest asks for whole batches.
type ReadRequest struct {
	From     model.Offset // the batch that holds it comes first
	Limit    model.Offset // exclusive: no batch that reaches to or past it
	MaxBytes int          // stop before exceeding it...
	MinOne   bool         // ...but give the first batch whatever its size (KIP-74)
}

// Read appends to out the batches that the request asks for: memory from the
// tail ring, file ranges that are in the page cache, or memory read by the
// cold lane (this may block on the disk). It returns the bytes added; 0 if
// From is at or past Limit. Errors: ErrOutOfRange, ErrCorrupt (the range holds
// damaged bytes; batches before it are served by earlier reads), or a disk error.
func (p *PartitionLog) Read(r ReadRequest, out *span.List) (int, error) { panic("not built") }

// TimestampOffset is the answer of the lookups by time.
type TimestampOffset struct {
	Offset    model.Offset
	Timestamp int64 // ms
	Epoch     model.LeaderEpoch
}

// FirstAtOrAfter finds the first record below limit whose timestamp is at
// least ts; false if there is none. It reads (and decompresses) one batch.
func (p *PartitionLog) FirstAtOrAfter(ts int64, limit model.Offset) (TimestampOffset, bool, error) {
	panic("not built")
}

// MaxTimestamp finds the first record below limit that carries the largest timestamp (KIP-734).
func (p *PartitionLog) MaxTimestamp(limit model.Offset) (TimestampOffset, bool, error) {
	panic("not built")
}

// ExpiredStart returns the log start that retention asks for: see the rules in
// design section 4. maxAge in ms and maxBytes; negative means no limit. Only
// an expired prefix of whole batches below limit goes.
func (p *PartitionLog) ExpiredStart(now, maxAge, maxBytes int64, limit model.Offset) (model.Offset, error) {
	panic("not built")
}
