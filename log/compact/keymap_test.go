package compact

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/mainstem-mq/mainstem/internal/model"
)

func putKey(m *KeyMap, key []byte, at model.Offset) bool {
	p := m.probe(key, at)
	return m.put(&p)
}

func newestOf(m *KeyMap, key []byte) model.Offset {
	p := m.probe(key, 0)
	return m.newest(&p)
}

func TestKeyMap(t *testing.T) {
	m := NewKeyMap(1<<12, 0.9)
	rapid.Check(t, func(t *rapid.T) {
		m.Reset(rapid.Int64Range(0, 400).Draw(t, "expected"))
		want := map[string]model.Offset{}
		for at := range model.Offset(rapid.IntRange(0, 300).Draw(t, "records")) {
			key := fmt.Sprint(rapid.IntRange(0, 250).Draw(t, "key"))
			_, known := want[key]
			if ok := putKey(m, []byte(key), at); ok != (known || len(want) < m.room) {
				t.Fatalf("key %s with %d of %d used: %v", key, len(want), m.room, ok)
			} else if ok {
				want[key] = at
			}
		}
		if m.used != len(want) {
			t.Fatalf("%d keys, want %d", m.used, len(want))
		}
		for i := range 251 {
			key := fmt.Sprint(i)
			newest, known := want[key]
			if !known {
				newest = -1
			}
			if got := newestOf(m, []byte(key)); got != newest {
				t.Fatalf("key %s: %d, want %d", key, got, newest)
			}
		}
	})
}

// TestKeyMapMemory: the map takes what it needs, and never more than it may.
func TestKeyMapMemory(t *testing.T) {
	const most = 1 << 20
	for _, x := range []struct{ keys, least, most int64 }{
		{0, 1, slotsMin * slotBytes},
		{1000, 1000 * slotBytes, 1000*slotBytes*10/9 + (slotsMin+1)*slotBytes},
		{most, most - slotBytes, most},
		{1 << 62, most - slotBytes, most},
	} {
		m := NewKeyMap(most, 0.9)
		m.Reset(x.keys)
		if got := int64(cap(m.slots)) * slotBytes; got < x.least || got > x.most {
			t.Errorf("%d keys: %d bytes, want %d to %d", x.keys, got, x.least, x.most)
		}
		if x.keys < most/slotBytes/2 && int64(m.room) < x.keys {
			t.Errorf("%d keys: there is room for %d", x.keys, m.room)
		}
	}
	m := NewKeyMap(most, 0.9)
	m.Reset(1 << 62)
	before := &m.slots[0]
	putKey(m, []byte("key"), 1)
	m.Reset(10)
	if &m.slots[0] != before || newestOf(m, []byte("key")) != -1 {
		t.Error("a smaller map was made anew, or not emptied")
	}
}

func BenchmarkKeyMap(b *testing.B) {
	m := NewKeyMap(64<<20, 0.9)
	m.Reset(10_000_000)
	keys := make([][]byte, 1_000_000)
	for i := range keys {
		keys[i] = fmt.Appendf(nil, "key-%012d", i)
	}
	at := model.Offset(0)
	for b.Loop() {
		putKey(m, keys[int(at*7919)%len(keys)], at)
		at++
	}
}
