package server

import (
	"errors"
	"fmt"
	"sync"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/replication"
)

// errJournalLost is what appends get after one has failed, until the shard is
// loaded again: they were built on state that is not there.
var errJournalLost = errors.New("an earlier append of the shard was lost")

// Journal is a coordinator's memory in one partition of its internal topic. It
// must be loaded before its first append.
//
// When an append fails, those that come after it fail too, until the next Load.
// Two things see to that: lost, once the failure was reported here; and before,
// as the report takes its time, the generation, which the partition raises
// together with the failure and compares with that of each append.
type Journal struct {
	partitions *replication.Partitions
	find       func() (*replication.Partition, error)
	clock      clock.Clock

	mu         sync.Mutex
	settled    sync.Cond // an append has ended
	issued     uint64    // appends begun
	ended      uint64
	lost       bool
	generation uint32    // of the partition, as of the last Load
	epoch      int32     // of its leader, as of then
	barriers   []barrier // ascending by after
}

type barrier struct {
	after uint64
	done  func(error)
}

var _ shard.Journal = (*Journal)(nil)

// NewOffsetsJournal is the journal of one shard of the group coordinator.
func NewOffsetsJournal(ps *replication.Partitions, c clock.Clock, index int32) *Journal {
	return newJournal(ps, c, cluster.OffsetsTopic, index)
}

// NewTransactionsJournal is the journal of one shard of the transaction coordinator.
func NewTransactionsJournal(ps *replication.Partitions, c clock.Clock, index int32) *Journal {
	return newJournal(ps, c, cluster.TransactionsTopic, index)
}

func newJournal(ps *replication.Partitions, c clock.Clock, topic string, index int32) *Journal {
	j := &Journal{partitions: ps, clock: c, lost: true, find: func() (*replication.Partition, error) {
		p, err := ps.Find(topic, index)
		if err != nil {
			return nil, fmt.Errorf("journal %s-%d: %w", topic, index, err)
		}
		return p, nil
	}}
	j.settled.L = &j.mu
	return j
}

// Append implements shard.Journal.
func (j *Journal) Append(records []shard.Record, done func(error)) {
	p, err := j.find()
	var parts []stretch
	if err == nil {
		parts, err = j.stretches(records)
	}
	j.mu.Lock()
	j.lost = j.lost || err != nil
	if err == nil && j.lost {
		err = errJournalLost
	}
	if err != nil {
		j.mu.Unlock()
		done(err)
		return
	}
	j.issued++
	a := &journalAppend{journal: j, done: done, left: len(parts), generation: j.generation}
	j.mu.Unlock()
	for i := range parts {
		if err := a.failed(); err != nil {
			a.settle(err) // it must not follow what was lost
			continue
		}
		parts[i].append(j.partitions, p, a)
	}
}

// lose makes later appends fail: one of which they may be built on has.
func (j *Journal) lose() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lost = true
}

// end counts the end of an append and lets go of the barriers it held up.
func (j *Journal) end(err error, done func(error)) {
	j.mu.Lock()
	j.ended++
	j.lost = j.lost || err != nil
	var due []barrier
	for len(j.barriers) > 0 && j.barriers[0].after <= j.ended {
		due = append(due, j.barriers[0])
		j.barriers = j.barriers[1:]
	}
	lost := j.lost
	j.settled.Broadcast()
	j.mu.Unlock()
	done(err)
	for _, b := range due {
		b.done(lostError(lost))
	}
}

func lostError(lost bool) error {
	if lost {
		return errJournalLost
	}
	return nil
}

// Barrier implements shard.Journal.
func (j *Journal) Barrier(done func(error)) {
	j.mu.Lock()
	lost := j.lost
	wait := j.ended < j.issued
	if wait {
		j.barriers = append(j.barriers, barrier{j.issued, done})
	}
	j.mu.Unlock()
	if !wait {
		done(lostError(lost))
	}
}
