package compact

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// stored is a batch, and what the tests know of it.
type stored struct {
	bytes []byte
}

func (s stored) header(t rapid.TB) *batch.Header {
	t.Helper()
	h, err := batch.Parse(s.bytes)
	if err != nil {
		t.Fatal(err)
	}
	return &h
}

// entry is a record as readers see it.
type entry struct {
	At         model.Offset
	Timestamp  int64
	Key, Value string // "-" is null
}

func text(b []byte) string {
	if b == nil {
		return "-"
	}
	return string(b)
}

func entries(t rapid.TB, s stored) []entry {
	t.Helper()
	h := s.header(t)
	if err := batch.Verify(s.bytes, h); err != nil {
		t.Fatal(err)
	}
	var out []entry
	err := batch.Records(s.bytes, h, 1<<30, func(r batch.Record) error {
		ts := h.FirstTimestamp + r.TimestampDelta
		if h.LogAppendTime() {
			ts = h.MaxTimestamp
		}
		out = append(out, entry{h.BaseOffset + model.Offset(r.OffsetDelta), ts, text(r.Key), text(r.Value)})
		return nil
	})
	if err != nil || len(out) == 0 {
		t.Fatalf("a batch of %d records: %v", len(out), err)
	}
	return out
}

// made makes a batch of keys and values in turn; "-" is null.
func made(t rapid.TB, base model.Offset, codec batch.Codec, pairs ...string) stored {
	t.Helper()
	b := batch.NewBuilder(codec)
	b.BaseOffset, b.LeaderEpoch = base, 3
	b.ProducerID, b.ProducerEpoch, b.BaseSequence = 9, 1, int32(base)
	for i := 0; i < len(pairs); i += 2 {
		b.Add(1000+int64(base)+int64(i), null(pairs[i]), null(pairs[i+1]), batch.RecordHeader{Key: "h"})
	}
	out, err := b.Build(nil)
	if err != nil {
		t.Fatal(err)
	}
	return stored{out}
}

func null(s string) []byte {
	if s == "-" {
		return nil
	}
	return []byte(s)
}

// pass is one compaction of the batches from start on that are below limit.
func pass(t rapid.TB, keys *KeyMap, list []stored, cleaned, limit int, cfg Config) (out []stored, to int, s Stats) {
	t.Helper()
	keys.Reset(1 << 40)
	cfg.Keys = keys
	c := New(cfg)
	for to = cleaned; to < limit; to++ {
		full, err := c.Learn(list[to].bytes)
		if err != nil {
			t.Fatal(err)
		}
		if full {
			break
		}
	}
	for _, b := range list[:to] {
		before := bytes.Clone(b.bytes)
		kept, err := c.Clean(b.bytes)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(before, b.bytes) {
			t.Fatal("what came in was changed")
		}
		if kept != nil {
			out = append(out, stored{bytes.Clone(kept)})
		}
	}
	n := len(out)
	return append(out, list[to:]...), n, c.Stats()
}

// TestCleanerAgainstMap: random batches and compactions. What a reader of
// everything ends up with stays the same; what is left of the cleaned part is
// the last record of each key.
func TestCleanerAgainstMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		room := rapid.SampledFrom([]int64{slotsMin, 80, 100_000}).Draw(t, "slots")
		keys := NewKeyMap(room*slotBytes, 0.9)
		var list []stored
		next, now, cleaned := model.Offset(0), int64(10_000), 0
		for range rapid.IntRange(1, 8).Draw(t, "rounds") {
			for range rapid.IntRange(0, 6).Draw(t, "batches") {
				list = append(list, drawBatch(t, &next))
			}
			if len(list) == 0 {
				continue
			}
			now += rapid.Int64Range(0, 3000).Draw(t, "pause")
			limit := rapid.IntRange(cleaned, len(list)).Draw(t, "limit")
			before := list
			list, cleaned, _ = pass(t, keys, list, cleaned, limit, Config{NowMs: now, DeleteRetentionMs: 2000})
			if diff := cmp.Diff(view(t, before), view(t, list)); diff != "" {
				t.Fatalf("what readers end up with: %s", diff)
			}
			checkPass(t, before, list, cleaned, limit, now)
		}
	})
}

func drawBatch(t *rapid.T, next *model.Offset) stored {
	var pairs []string
	for range rapid.IntRange(1, 30).Draw(t, "records") {
		key := rapid.OneOf(rapid.Just("-"), rapid.Just(""), rapid.StringMatching("[a-d][a-p]?[a-d]?")).Draw(t, "key")
		value := rapid.OneOf(rapid.Just("-"), rapid.Just(""), rapid.StringN(0, 50, 100)).Draw(t, "value")
		pairs = append(pairs, key, value)
	}
	s := made(t, *next, batch.Codec(rapid.Int8Range(0, 4).Draw(t, "codec")), pairs...)
	if rapid.IntRange(0, 3).Draw(t, "time of append") == 0 {
		batch.SetLogAppendTime(s.bytes, int64(*next))
	}
	*next += model.Offset(len(pairs) / 2)
	return s
}

// view is what the last values of all keys are, without what was deleted.
func view(t rapid.TB, list []stored) map[string]entry {
	t.Helper()
	last := map[string]entry{}
	for _, s := range list {
		for _, e := range entries(t, s) {
			if e.Key != "-" {
				last[e.Key] = e
			}
		}
	}
	for k, e := range last {
		if e.Value == "-" {
			delete(last, k)
		}
	}
	return last
}

// checkPass says what must be left of the cleaned part, and what may be.
func checkPass(t rapid.TB, before, after []stored, cleaned, limit int, now int64) {
	t.Helper()
	end := model.Offset(0) // of the cleaned part
	read := len(before) - (len(after) - cleaned)
	newest := func(list []stored) map[string]model.Offset {
		m := map[string]model.Offset{}
		for _, s := range list {
			for _, e := range entries(t, s) {
				m[e.Key] = e.At
			}
		}
		return m
	}
	inPass, inLimit := newest(before[:read]), newest(before[:limit])
	left := map[model.Offset]entry{}
	for _, s := range after[:cleaned] {
		for _, e := range entries(t, s) {
			left[e.At] = e
		}
		h := s.header(t)
		end = max(end, h.LastOffset())
	}
	for _, s := range before[:read] {
		h := s.header(t)
		for _, e := range entries(t, s) {
			got, kept := left[e.At]
			gone := e.Key == "-" || e.Value == "-" && h.HasDeleteHorizon() && h.FirstTimestamp <= now
			must := !gone && inLimit[e.Key] == e.At // the map may have heard of later ones, up to the limit
			may := !gone && inPass[e.Key] == e.At
			if must && !kept || !may && kept || kept && got != e {
				t.Fatalf("the record at %d, %+v: kept %v as %+v, must be %v, may be %v", e.At, e, kept, got, must, may)
			}
		}
	}
	for _, s := range after[:cleaned] {
		h := s.header(t)
		for _, e := range entries(t, s) {
			if e.Value == "-" && !h.HasDeleteHorizon() {
				t.Fatalf("the tombstone at %d has no horizon", e.At)
			}
		}
	}
}

func TestTombstones(t *testing.T) {
	keys := NewKeyMap(1<<16, 0.9)
	list := []stored{made(t, 0, batch.Gzip, "a", "1", "b", "2"), made(t, 2, batch.None, "a", "-", "c", "3")}
	want := func(list []stored, want ...entry) {
		t.Helper()
		var got []entry
		for _, s := range list {
			got = append(got, entries(t, s)...)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	b, a, c := entry{1, 1002, "b", "2"}, entry{2, 1002, "a", "-"}, entry{3, 1004, "c", "3"}
	list, n, s := pass(t, keys, list, 0, 2, Config{NowMs: 50_000, DeleteRetentionMs: 1000})
	want(list, b, a, c)
	if diff := cmp.Diff(Stats{RecordsRead: 4, RecordsKept: 3, Superseded: 1, Keys: 3}, s); diff != "" {
		t.Error(diff)
	}
	h := list[1].header(t)
	if !h.HasDeleteHorizon() || h.FirstTimestamp != 51_000 || h.MaxTimestamp != 1004 || list[0].header(t).Codec() != batch.Gzip {
		t.Errorf("header %+v", h)
	}
	same := list[1].bytes
	list, n, _ = pass(t, keys, list, n, n, Config{NowMs: 50_999, DeleteRetentionMs: 1000})
	want(list, b, a, c)
	if !bytes.Equal(same, list[1].bytes) {
		t.Error("a batch with nothing to do was changed")
	}
	list, _, s = pass(t, keys, list, n, n, Config{NowMs: 51_000, DeleteRetentionMs: 1000})
	want(list, b, c)
	if s.Tombstones != 1 || !list[1].header(t).HasDeleteHorizon() {
		t.Errorf("%+v", s)
	}
	if got := New(Config{NowMs: 5, DeleteRetentionMs: math.MaxInt64 - 1}).horizon(); got != math.MaxInt64 {
		t.Errorf("a retention beyond all times: horizon %d", got)
	}
}

// TestVerbatim: what the cleaner has no business with stays as it is.
func TestVerbatim(t *testing.T) {
	control := batch.NewBuilder(batch.None)
	control.Control, control.Transactional, control.ProducerID, control.ProducerEpoch = true, true, 5, 0
	control.Add(1, []byte{0, 0, 0, 9}, []byte{0, 0, 0, 0, 0, 0}) // of a type that ends no transaction
	marker, err := control.Build(nil)
	if err != nil {
		t.Fatal(err)
	}
	large := batch.NewBuilder(batch.Zstd)
	large.BaseOffset = 1
	large.Add(1, []byte("a"), []byte("1"))
	large.Add(1, []byte("b"), make([]byte, unfoldMax))
	unread, err := large.Build(nil)
	if err != nil {
		t.Fatal(err)
	}
	list := []stored{{marker}, {unread}, made(t, 3, batch.None, "a", "-", "b", "-"), made(t, 5, batch.None, "a", "2")}
	list, n, s := pass(t, NewKeyMap(1<<16, 0.9), list, 0, 4, Config{NowMs: 1})
	if n != 4 || !bytes.Equal(list[0].bytes, marker) || !bytes.Equal(list[1].bytes, unread) || s.Unread != 1 {
		t.Fatalf("%d batches, %+v", n, s)
	}
	// The tombstone of b may not go: an older b is in what was not read.
	list, n, _ = pass(t, NewKeyMap(1<<16, 0.9), list, n, n, Config{NowMs: 1 << 40})
	if diff := cmp.Diff([]entry{{4, 1005, "b", "-"}}, entries(t, list[2])); diff != "" || n != 4 {
		t.Error(n, diff)
	}
}

func TestAborted(t *testing.T) {
	b := batch.NewBuilder(batch.None)
	b.Transactional, b.ProducerID, b.ProducerEpoch, b.BaseSequence, b.BaseOffset = true, 5, 0, 0, 1
	b.Add(1, []byte("a"), []byte("aborted"))
	aborted, err := b.Build(nil)
	if err != nil {
		t.Fatal(err)
	}
	list := []stored{made(t, 0, batch.None, "a", "1"), {aborted}, made(t, 2, batch.None, "b", "1")}
	list, n, _ := pass(t, NewKeyMap(1<<16, 0.9), list, 0, 3, Config{Aborted: func(h *batch.Header) bool { return h.ProducerID == 5 }})
	if n != 2 || entries(t, list[0])[0].Value != "1" {
		t.Errorf("%d batches are left", n)
	}
}

// TestFullMap: what does not fit is for the next compaction, and no compaction
// goes without progress.
func TestFullMap(t *testing.T) {
	keys := NewKeyMap(slotsMin*slotBytes, 0.5)
	keys.Reset(1000)
	c := New(Config{Keys: keys})
	var many []string
	for i := range 20 {
		many = append(many, strings.Repeat("k", i), "v")
	}
	first := made(t, 0, batch.None, many...)
	for i := range many {
		many[i] += "x"
	}
	second := made(t, 20, batch.LZ4, many...)
	if full, err := c.Learn(first.bytes); full || err != nil {
		t.Fatal(full, err)
	}
	if full, err := c.Learn(second.bytes); !full || err != nil {
		t.Fatal(full, err)
	}
	for i := range 20 {
		many = append(many, strings.Repeat("z", i+1), "v")
	}
	keys.Reset(1000)
	_, err := New(Config{Keys: keys}).Learn(made(t, 40, batch.None, many...).bytes)
	if !errors.Is(err, ErrManyKeys) || !strings.Contains(err.Error(), "offset 40") || !strings.Contains(err.Error(), "more than 32") {
		t.Error(err)
	}
}

func TestDamage(t *testing.T) {
	s := made(t, 7, batch.None, "a", "1")
	s.bytes[len(s.bytes)-1] ^= 1
	c := New(Config{Keys: NewKeyMap(1, 0.9)})
	c.cfg.Keys.Reset(1)
	if _, err := c.Learn(s.bytes); !errors.Is(err, batch.ErrCorrupt) || !strings.Contains(err.Error(), "offset 7") {
		t.Error(err)
	}
	if kept, err := c.Clean(s.bytes); kept != nil || !errors.Is(err, batch.ErrCorrupt) {
		t.Error(kept, err)
	}
}
