package compaction

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// updates are groups in which keys come again, within a batch, a segment and
// later.
func updates(codec string) []group {
	return []group{
		{codec, 0, "a=1 b=1 a=2 c=1"},
		{codec, 0, "a=3 d=1"},
		{codec, 1, "b=2 e=1 f=1"},
		{codec, 1, "e=2"},
		{codec, 2, "f= g=1"},
		{codec, 3, "a=4 c=2"},
		{codec, 3, "a=5"},
	}
}

// TestUpdates: of many values of a key the last one is left, with its offset, with each codec.
func TestUpdates(t *testing.T) {
	for _, codec := range codecs {
		t.Run(codec, func(t *testing.T) {
			t.Parallel()
			h := history{topic: topic(t)}
			h.send(t, updates(codec)...)
			mustLeave(t, h.topic, h.left())
		})
	}
}

// TestUpdatesByJava: the same of what the producer of Java writes.
func TestUpdatesByJava(t *testing.T) {
	testbroker.Quick(t)
	h := history{topic: topic(t)}
	var all []group
	for i, codec := range codecs {
		for _, g := range updates(codec) {
			g.minute += 4 * i
			all = append(all, g)
		}
	}
	h.javaSend(t, all...)
	mustLeave(t, h.topic, h.left())
}

// TestTombstones: they stay for delete.retention.ms from the first compaction
// on, and what they deleted does not come back.
func TestTombstones(t *testing.T) {
	for _, by := range []string{"franz-go", "java"} {
		t.Run(by, func(t *testing.T) {
			h := history{topic: topic(t, "delete.retention.ms=1500")}
			send := h.send
			if by == "java" {
				testbroker.Quick(t)
				send = h.javaSend
			}
			send(t, group{"zstd", 0, "a=1 b=1 c=1 d=1"}, group{"none", 1, "a b x"}, group{"lz4", 2, "b=2 c=2 c"}, group{"none", 3, "z=1"})
			mustLeave(t, h.topic, h.left())
			time.Sleep(1600 * time.Millisecond)
			// Only with something new to compact do they look again.
			send(t, group{"none", 4, "y=1"}, group{"none", 5, "y=2"})
			mustLeave(t, h.topic, h.left("a", "x", "c"))
			send(t, group{"gzip", 6, "a=9"}, group{"none", 7, "d"}, group{"none", 8, "y=3"})
			mustLeave(t, h.topic, h.left("x", "c"))
		})
	}
}

// TestCompactDelete: retention by time goes on beside compaction.
func TestCompactDelete(t *testing.T) {
	h := history{topic: topic(t, "cleanup.policy=compact,delete", "retention.ms=3600000", "min.cleanable.dirty.ratio=1.0")}
	h.send(t, group{"none", -20, "old=1 a=1"}, group{"gzip", -18, "old=2 b=1"}, group{"none", 1, "a=2 c=1"}, group{"zstd", 2, "a=3 c=2 d=1"},
		group{"none", 3, "a=4 d"}, group{"none", 4, "z=1"})
	start := func() int64 {
		offsets, err := admin(t).ListStartOffsets(testContext(t), h.topic)
		if err != nil {
			t.Fatal(err)
		}
		o, _ := offsets.Lookup(h.topic, 0)
		return o.Offset
	}
	testbroker.Eventually(t, cleaned, func() error {
		if got := start(); got != 4 {
			return fmt.Errorf("the log starts at %d, want 4", got)
		}
		return nil
	})
	alter(t, h.topic, "min.cleanable.dirty.ratio=0.0")
	h.sent = h.sent[2:]
	mustLeave(t, h.topic, h.left())
	if got := start(); got != 4 {
		t.Errorf("the log starts at %d, want 4", got)
	}
}

// TestSegmentBytes: what fits the newest segment is not compacted.
func TestSegmentBytes(t *testing.T) {
	h := history{topic: topic(t, "segment.bytes=1048576", "segment.ms=604800000")}
	rng := rand.New(rand.NewPCG(1, 2))
	large := func(key string) group {
		b := make([]byte, 100_000)
		for i := range b {
			b[i] = byte('a' + rng.IntN(26))
		}
		return group{"none", 0, key + "=" + string(b)}
	}
	// Ten of them fit a segment.
	for i := range 25 {
		h.send(t, large(fmt.Sprintf("k%d", i%3)))
	}
	// Batches 20 to 24 stand in the newest segment; of the others the last three stay.
	var want []string
	for _, g := range h.sent[17:] {
		want = append(want, g[0].String())
	}
	mustLeave(t, h.topic, want)
}

// TestIdempotentProducer: a producer whose batches were compacted away goes on,
// also after the broker was killed.
func TestIdempotentProducer(t *testing.T) {
	h := history{topic: topic(t)}
	cl := client(t)
	other := client(t)
	for i := range 6 {
		h.sendBy(t, cl, group{"", i, fmt.Sprintf("a=%d b=%d", i, i)})
	}
	h.sendBy(t, other, group{"", 6, "a=x b=x"})
	h.sendBy(t, other, group{"", 7, "z=1"})
	mustLeave(t, h.topic, h.left())
	h.sendBy(t, cl, group{"", 8, "a=8"})
	shared.Restart(t)
	h.sendBy(t, cl, group{"", 9, "b=9"})
	h.sendBy(t, other, group{"", 10, "c=1"})
	mustLeave(t, h.topic, h.left())
}

// TestByTime: a lookup by time finds what is left.
func TestByTime(t *testing.T) {
	h := history{topic: topic(t)}
	h.send(t, updates("none")...)
	mustLeave(t, h.topic, h.left())
	for _, c := range []struct {
		minute int
		ms     int64
		want   int64 // -1: the end
	}{{0, 0, 3}, {0, 3, 3}, {0, 4, 6}, {1, 0, 6}, {1, 1, 10}, {2, 0, 10}, {2, 2, 12}, {3, 0, 12}, {3, 1, 13}, {4, 0, -1}} {
		at := epoch + int64(c.minute)*minuteMs + c.ms
		offsets, err := admin(t).ListOffsetsAfterMilli(testContext(t), at, h.topic)
		if err != nil {
			t.Fatal(err)
		}
		if c.want < 0 {
			c.want = h.next
		}
		if got, _ := offsets.Lookup(h.topic, 0); got.Offset != c.want {
			t.Errorf("minute %d + %d ms: offset %d at %d, want %d", c.minute, c.ms, got.Offset, got.Timestamp-epoch, c.want)
		}
	}
}

// TestKeyless: records without a key are refused, compressed or not.
func TestKeyless(t *testing.T) {
	name := topic(t)
	for _, codec := range codecs {
		cl := client(t, kgo.ProducerBatchCompression(franzCodec(codec)), kgo.ProducerLinger(50*time.Millisecond))
		results := cl.ProduceSync(testContext(t), &kgo.Record{Topic: name, Key: []byte("k"), Value: []byte("v")}, &kgo.Record{Topic: name, Value: []byte("v")})
		for _, r := range results {
			if !errors.Is(r.Err, kerr.InvalidRecord) {
				t.Errorf("%s: %v", codec, r.Err)
			}
		}
	}
}

// TestRandom: many batches of every codec over some keys, with a restart in
// between.
func TestRandom(t *testing.T) {
	testbroker.Quick(t)
	const seed = 7
	rng := rand.New(rand.NewPCG(seed, 0))
	h := history{topic: topic(t)}
	minute := 0
	some := func(n int) (groups []group) {
		for range n {
			if rng.IntN(3) == 0 && minute < 40 {
				minute++
			}
			var pairs []string
			for range 1 + rng.IntN(20) {
				key := fmt.Sprintf("k%d", rng.IntN(40))
				if rng.IntN(6) > 0 {
					key += fmt.Sprintf("=%s", strings.Repeat(string(rune('a'+rng.IntN(26))), rng.IntN(300)))
				}
				pairs = append(pairs, key)
			}
			groups = append(groups, group{codecs[rng.IntN(len(codecs))], minute, strings.Join(pairs, " ")})
		}
		return groups
	}
	h.send(t, some(40)...)
	h.javaSend(t, some(40)...)
	minute++
	h.send(t, group{"none", minute, "z=1"})
	mustLeave(t, h.topic, h.left())
	b := shared.Broker()
	if err := errors.Join(b.Stop(), b.Restart()); err != nil {
		t.Fatal(err)
	}
	mustLeave(t, h.topic, h.left())
	if got := kcatRead(t, h.topic); !slices.Equal(got, h.left()) {
		t.Errorf("kcat: %s", difference(h.left(), got))
	}
	h.javaSend(t, some(20)...)
	h.send(t, some(20)...)
	minute++
	h.send(t, group{"none", minute, "z=2"})
	mustLeave(t, h.topic, h.left())
}
