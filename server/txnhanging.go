package server

import (
	"sync"
	"time"

	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/model"
)

const (
	// hangingFor is how long a count is shown before the coordinator is asked again.
	hangingFor = 5 * time.Second
	// hangingWait is how long a scrape waits for a new one; it shows the old one if it
	// takes longer.
	hangingWait = time.Second
)

// hangingCount is the number of partitions in which a transaction hangs, as of some
// seconds ago. It takes the coordinator's word, and a scrape must not wait for a shard
// that loads or a disk that is stuck.
type hangingCount struct {
	s *Server

	mu struct {
		sync.Mutex
		n      int
		known  bool
		at     time.Time
		coming chan struct{} // closed when the coordinator has answered; nil: it is not asked
	}
}

// count is the newest count; known is false if there never was one. Where nothing is
// open nobody is asked.
func (h *hangingCount) count(open bool) (n int, known bool) {
	if !open {
		return 0, true
	}
	h.mu.Lock()
	coming := h.mu.coming
	if h.mu.known && h.s.clock.Now().Sub(h.mu.at) < hangingFor {
		defer h.mu.Unlock()
		return h.mu.n, true
	}
	if coming == nil {
		coming = make(chan struct{})
		if !h.s.tasks.start(func() { h.look(coming) }) {
			defer h.mu.Unlock()
			return h.mu.n, h.mu.known
		}
		h.mu.coming = coming
	}
	h.mu.Unlock()
	clock.Wait(h.s.clock, hangingWait, coming)
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.mu.n, h.mu.known
}

func (h *hangingCount) look(done chan struct{}) {
	at := h.s.clock.Now()
	list, err := h.s.openTxns(h.s.lifetime, nil)
	places := map[model.TopicPartition]bool{}
	for i := range list {
		if list[i].Hanging {
			places[list[i].partition()] = true
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mu.coming = nil
	if err == nil {
		h.mu.n, h.mu.known, h.mu.at = len(places), true, at
	}
	close(done)
}
