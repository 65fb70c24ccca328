package log

import (
	"slices"
	"sync"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// PartitionLog is one partition's view of the CommitLog: its offsets, its
// index, its log start, epoch starts and producer states, all as *written*
// (what is still queued is the caller's to know). One exists for each
// partition that the log holds or has been asked for; it is cheap when idle.
type PartitionLog struct {
	id     model.PartitionID
	log    *Log
	writer partitionWriter // touched by the writer goroutine only

	mu struct {
		sync.Mutex
		state      partitionState
		index      partitionIndex
		checkpoint partitionCheckpoint
		refused    error
		durable    model.Offset
		generation uint32
		class      RetentionClass
		// uninstalled says that the index does not speak of the run yet that the
		// state names: recovery installs it at its end.
		uninstalled bool
	}
}

// partitionShared is what all partitions of a log have in common.
type partitionShared struct {
	batches      batchReader
	dirty        dirtySet // owned by the goroutine that applies
	producersMax int
}

func newPartitionLog(id model.PartitionID, l *Log) *PartitionLog {
	p := &PartitionLog{id: id, log: l}
	p.mu.state = newPartitionState()
	p.mu.checkpoint.truncatedTo = -1
	p.mu.class = retentionClassMax
	return p
}

// ID is the partition's number in the log.
func (p *PartitionLog) ID() model.PartitionID { return p.id }

// Start is the first offset a reader may ask for.
func (p *PartitionLog) Start() model.Offset {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.state.start
}

// End is the offset after the last written record.
func (p *PartitionLog) End() model.Offset {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.state.end
}

// DurableEnd is the offset after the last record known to be on disk; at most End.
func (p *PartitionLog) DurableEnd() model.Offset {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.durable
}

// Generation counts the failed appends of this partition; see Append.Generation.
func (p *PartitionLog) Generation() uint32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.generation
}

// Bytes is the size of the batches between Start and End.
func (p *PartitionLog) Bytes() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.state.size()
}

// Refused says why the partition takes no appends (ErrOwnerUnknown: damage
// whose owners are unknown, see Recovery), or nil.
func (p *PartitionLog) Refused() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.refused
}

// Epochs returns the leader epochs and their first offsets, ascending.
func (p *PartitionLog) Epochs() []EpochStart {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.mu.state.epochs)
}

// EpochEnd answers where a leader epoch ended, as written: the largest epoch
// that the log holds and that is not above the one asked for, and the start of
// the next higher one, or End (KIP-101, KIP-320).
func (p *PartitionLog) EpochEnd(epoch model.LeaderEpoch) (model.LeaderEpoch, model.Offset) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := epochEnd(p.mu.state.epochs, p.mu.state.end, epoch)
	return e.Epoch, e.Start
}

// Producer returns a copy of the written state of one idempotent producer.
func (p *PartitionLog) Producer(id model.ProducerID) (ProducerState, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i, ok := p.mu.state.producers.find(id)
	if !ok {
		return ProducerState{}, false
	}
	return *p.mu.state.producers[i], true
}

// Producers returns copies of the written states of all idempotent producers,
// ascending by id.
func (p *PartitionLog) Producers() []ProducerState {
	p.mu.Lock()
	defer p.mu.Unlock()
	producers := make([]ProducerState, len(p.mu.state.producers))
	for i, s := range p.mu.state.producers {
		producers[i] = *s
	}
	return producers
}

// ProducerCount is how many there are.
func (p *PartitionLog) ProducerCount() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.mu.state.producers)
}

// SetRetentionClass says which records this partition's are kept with when
// they are relocated. If nobody says it is with those that are never deleted.
func (p *PartitionLog) SetRetentionClass(c RetentionClass) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.class = c
}

// RetentionClass is what SetRetentionClass said last.
func (p *PartitionLog) RetentionClass() RetentionClass {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.class
}
