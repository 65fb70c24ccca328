package main

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// TestLasts alters a compacted reading in every way that the check has to see.
func TestLasts(t *testing.T) {
	at := func(key string, offset int64) *kgo.Record {
		return &kgo.Record{Key: []byte(key), Offset: offset, Timestamp: time.UnixMilli(1000 + offset)}
	}
	read := func(records ...*kgo.Record) *lasts {
		l := &lasts{next: make([]int64, 1), marks: map[place]mark{}}
		for _, r := range records {
			if err := l.note(r); err != nil {
				t.Fatal(err)
			}
		}
		return l
	}
	seen := read(at("a", 0), at("b", 1), at("a", 2), at("b", 3), at("c", 4))
	for _, tc := range []struct {
		name  string
		again *lasts
		ok    bool
	}{
		{"not compacted", read(at("a", 0), at("b", 1), at("a", 2), at("b", 3), at("c", 4)), true},
		{"compacted", read(at("a", 2), at("b", 3), at("c", 4)), true},
		{"in part", read(at("b", 1), at("a", 2), at("b", 3), at("c", 4)), true},
		{"a key is lost", read(at("a", 2), at("c", 4)), false},
		{"an older record was kept", read(at("a", 0), at("b", 3), at("c", 4)), false},
		{"another record at the offset", read(&kgo.Record{Key: []byte("a"), Offset: 2, Timestamp: time.UnixMilli(1)}, at("b", 3), at("c", 4)), false},
		{"a key from nowhere", read(at("a", 2), at("b", 3), at("c", 4), at("d", 5)), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := seen.compare(tc.again); (err == nil) != tc.ok {
				t.Error(err)
			}
		})
	}
	if err := seen.note(at("a", 4)); err == nil {
		t.Error("an offset was read twice")
	}
}
