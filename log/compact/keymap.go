package compact

import (
	"hash/maphash"
	"math/bits"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// slotBytes is the size of a slot.
const slotBytes = 24

// slotsMin is the least that a map has, whatever its memory.
const slotsMin = 64

// KeyMap finds the newest offset of a key. It holds hashes instead of keys, so
// that its memory does not depend on how long they are: 24 bytes a slot. The
// hashes have 128 bits, with seeds that nobody knows; that two keys share one
// is less likely than anything else that can go wrong.
type KeyMap struct {
	slots    []slot
	used     int // how many keys it holds
	room     int // how many there is room for
	slotsMax int
	load     float64
	seeds    [2]maphash.Seed
	touched  model.Offset // nobody's
}

// slot is empty if next is 0.
type slot struct {
	home, check uint64       // the hash: where to look first, and the other half
	next        model.Offset // the one behind the newest
}

// NewKeyMap makes a map that takes at most so many bytes, and uses at most the
// share load, above 0 and below 1, of its slots. It takes its memory in Reset.
func NewKeyMap(bytes int64, load float64) *KeyMap {
	m := &KeyMap{
		slotsMax: int(max(bytes/slotBytes, slotsMin)), load: min(max(load, 0.01), 0.99),
		seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()},
	}
	return m
}

// Reset empties the map, and makes room for that many keys, or as many as its
// memory allows. It keeps the memory that it has if that is enough.
func (m *KeyMap) Reset(keys int64) {
	n := m.slotsMax
	if wanted := float64(keys)/m.load + slotsMin; wanted < float64(n) {
		n = int(wanted)
	}
	if cap(m.slots) >= n {
		m.slots = m.slots[:n]
		clear(m.slots)
	} else {
		m.slots = nil // before the new ones are made
		m.slots = make([]slot, n)
	}
	// One slot is always free, so that every search ends.
	m.used, m.room = 0, min(int(m.load*float64(n)), n-1)
}

// probe is a key that is to be looked up, as the map knows it.
type probe struct {
	home, check uint64
	at          model.Offset // of the record
	index       int          // of the record, the caller's
	tombstone   bool         // the caller's
}

// probesMax is how many keys are looked up together.
const probesMax = 64

// probe hashes a key.
func (m *KeyMap) probe(key []byte, at model.Offset) probe {
	return probe{home: maphash.Bytes(m.seeds[0], key), check: maphash.Bytes(m.seeds[1], key), at: at}
}

// fetch touches the slots of the keys. The map is larger than any cache, and
// misses that do not depend on each other overlap: looked up one by one each
// would be waited for.
func (m *KeyMap) fetch(list []probe) {
	var touched model.Offset
	for i := range list {
		touched ^= m.slots[m.place(list[i].home)].next
	}
	m.touched = touched // So that it is not optimized away.
}

// put notes that the newest record of a key is at an offset, which is higher
// than all that the map has heard of. It returns false if the key is new and
// there is no room.
func (m *KeyMap) put(p *probe) bool {
	s := m.find(p)
	if s.next == 0 {
		if m.used >= m.room {
			return false
		}
		m.used++
	}
	s.next = p.at + 1
	return true
}

// newest is the offset of the key's newest record; -1 if the map has not heard
// of the key.
func (m *KeyMap) newest(p *probe) model.Offset { return m.find(p).next - 1 }

// place is where to look for a hash first: the hash times the number of slots,
// divided by 2^64.
func (m *KeyMap) place(home uint64) uint64 {
	i, _ := bits.Mul64(home, uint64(len(m.slots)))
	return i
}

// find returns the slot of a key, or the empty one where it belongs; its hash
// is in there already.
func (m *KeyMap) find(p *probe) *slot {
	for i := m.place(p.home); ; {
		s := &m.slots[i]
		if s.next == 0 {
			s.home, s.check = p.home, p.check
			return s
		}
		if s.home == p.home && s.check == p.check {
			return s
		}
		if i++; i == uint64(len(m.slots)) {
			i = 0
		}
	}
}
