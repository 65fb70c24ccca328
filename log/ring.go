package log

import (
	"sort"
	"sync"

	"github.com/mainstem-mq/mainstem/internal/span"
)

// ring is the tail ring: the request buffers of what was appended last, kept so
// that live consumers are answered from memory without a copy.
//
// Its budget counts what is pinned, which is the whole of a request's buffer
// even if only one small batch of it is still here.
type ring struct {
	budget int64

	mu struct {
		sync.RWMutex
		items []ringItem // a circle, ascending by position
		head  int
		count int
		bytes int64
		// pins counts the items of each buffer: one request often carries
		// batches of many partitions.
		pins map[*span.Buffer]int
	}
}

// ringItem is one append's payload and where it stands.
type ringItem struct {
	at      Position
	payload []byte
	buffer  *span.Buffer // nil: the payload belongs to the garbage collector
}

// ringItemCost is what an item costs besides the memory it pins.
const ringItemCost = 128

func newRing(budget int64) *ring {
	r := &ring{budget: budget}
	r.mu.items = make([]ringItem, 64)
	r.mu.pins = make(map[*span.Buffer]int)
	return r
}

// add takes over the caller's hold on the items' buffers. Items ascend.
func (r *ring) add(items []ringItem) {
	r.mu.Lock()
	defer r.mu.Unlock()
	budget := r.budget
	for i := range items {
		r.addLocked(items[i])
	}
	// Who waits for memory has asked for it once, before these came here. If
	// they stayed, and nobody else could get memory to ask again, it would wait
	// for ever.
	if n := len(items); n > 0 && items[n-1].buffer != nil && items[n-1].buffer.Wanted() {
		budget = 0
	}
	r.trimLocked(budget)
}

func (r *ring) addLocked(it ringItem) {
	if r.mu.count == len(r.mu.items) {
		r.growLocked()
	}
	r.mu.items[(r.mu.head+r.mu.count)&(len(r.mu.items)-1)] = it
	r.mu.count++
	r.mu.bytes += ringItemCost
	if it.buffer == nil {
		r.mu.bytes += int64(cap(it.payload))
		return
	}
	n := r.mu.pins[it.buffer]
	r.mu.pins[it.buffer] = n + 1
	if n == 0 {
		r.mu.bytes += int64(it.buffer.Cap())
	}
}

func (r *ring) growLocked() {
	items := make([]ringItem, 2*len(r.mu.items))
	for i := range r.mu.count {
		items[i] = *r.itemLocked(i)
	}
	r.mu.items, r.mu.head = items, 0
}

func (r *ring) itemLocked(i int) *ringItem {
	return &r.mu.items[(r.mu.head+i)&(len(r.mu.items)-1)]
}

// trimLocked lets the oldest go until no more than budget bytes are pinned.
func (r *ring) trimLocked(budget int64) {
	for r.mu.bytes > budget && r.mu.count > 0 {
		it := r.itemLocked(0)
		r.mu.bytes -= ringItemCost
		if b := it.buffer; b == nil {
			r.mu.bytes -= int64(cap(it.payload))
		} else {
			if n := r.mu.pins[b] - 1; n > 0 {
				r.mu.pins[b] = n
			} else {
				delete(r.mu.pins, b)
				r.mu.bytes -= int64(b.Cap())
			}
			b.Release()
		}
		*it = ringItem{}
		r.mu.head = (r.mu.head + 1) & (len(r.mu.items) - 1)
		r.mu.count--
	}
}

// shed lets go of at least n bytes, if the ring has them.
func (r *ring) shed(n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trimLocked(max(0, r.mu.bytes-n))
}

// clear empties the ring.
func (r *ring) clear() { r.shed(1 << 62) }

// size is the number of bytes pinned.
func (r *ring) size() int64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.mu.bytes
}

// get returns up to n bytes at p, as far as the append that holds p goes, with
// a hold on their buffer (nil if nothing has to be held).
func (r *ring) get(p Position, n int) ([]byte, *span.Buffer, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.mu.count == 0 || p < r.itemLocked(0).at {
		return nil, nil, false
	}
	i := sort.Search(r.mu.count, func(i int) bool { return r.itemLocked(i).at > p }) - 1
	it := r.itemLocked(i)
	from := int64(p - it.at)
	if from >= int64(len(it.payload)) {
		return nil, nil, false
	}
	if it.buffer != nil {
		it.buffer.Retain()
	}
	to := min(int(from)+n, len(it.payload))
	return it.payload[from:to:to], it.buffer, true
}
