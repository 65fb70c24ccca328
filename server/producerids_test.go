package server_test

import (
	"errors"
	"sync"
	"testing"

	"go.uber.org/zap"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/server"
)

// blocks stands for the metadata: it gives blocks when it is told to.
type blocks struct {
	given chan error // what to answer the next request; nil: a block

	mu   sync.Mutex
	next model.ProducerID
}

func (b *blocks) reserve(n int) (model.ProducerID, error) {
	if err := <-b.given; err != nil {
		return -1, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	first := b.next
	b.next += model.ProducerID(n)
	return first, nil
}

// TestProducerIDBlocks: no id is given twice, none waits while there is a reserve, and
// what could not be had is asked for again.
func TestProducerIDBlocks(t *testing.T) {
	meta := &blocks{given: make(chan error)}
	ids := server.NewProducerIDs(meta.reserve, zap.NewNop())
	defer ids.Close()
	if id, ok := ids.Take(); ok {
		t.Fatalf("%d is given of no block", id)
	}
	meta.given <- errors.New("no room")
	until(t, "the next block is asked for", func() bool {
		if _, ok := ids.Take(); ok {
			t.Fatal("an id is given of a block that could not be had")
		}
		select {
		case meta.given <- nil:
			return true
		default:
			return false
		}
	}, func() {})
	var id model.ProducerID
	until(t, "the block is there", func() (ok bool) {
		id, ok = ids.Take()
		return ok
	}, func() {})
	for want := range model.ProducerID(1000) {
		if id != want {
			t.Fatalf("got %d, want %d", id, want)
		}
		if id == 950 {
			meta.given <- nil // asked for by now: else this would not return
		}
		until(t, "an id of the reserve", func() (ok bool) {
			id, ok = ids.Take()
			return ok
		}, func() {})
	}
	if id != 1000 {
		t.Fatalf("the second block begins with %d", id)
	}
}

// TestProducerIDsOfMany: many ask at once, and blocks come while they do.
func TestProducerIDsOfMany(t *testing.T) {
	meta := &blocks{given: make(chan error)}
	close(meta.given)
	ids := server.NewProducerIDs(meta.reserve, zap.NewNop())
	var mu sync.Mutex
	seen := map[model.ProducerID]bool{}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 1500 {
				id, err := ids.Next()
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				if seen[id] {
					t.Errorf("%d is given twice", id)
				}
				seen[id] = true
				mu.Unlock()
			}
		})
	}
	all.Wait()
	ids.Close()
	// Blocks of 1,000 for 12,000 ids: no block is lost, and one may be in reserve.
	if meta.next < 12_000 || meta.next > 13_000 {
		t.Errorf("%d ids were reserved for 12,000", meta.next)
	}
}

// TestProducerIDsAtTheEnd: who waits for an id when the broker stops gets an error.
func TestProducerIDsAtTheEnd(t *testing.T) {
	ids := server.NewProducerIDs((&blocks{}).reserve, zap.NewNop())
	ids.Close()
	if id, err := ids.Next(); err == nil {
		t.Errorf("got %d of a broker that has stopped", id)
	}
}
