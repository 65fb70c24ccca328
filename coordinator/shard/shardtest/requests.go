package shardtest

import (
	"maps"
	"slices"
	"sync"
)

// Requests are those of a conversation that have no answer yet, by their tags.
// Answers may come from any goroutine.
type Requests struct {
	mu   sync.Mutex
	open map[string]bool
}

// Ask takes note of a request.
func (r *Requests) Ask(tag string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open == nil {
		r.open = map[string]bool{}
	}
	r.open[tag] = true
}

// Answer takes note of a request's answer, and reports whether it is the only one.
func (r *Requests) Answer(tag string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	first := r.open[tag]
	delete(r.open, tag)
	return first
}

// Open are the tags of those that wait, sorted.
func (r *Requests) Open() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(maps.Keys(r.open))
}
