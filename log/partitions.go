package log

import (
	"cmp"
	"slices"
	"sync"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// partitionTable finds partitions by id.
type partitionTable struct {
	mu struct {
		sync.RWMutex
		byID map[model.PartitionID]*PartitionLog
		// graves are dropped partitions whose bytes are not yet counted as dead,
		// or not durably so.
		graves map[model.PartitionID]*PartitionLog
	}
}

func newPartitionTable() *partitionTable {
	t := &partitionTable{}
	t.mu.byID = make(map[model.PartitionID]*PartitionLog)
	t.mu.graves = make(map[model.PartitionID]*PartitionLog)
	return t
}

// find returns the partition, or nil.
func (t *partitionTable) find(id model.PartitionID) *PartitionLog {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.mu.byID[id]
}

// findOrAdd returns the partition, made by add if there is none.
func (t *partitionTable) findOrAdd(id model.PartitionID, add func() *PartitionLog) *PartitionLog {
	if p := t.find(id); p != nil {
		return p
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.mu.byID[id]
	if p == nil {
		p = add()
		t.mu.byID[id] = p
	}
	return p
}

// bury moves a partition to the graves; nil if it is not there.
func (t *partitionTable) bury(id model.PartitionID) *PartitionLog {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.mu.byID[id]
	if p != nil {
		delete(t.mu.byID, id)
		t.mu.graves[id] = p
	}
	return p
}

// forget removes a grave.
func (t *partitionTable) forget(id model.PartitionID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.mu.graves, id)
}

// findOrGrave returns the partition, dropped or not, or nil.
func (t *partitionTable) findOrGrave(id model.PartitionID) *PartitionLog {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if p := t.mu.byID[id]; p != nil {
		return p
	}
	return t.mu.graves[id]
}

// all returns the partitions, ascending by id.
func (t *partitionTable) all() []*PartitionLog {
	t.mu.RLock()
	list := make([]*PartitionLog, 0, len(t.mu.byID))
	for _, p := range t.mu.byID {
		list = append(list, p)
	}
	t.mu.RUnlock()
	slices.SortFunc(list, func(a, b *PartitionLog) int { return cmp.Compare(a.id, b.id) })
	return list
}

// count is the number of partitions.
func (t *partitionTable) count() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.mu.byID)
}
