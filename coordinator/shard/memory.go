package shard

import (
	"bytes"
	"errors"
	"slices"
	"sync"
)

// ErrMemory is what a Memory loses appends with.
var ErrMemory = errors.New("the journal lost it")

// Memory is a Journal that a test completes, fails and blocks at will. It lives
// where its interface does, as all coordinators' tests need it.
type Memory struct {
	OnAppend func([]Record) // hears of each append that does not fail at once
	Most     int            // bytes of records that an append may have; 0: any number
	// Refuses, if set, has an append fail at once that comes behind some records.
	Refuses func(before []Record, r *Record) bool

	mu struct {
		sync.Mutex
		MemoryState

		pending []pendingAppend
	}
}

// MemoryState is what a Memory has, and how it behaves.
type MemoryState struct {
	Durable []Record
	Hold    bool // appends wait for Release
	Refuse  bool // appends fail at once
	Broken  bool // since a loss, until loaded again
	LoadErr error
	Gate    chan struct{} // a load waits for it
}

type pendingAppend struct {
	records []Record // none: a barrier
	done    func(error)
}

// Append implements Journal.
func (j *Memory) Append(records []Record, done func(error)) {
	kept := make([]Record, 0, len(records))
	size := 0
	for _, r := range records {
		size += r.Size()
		kept = append(kept, Record{Key: bytes.Clone(r.Key), Value: bytes.Clone(r.Value), Timestamp: r.Timestamp, Topic: r.Topic, Txn: r.Txn})
	}
	refused := j.refuses(kept)
	j.mu.Lock()
	if j.mu.Refuse || refused || j.Most > 0 && size > j.Most {
		j.mu.Broken = true
	}
	fail := j.mu.Broken
	if !fail {
		j.mu.pending = append(j.mu.pending, pendingAppend{kept, done})
	}
	hold := j.mu.Hold
	j.mu.Unlock()
	if fail {
		done(ErrMemory)
		return
	}
	if j.OnAppend != nil {
		j.OnAppend(kept)
	}
	if !hold {
		j.Release(-1)
	}
}

func (j *Memory) refuses(records []Record) bool {
	if j.Refuses == nil {
		return false
	}
	before := j.All()
	for i := range records {
		if j.Refuses(before, &records[i]) {
			return true
		}
		before = append(before, records[i])
	}
	return false
}

// Barrier implements Journal.
func (j *Memory) Barrier(done func(error)) {
	j.mu.Lock()
	broken, waits := j.mu.Broken, len(j.mu.pending) > 0
	if !broken && waits {
		j.mu.pending = append(j.mu.pending, pendingAppend{nil, done})
	}
	j.mu.Unlock()
	switch {
	case broken:
		done(ErrMemory)
	case !waits:
		done(nil)
	}
}

// Load implements Journal.
func (j *Memory) Load(replay func(Record) error) error {
	j.mu.Lock()
	gate := j.mu.Gate
	j.mu.Unlock()
	if gate != nil {
		<-gate
	}
	j.mu.Lock()
	err, durable := j.mu.LoadErr, slices.Clone(j.mu.Durable)
	j.mu.Broken = j.mu.Broken && err != nil
	j.mu.Unlock()
	if err != nil {
		return err
	}
	for _, r := range durable {
		lent := r
		lent.Key, lent.Value = bytes.Clone(r.Key), bytes.Clone(r.Value)
		err := replay(lent)
		for _, b := range [][]byte{lent.Key, lent.Value} { // they are the journal's again
			for i := range b {
				b[i] = 0xee
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Release completes the first n pending appends, all for -1.
func (j *Memory) Release(n int) {
	for _, p := range j.take(n, false) {
		p.done(nil)
	}
}

// Lose fails all that is pending.
func (j *Memory) Lose() {
	for _, p := range j.take(-1, true) {
		p.done(ErrMemory)
	}
}

func (j *Memory) take(n int, lose bool) []pendingAppend {
	j.mu.Lock()
	defer j.mu.Unlock()
	if n < 0 || n > len(j.mu.pending) {
		n = len(j.mu.pending)
	}
	taken := j.mu.pending[:n:n]
	j.mu.pending = j.mu.pending[n:]
	for _, p := range taken {
		if !lose {
			j.mu.Durable = append(j.mu.Durable, p.records...)
		}
	}
	j.mu.Broken = j.mu.Broken || lose
	return taken
}

// All is every record that was appended and not lost, in order.
func (j *Memory) All() []Record {
	j.mu.Lock()
	defer j.mu.Unlock()
	records := slices.Clone(j.mu.Durable)
	for _, p := range j.mu.pending {
		records = append(records, p.records...)
	}
	return records
}

// Pending is how many appends and barriers have not ended.
func (j *Memory) Pending() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.mu.pending)
}

// Set changes the state, or looks at it.
func (j *Memory) Set(change func(*MemoryState)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	change(&j.mu.MemoryState)
}
