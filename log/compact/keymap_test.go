package compact

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/mainstem-mq/mainstem/internal/model"
)

func TestKeyMap(t *testing.T) {
	m := NewKeyMap(1<<12, 0.9)
	rapid.Check(t, func(t *rapid.T) {
		m.Reset(rapid.Int64Range(0, 400).Draw(t, "expected"))
		want := map[string]model.Offset{}
		for at := range model.Offset(rapid.IntRange(0, 300).Draw(t, "records")) {
			key := fmt.Sprint(rapid.IntRange(0, 250).Draw(t, "key"))
			_, known := want[key]
			if ok := m.Put([]byte(key), at); ok != (known || len(want) < m.Room()) {
				t.Fatalf("key %s with %d of %d used: %v", key, len(want), m.Room(), ok)
			} else if ok {
				want[key] = at
			}
		}
		if m.Len() != len(want) {
			t.Fatalf("%d keys, want %d", m.Len(), len(want))
		}
		for i := range 251 {
			key := fmt.Sprint(i)
			newest, known := want[key]
			if !known {
				newest = -1
			}
			if got := m.Newest([]byte(key)); got != newest {
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
		if got := m.Bytes(); got < x.least || got > x.most {
			t.Errorf("%d keys: %d bytes, want %d to %d", x.keys, got, x.least, x.most)
		}
		if x.keys < most/slotBytes/2 && int64(m.Room()) < x.keys {
			t.Errorf("%d keys: there is room for %d", x.keys, m.Room())
		}
		m.Free()
		if m.Bytes() != 0 {
			t.Errorf("%d bytes are held by a map that is not used", m.Bytes())
		}
	}
	m := NewKeyMap(most, 0.9)
	m.Reset(1 << 62)
	before := &m.slots[0]
	m.Put([]byte("key"), 1)
	m.Reset(10)
	if &m.slots[0] != before || m.Newest([]byte("key")) != -1 {
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
		m.Put(keys[int(at*7919)%len(keys)], at)
		at++
	}
}
