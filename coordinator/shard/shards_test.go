package shard

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/protocol"
)

// list is a machine that only has the keys of its records.
type list struct {
	keys []string
	next func() // called by Next; nil: nothing is
}

func (l *list) Replay(r Record) error {
	l.keys = append(l.keys, string(r.Key))
	return nil
}

func (l *list) Restore(*Turn, time.Duration) {}
func (l *list) Settle(*Turn)                 {}
func (l *list) Fire(*Turn) bool              { return false }
func (l *list) Parked() []Answer             { return nil }

func (l *list) Next() (time.Time, bool) {
	if l.next != nil {
		l.next()
	}
	return time.Time{}, false
}

// newLists makes shards on the real clock, and loads them.
func newLists(t *testing.T, journals ...*Memory) *Shards[*list, *Turn] {
	t.Helper()
	lists := makeLists(nil, journals...)
	t.Cleanup(lists.Close)
	for shard := range lists.Len() {
		if err := lists.Load(shard); err != nil {
			t.Fatal(err)
		}
	}
	return lists
}

func makeLists(next func(), journals ...*Memory) *Shards[*list, *Turn] {
	return New(int32(len(journals)), Env[*list, *Turn]{
		Clock:     clock.Real{},
		Journal:   func(shard int32) Journal { return journals[shard] },
		New:       func() *list { return &list{next: next} },
		Step:      func(_ int32, now time.Time) *Turn { return &Turn{Now: now} },
		Publish:   func(int32, *list, *Turn) {},
		Clear:     func(int32) {},
		Events:    func(Event) {},
		Sizes:     func() Sizes { return Sizes{1000, 1000} },
		LoadRetry: func() time.Duration { return time.Second },
	})
}

// TestLoadEndsWithItsTurn: who waited for a load finds a shard at rest, whose turn
// ended with the question when its machine next has something to do.
func TestLoadEndsWithItsTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		held, loaded := make(chan struct{}), make(chan error, 1)
		lists := makeLists(func() { <-held }, &Memory{})
		go func() { loaded <- lists.Load(0) }()
		synctest.Wait()
		select {
		case err := <-loaded:
			t.Fatalf("the load returned within its turn: %v", err)
		default:
		}
		close(held)
		if err := <-loaded; err != nil {
			t.Fatal(err)
		}
		lists.Close()
	})
}

// TestShard holds what Kafka computes: Java's String.hashCode over UTF-16,
// its absolute value, modulo 50.
func TestShard(t *testing.T) {
	t.Parallel()
	for group, want := range map[string]int32{
		"":                       0,
		"a":                      97 % 50,
		"test":                   3556498 % 50,
		"console-consumer-12345": shardByHand("console-consumer-12345"),
		"polygenelubricants":     0,                                     // its hash is the smallest number, which has no absolute value
		"gr\u00fcppe\U0001F600":  shardByHand("grüppe\xf0\x9f\x98\x80"), // a surrogate pair in UTF-16
	} {
		if got := shardOf(group, 50); got != want {
			t.Errorf("%q: shard %d, want %d", group, got, want)
		}
	}
}

// shardByHand computes it with 64 bits and cuts at the end.
func shardByHand(group string) int32 {
	var hash int64
	for _, r := range group {
		units := []int64{int64(r)}
		if r > 0xffff {
			units = []int64{0xd800 + int64(r-0x10000)>>10, 0xdc00 + int64(r-0x10000)&0x3ff}
		}
		for _, u := range units {
			hash = int64(int32(31*hash + u))
		}
	}
	if hash < 0 {
		hash = -hash
	}
	return int32(hash % 50)
}

// TestCallerIsReleased: whoever drains a mailbox is not held by those who keep
// filling it.
func TestCallerIsReleased(t *testing.T) {
	defer goleak.VerifyNone(t)
	lists := newLists(t, &Memory{})
	released, finished := make(chan struct{}), make(chan struct{})
	const chain = 10 * turnsMax
	var next func(n int)
	next = func(n int) {
		lists.Post(0, func(_ *list, s *Turn) {
			s.Answer(func(protocol.ErrorCode) {
				switch n {
				case chain / 2:
					<-released // only the shards' own goroutine may wait here
				case chain:
					close(finished)
					return
				}
				next(n + 1)
			})
		}, nil)
	}
	next(0)
	close(released)
	<-finished
	lists.Close()
}

// TestNoSuchShard: what is no shard is refused.
func TestNoSuchShard(t *testing.T) {
	t.Parallel()
	lists := newLists(t, &Memory{})
	for _, shard := range []int32{-1, 1} {
		if err := lists.Load(shard); !errors.Is(err, ErrNoShard) {
			t.Errorf("shard %d: %v", shard, err)
		}
		lists.Unload(shard)
	}
}

// TestPeek shows what lives and what is held of it, and nothing where there is no machine.
func TestPeek(t *testing.T) {
	t.Parallel()
	journal := &Memory{}
	lists := newLists(t, journal)
	journal.Set(func(s *MemoryState) { s.Hold = true })
	for _, key := range []string{"a", "b", "c"} {
		lists.Post(0, func(_ *list, s *Turn) { s.Record(Record{Key: []byte(key)}) }, nil)
	}
	looks := 0
	lists.Peek(0, func(m *list, held []Record) {
		looks++
		if len(m.keys) != 3 || len(held) != 2 || string(held[0].Key) != "b" {
			t.Errorf("keys %v, %d records held", m.keys, len(held))
		}
	})
	journal.Release(-1)
	lists.Unload(0)
	lists.Peek(0, func(*list, []Record) { looks++ })
	if looks != 1 {
		t.Errorf("%d looks", looks)
	}
}
