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

// record is one as read from the broker.
type record struct {
	offset int64
	number number
}

// Ledger is what the broker has promised.
type Ledger struct {
	partitions int
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

// New makes one for a topic with so many partitions.
func New(partitions int) *Ledger {
	l := &Ledger{partitions: partitions}
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

// check compares a reading from the offsets `from` to the end, taken while no
// record was under way: then the log is what was acknowledged and nothing else.
func (l *Ledger) check(from []int64, got [][]record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for p := range got {
		if err := l.checkPartitionLocked(p, from[p], got[p]); err != nil {
			errs = append(errs, fmt.Errorf("partition %d: %w", p, err))
			continue
		}
		l.mu.checked[p] = max(l.mu.checked[p], from[p]+int64(len(got[p])))
	}
	return errors.Join(errs...)
}

func (l *Ledger) checkPartitionLocked(p int, from int64, got []record) error {
	acked, last := l.mu.acked[p], map[uint16]int64{}
	for i, r := range got {
		if want := from + int64(i); r.offset != want {
			return fmt.Errorf("offset %d follows where %d is due", r.offset, want)
		}
		want, ok := acked[r.offset]
		if !ok {
			return fmt.Errorf("offset %d holds %v, which was never acknowledged there", r.offset, r.number)
		}
		if want != r.number {
			return fmt.Errorf("offset %d holds %v, acknowledged was %v", r.offset, r.number, want)
		}
		if seen, ok := l.mu.seen[p][r.offset]; ok && seen != r.number {
			return fmt.Errorf("offset %d holds %v, a consumer read %v", r.offset, r.number, seen)
		}
		if before, ok := last[r.number.producer]; ok && r.number.n <= before {
			return fmt.Errorf("offset %d holds %v behind %d of the same producer", r.offset, r.number, before)
		}
		last[r.number.producer] = r.number.n
	}
	end := from + int64(len(got))
	if int64(len(acked)) != end {
		return fmt.Errorf("%d records are acknowledged, the log ends at %d", len(acked), end)
	}
	for offset := range l.mu.seen[p] {
		if offset >= end {
			return fmt.Errorf("a consumer read offset %d, the log ends at %d", offset, end)
		}
	}
	return nil
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

// plant is a violation made by altering an honest reading.
type plant struct {
	what  string
	alter func(got [][]record, commits []int64)
}

func plants() []plant {
	return []plant{
		{"a record is lost in the middle", func(got [][]record, _ []int64) {
			mid := len(got[0]) / 2
			got[0] = append(got[0][:mid], got[0][mid+1:]...)
		}},
		{"the last record is lost", func(got [][]record, _ []int64) { got[0] = got[0][:len(got[0])-1] }},
		{"a record is lost and its followers moved up", func(got [][]record, _ []int64) {
			mid := len(got[0]) / 2
			got[0] = append(got[0][:mid], got[0][mid+1:]...)
			for i := mid; i < len(got[0]); i++ {
				got[0][i].offset--
			}
		}},
		{"a record is there twice", func(got [][]record, _ []int64) {
			last := got[0][len(got[0])-1]
			last.offset++
			got[0] = append(got[0], last)
		}},
		{"two records have changed places", func(got [][]record, _ []int64) {
			got[0][1].number, got[0][2].number = got[0][2].number, got[0][1].number
		}},
		{"a whole partition is lost", func(got [][]record, _ []int64) { got[1] = nil }},
		{"a committed offset has gone back", func(_ [][]record, commits []int64) { commits[0]-- }},
		{"a committed offset is lost", func(_ [][]record, commits []int64) { commits[0] = none }},
		{"a committed offset ran ahead", func(_ [][]record, commits []int64) { commits[0] += 1_000_000 }},
	}
}
