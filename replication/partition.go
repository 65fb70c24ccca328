package replication

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/log"
	"github.com/mainstem-mq/mainstem/protocol"
)

// Partition is one partition that this broker leads.
type Partition struct {
	env   *Env
	log   *log.PartitionLog
	index int32
	epoch model.LeaderEpoch
	topic atomic.Pointer[cluster.Topic]

	mu struct {
		sync.Mutex
		next    model.Offset // what the next batch gets
		hw      model.Offset
		gen     uint32 // the log's generation that next was built on
		syncing bool   // a switch to sync flush awaits its sync
		async   bool   // the flush policy in force
		pending []*pendingAppend
		waiters waiterList
		// holdUntil is the end of the newest append that the watermark may pass
		// only once it is durable; while it is above hw, no written batch
		// raises the watermark.
		holdUntil model.Offset
		// listeners is replaced, never changed, so that it can be read unlocked; nil:
		// nobody listens, as in most partitions of many.
		listeners *[]Listener
		flushed   *flushed        // nil unless the topic was async
		txns      *txnTracker     // nil: there never was a transaction
		dropped   *protocol.Error // the topic is gone
	}
}

// flushed serves flush.messages and flush.ms of async topics.
type flushed struct {
	at    int64 // ms; the last append that asked for a sync
	since int64 // records behind it
}

func newPartition(env *Env, pl *log.PartitionLog, topic *cluster.Topic, index int32, epoch model.LeaderEpoch) *Partition {
	p := &Partition{env: env, log: pl, index: index, epoch: epoch}
	p.topic.Store(topic)
	p.mu.next = pl.End()
	// What recovery kept is durable: it was synced before anything was served.
	p.mu.hw = p.mu.next
	p.mu.gen = pl.Generation()
	if open := pl.OpenTxns(); len(open) > 0 {
		p.mu.txns = restoredTxns(open)
		p.mu.Lock() // who looks at what is open may find it before the caller has it
		p.listOpenLocked()
		p.mu.Unlock()
	}
	return p
}

// Topic is the topic's metadata as last seen.
func (p *Partition) Topic() *cluster.Topic { return p.topic.Load() }

// Index is the partition's number within its topic.
func (p *Partition) Index() int32 { return p.index }

// Epoch is the leader epoch that new batches carry.
func (p *Partition) Epoch() model.LeaderEpoch { return p.epoch }

// Generation counts the failures that have taken appends of the partition away;
// see AppendRequest.Generation. It rises before those appends are answered.
func (p *Partition) Generation() uint32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.gen
}

// Bytes is the size of the partition's batches.
func (p *Partition) Bytes() int64 { return p.log.Bytes() }

// Offsets returns the partition's borders.
func (p *Partition) Offsets() Offsets {
	start := p.log.Start() // before the watermark: a start is never above it
	p.mu.Lock()
	hw := p.mu.hw
	stable := p.mu.txns.stable(hw, start)
	p.mu.Unlock()
	return Offsets{LogStart: start, LastStable: stable, HighWatermark: hw, End: p.log.End(), Epoch: p.epoch}
}

func (p *Partition) highWatermark() model.Offset {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.hw
}

// Subscribe makes l hear of news until Unsubscribe.
func (p *Partition) Subscribe(l Listener) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var grown []Listener
	if p.mu.listeners != nil {
		grown = slices.Clone(*p.mu.listeners)
	}
	grown = append(grown, l)
	p.mu.listeners = &grown
}

// Unsubscribe ends one Subscribe of l.
func (p *Partition) Unsubscribe(l Listener) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.listeners == nil {
		return
	}
	i := slices.Index(*p.mu.listeners, l)
	if i < 0 {
		return
	}
	kept := slices.Delete(slices.Clone(*p.mu.listeners), i, i+1)
	if p.mu.listeners = &kept; len(kept) == 0 {
		p.mu.listeners = nil
	}
}

func (p *Partition) notify(listeners *[]Listener) {
	if listeners == nil {
		return
	}
	for _, l := range *listeners {
		l.Advanced(p)
	}
}

// drop fails all that waits: the topic was deleted.
func (p *Partition) drop(err *protocol.Error) {
	p.mu.Lock()
	p.mu.dropped = err
	p.listOpenLocked()
	p.mu.pending = nil
	failed := p.mu.waiters.takeAbove(-1)
	listeners := p.mu.listeners
	p.mu.Unlock()
	p.notify(listeners) // first, as where the watermark advances
	failAll(failed, err)
}
