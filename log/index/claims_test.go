package index

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// said is what files say together, made section by section from the words of
// the format: the model that views and merges are held against.
type said map[model.PartitionID][]Entry

func (m said) apply(sections []content) {
	for _, s := range sections {
		list := m[s.partition]
		switch {
		case s.patchedTo > 0:
			list = slices.DeleteFunc(list, func(e Entry) bool { return e.BaseOffset >= s.truncatedTo && e.BaseOffset < s.patchedTo })
		case s.whole:
			list = nil
		case s.truncatedTo >= 0:
			list = slices.DeleteFunc(list, func(e Entry) bool { return e.LastOffset() >= s.truncatedTo })
		}
		list = append(list, s.entries...)
		slices.SortFunc(list, func(a, b Entry) int { return int(a.BaseOffset - b.BaseOffset) })
		m[s.partition] = list
	}
}

// drawPatches moves a stretch of some partitions' entries, or loses it.
func (m said) drawPatches(r *rapid.T) []content {
	var sections []content
	for id := model.PartitionID(1); id <= 3; id++ {
		list := m[id]
		for from := 0; from < len(list) && rapid.Bool().Draw(r, "patch"); {
			from += rapid.IntRange(0, len(list)-from-1).Draw(r, "from")
			to := from + rapid.IntRange(1, len(list)-from).Draw(r, "n")
			c := content{partition: id, truncatedTo: list[from].BaseOffset, patchedTo: list[to-1].LastOffset() + 1}
			for _, e := range list[from:to] {
				e.Log, e.Position = e.Log+2, e.Position+1
				c.entries = append(c.entries, e)
			}
			if rapid.IntRange(0, 5).Draw(r, "lose") == 0 {
				c.entries = nil
			}
			sections = append(sections, c)
			from = to
		}
	}
	return sections
}

// readTogether reads what the files say through views and blocks.
func readTogether(r *rapid.T, files []*File) said {
	got := said{}
	err := Together(files, func(id model.PartitionID, parts []Part) error {
		v := NewView(parts)
		for _, b := range v.Blocks() {
			reader := Reader{Partition: id}
			i, err := reader.Offset(b, b.First)
			if err != nil {
				return err
			}
			for ; i < b.Count; i++ {
				e, err := reader.Entry(b, i)
				if err != nil {
					return err
				}
				if e.LastOffset() >= b.End {
					break
				}
				got[id] = append(got[id], e)
			}
		}
		return nil
	})
	if err != nil {
		r.Fatal(err)
	}
	return got
}

// Whatever is truncated, made anew and patched, and whichever neighbours are
// merged, the files say what their sections said one after the other.
func TestPatchesAndMerges(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		fs, cache := newDisk(t), NewCache(0)
		var files []*File
		next := uint64(1)
		want, ends := said{}, map[model.PartitionID]model.Offset{}
		for range rapid.IntRange(3, 8).Draw(r, "files") {
			sections := want.drawPatches(r)
			if len(sections) == 0 || rapid.Bool().Draw(r, "checkpoint") {
				sections = drawSections(r, ends)
			}
			want.apply(sections)
			files = append(files, write(t, fs, Meta{ID: next}, cache, sections))
			next++
		}
		check := func(what string) {
			for id, list := range want {
				if len(list) == 0 {
					delete(want, id)
				}
			}
			if diff := cmp.Diff(want, readTogether(r, files)); diff != "" {
				r.Fatalf("%s: -want +got\n%s", what, diff)
			}
		}
		check("as written")
		for len(files) > 1 {
			from := rapid.IntRange(0, len(files)-2).Draw(r, "from")
			to := from + rapid.IntRange(2, len(files)-from).Draw(r, "n")
			out, err := Merge(fs, "/index/"+FileName(next), Meta{ID: next, Level: 1}, files[from:to], keepAll)
			if err != nil {
				r.Fatal(err)
			}
			next++
			files = slices.Replace(slices.Clone(files), from, to, out)
			check("merged")
		}
	})
}

func TestClaims(t *testing.T) {
	t.Parallel()
	var c claims
	for _, r := range []Range{{10, 20}, {30, 40}, {20, 25}, {50, offsetMax}, {0, 5}} {
		c = c.with(r)
	}
	if want := (claims{{0, 5}, {10, 25}, {30, 40}, {50, offsetMax}}); !slices.Equal(c, want) {
		t.Errorf("%v, want %v", c, want)
	}
	if got, want := c.without(nil, Range{3, 60}), []Range{{5, 10}, {25, 30}, {40, 50}}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := c.without(nil, Range{60, 70}); len(got) > 0 {
		t.Errorf("%v is claimed", got)
	}
}

// A patch must not stand where it could not be undone: its own borders are all
// that it may speak of, and its partition's state is behind it.
func TestPatchOrder(t *testing.T) {
	t.Parallel()
	for name, write := range map[string]func(w *Writer) error{
		"patches descend":        func(w *Writer) error { return errors.Join(w.BeginPatch(1, Range{5, 9}), w.BeginPatch(1, Range{8, 12})) },
		"behind the state":       func(w *Writer) error { return errors.Join(w.Begin(1, nil, -1, false), w.BeginPatch(1, Range{8, 12})) },
		"the state twice":        func(w *Writer) error { return errors.Join(w.Begin(1, nil, -1, false), w.Begin(1, nil, -1, false)) },
		"partitions go backward": func(w *Writer) error { return errors.Join(w.BeginPatch(2, Range{5, 9}), w.Begin(1, nil, -1, false)) },
	} {
		w, err := Create(newDisk(t), "/index/x", Meta{ID: 1}, NewCache(0))
		if err != nil {
			t.Fatal(err)
		}
		if write(w) == nil {
			t.Errorf("%s: accepted", name)
		}
		w.Abort()
	}
}
