package bank

import (
	"fmt"
	"maps"
	"sync"
)

// fate is what became of a transfer, as far as its clerk knows.
type fate int

const (
	open      fate = iota // Nobody has asked for its commit.
	asked                 // Somebody has, and there was no answer: either is right.
	committed             // The commit was acknowledged.
	aborted               // It was aborted, or left, and its commit never asked for before that.
)

// Books are what the clerks know.
type Books struct {
	mu struct {
		sync.Mutex
		fates  map[transfer]fate
		counts [aborted + 1]int
	}
}

func newBooks() *Books {
	b := &Books{}
	b.mu.fates = map[transfer]fate{}
	return b
}

// set notes what became of a transfer. A fate that is settled does not change.
func (b *Books) set(t transfer, f fate) {
	b.mu.Lock()
	defer b.mu.Unlock()
	before, known := b.mu.fates[t]
	if known && before >= committed {
		panic(fmt.Sprintf("%v is settled", t)) // the clerk is wrong, not the broker
	}
	if known {
		b.mu.counts[before]--
	}
	b.mu.counts[f]++
	b.mu.fates[t] = f
}

func (b *Books) fate(t transfer) (f fate, known bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f, known = b.mu.fates[t]
	return f, known
}

// all are the transfers of now.
func (b *Books) all() map[transfer]fate {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.mu.fates)
}

// Counts are how many transfers were committed, aborted, and asked for without an answer.
func (b *Books) Counts() (yes, no, unknown int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mu.counts[committed], b.mu.counts[aborted], b.mu.counts[asked]
}
