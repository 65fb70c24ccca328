package promise

import (
	"errors"
	"fmt"
	"sync"
)

// number names a record: its producer and its place in that one's sequence.
type number struct {
	producer uint16
	n        int64
}

func (n number) String() string { return fmt.Sprintf("%d:%d", n.producer, n.n) }

// Ledger is what the broker has promised.
type Ledger struct {
	partitions int
	valueSize  int
	keep       int64 // Of each partition, in bytes; all if negative.
	mu         struct {
		sync.Mutex
		count   int64
		acked   []map[int64]number // By partition and offset.
		seen    []map[int64]number // By the group consumer, maybe before the ack.
		checked []int64            // Offsets below are compared already.
		commits []commit
	}
}

// commit bounds a partition's committed offset: acknowledged, and tried.
type commit struct{ acked, tried int64 }

// none is the committed offset where nothing is committed.
const none = -1

// Option changes what the records of a ledger are like.
type Option func(*Ledger)

// ValueSize sets the size of a record's value, in bytes; at least 10, else 100.
// What is larger than that is not compressed, as it is meant to fill a disk.
func ValueSize(n int) Option { return func(l *Ledger) { l.valueSize = n } }

// Retention lets the broker take the oldest records of each partition, as long
// as so many bytes of it are left.
func Retention(keep int64) Option { return func(l *Ledger) { l.keep = keep } }

// New makes one for a topic with so many partitions, which keeps all there is.
func New(partitions int, opts ...Option) *Ledger {
	l := &Ledger{partitions: partitions, valueSize: defaultValueSize, keep: -1}
	for _, o := range opts {
		o(l)
	}
	for range partitions {
		l.mu.acked = append(l.mu.acked, map[int64]number{})
		l.mu.seen = append(l.mu.seen, map[int64]number{})
		l.mu.checked = append(l.mu.checked, 0)
		l.mu.commits = append(l.mu.commits, commit{none, none})
	}
	return l
}

// ack notes an acknowledged record; two at one offset are a violation at once.
func (l *Ledger) ack(partition int32, offset int64, n number) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if other, ok := l.mu.acked[partition][offset]; ok {
		return fmt.Errorf("partition %d offset %d is acknowledged for %v and for %v", partition, offset, other, n)
	}
	l.mu.acked[partition][offset] = n
	l.mu.count++
	return nil
}

// saw notes what the consumer read: an offset must never show two values.
func (l *Ledger) saw(partition int32, offset int64, n number) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if other, ok := l.mu.seen[partition][offset]; ok && other != n {
		return fmt.Errorf("partition %d offset %d was read as %v and as %v", partition, offset, other, n)
	}
	l.mu.seen[partition][offset] = n
	return nil
}

func (l *Ledger) tryCommit(partition int32, offset int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.commits[partition].tried = max(l.mu.commits[partition].tried, offset)
}

func (l *Ledger) ackCommit(partition int32, offset int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	// Commits go one after the other, so no earlier try is under way.
	l.mu.commits[partition] = commit{offset, offset}
}

// CommittedAll tells whether every partition has an acknowledged commit.
func (l *Ledger) CommittedAll() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.mu.commits {
		if c.acked == none {
			return false
		}
	}
	return true
}

// Total is how many records are acknowledged.
func (l *Ledger) Total() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.count
}

func (l *Ledger) checkedTo() []int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]int64(nil), l.mu.checked...)
}

// checkCommits compares the committed offsets, none where there is none.
func (l *Ledger) checkCommits(got []int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for p, at := range got {
		if c := l.mu.commits[p]; at < c.acked || at > c.tried {
			errs = append(errs, fmt.Errorf("partition %d: committed offset is %d, acknowledged was %d and tried %d", p, at, c.acked, c.tried))
		}
	}
	return errors.Join(errs...)
}
