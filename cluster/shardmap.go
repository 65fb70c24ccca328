package cluster

import (
	"maps"
	"reflect"
)

const shardCount = 256

// shardMap is an immutable map in 256 parts, so that a new version of it that
// differs in one key costs one small map and not all of it: creating 10,000
// topics one by one would be quadratic otherwise. A nil *shardMap is empty.
type shardMap[K comparable, V any] struct {
	n      int
	shards [shardCount]map[K]V
	shard  func(K) uint8
}

func (m *shardMap[K, V]) get(k K) (v V, ok bool) {
	if m == nil {
		return v, false
	}
	v, ok = m.shards[m.shard(k)][k]
	return v, ok
}

func (m *shardMap[K, V]) len() int {
	if m == nil {
		return 0
	}
	return m.n
}

// all calls f for each value, in no order, until it returns false.
func (m *shardMap[K, V]) all(f func(K, V) bool) {
	if m == nil {
		return
	}
	for _, s := range m.shards {
		for k, v := range s {
			if !f(k, v) {
				return
			}
		}
	}
}

// differ calls f for the keys of all parts that are not the same in later: what
// changed is among them, and of a large map little else.
func (m *shardMap[K, V]) differ(later *shardMap[K, V], f func(K)) {
	for i := range shardCount {
		before, after := m.part(i), later.part(i)
		if reflect.ValueOf(before).UnsafePointer() == reflect.ValueOf(after).UnsafePointer() {
			continue
		}
		for k := range after {
			f(k)
		}
		for k := range before {
			if _, ok := after[k]; !ok {
				f(k)
			}
		}
	}
}

func (m *shardMap[K, V]) part(i int) map[K]V {
	if m == nil {
		return nil
	}
	return m.shards[i]
}

// shardWriter builds the next version of a shardMap. A part is copied when it
// is first written to and belongs to the writer from then on.
type shardWriter[K comparable, V any] struct {
	m     *shardMap[K, V]
	owned [shardCount]bool
	fresh bool // m itself is the writer's own copy
	shard func(K) uint8
}

func writeShards[K comparable, V any](m *shardMap[K, V], shard func(K) uint8) *shardWriter[K, V] {
	return &shardWriter[K, V]{m: m, shard: shard}
}

func (w *shardWriter[K, V]) get(k K) (V, bool) { return w.m.get(k) }

func (w *shardWriter[K, V]) own(k K) map[K]V {
	if !w.fresh {
		next := &shardMap[K, V]{shard: w.shard}
		if w.m != nil {
			*next = *w.m
		}
		w.m, w.fresh = next, true
	}
	i := w.shard(k)
	if !w.owned[i] {
		w.m.shards[i] = maps.Clone(w.m.shards[i])
		if w.m.shards[i] == nil {
			w.m.shards[i] = make(map[K]V)
		}
		w.owned[i] = true
	}
	return w.m.shards[i]
}

func (w *shardWriter[K, V]) set(k K, v V) {
	s := w.own(k)
	if _, had := s[k]; !had {
		w.m.n++
	}
	s[k] = v
}

func (w *shardWriter[K, V]) remove(k K) {
	if _, had := w.get(k); !had {
		return
	}
	delete(w.own(k), k)
	w.m.n--
}

// stringShard is FNV-1a folded to a byte. Names chosen to collide only make
// one part larger.
func stringShard(s string) uint8 {
	h := uint32(2166136261)
	for i := range len(s) {
		h = (h ^ uint32(s[i])) * 16777619
	}
	return uint8(h ^ h>>8 ^ h>>16 ^ h>>24)
}
