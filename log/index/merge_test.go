package index

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
)

func keepAll(model.PartitionID) (model.Offset, bool) { return 0, true }

func TestMerge(t *testing.T) {
	t.Parallel()
	e := entriesFrom(0, 30) // deltas 0, 1, 2, 0, 1, 2, ...
	at := func(i int) model.Offset { return e[i].BaseOffset }
	inputs := [][]content{
		{
			{partition: 1, state: "1a", truncatedTo: -1, entries: e[:10]},
			{partition: 2, state: "2a", truncatedTo: 7, entries: e[3:6]},
			{partition: 3, state: "3a", truncatedTo: -1, entries: e[:5]},
		},
		{
			{partition: 1, state: "1b", truncatedTo: at(6), entries: e[6:12]},
			{partition: 3, state: "3b", truncatedTo: -1, whole: true, entries: e[2:4]},
			{partition: 4, state: "4b", truncatedTo: -1, entries: e[:9]},
		},
		{
			{partition: 1, state: "1c", truncatedTo: at(9)},
			{partition: 5, state: "5c", truncatedTo: -1, entries: e[:4]},
		},
	}
	fs, cache := newDisk(t), NewCache(0)
	var files []*File
	for i, sections := range inputs {
		files = append(files, write(t, fs, Meta{ID: uint64(i + 1)}, cache, sections))
	}
	f, err := Merge(fs, "/index/out", Meta{ID: 9, Level: 1}, files, func(id model.PartitionID) (model.Offset, bool) {
		switch id {
		case 4:
			return at(5) + 1, true // inside batch 5, which stays
		case 5:
			return 0, false
		}
		return 0, true
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []content{
		{partition: 1, state: "1c", truncatedTo: at(6), entries: append(append([]Entry{}, e[:6]...), e[6:9]...)},
		{partition: 2, state: "2a", truncatedTo: 7, entries: e[3:6]},
		{partition: 3, state: "3b", truncatedTo: -1, whole: true, entries: e[2:4]},
		{partition: 4, state: "4b", truncatedTo: -1, entries: e[5:9]},
	}
	if diff := cmp.Diff(want, read(t, f), exported); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// However files are grouped and merged, what they say together stays the same.
func TestMergeIsAssociative(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		fs, cache := newDisk(t), NewCache(0)
		var files []*File
		ends := map[model.PartitionID]model.Offset{}
		for i := range rapid.IntRange(3, 6).Draw(r, "files") {
			files = append(files, write(t, fs, Meta{ID: uint64(i + 1)}, cache, drawSections(r, ends)))
		}
		merge := func(name string, in ...*File) *File {
			f, err := Merge(fs, "/index/"+name, Meta{Level: 1}, in, keepAll)
			if err != nil {
				r.Fatal(err)
			}
			return f
		}
		at := rapid.IntRange(1, len(files)-1).Draw(r, "at")
		want := read(t, merge("all", files...))
		left := read(t, merge("l2", append([]*File{merge("l1", files[:at]...)}, files[at:]...)...))
		right := read(t, merge("r2", append(append([]*File{}, files[:at]...), merge("r1", files[at:]...))...))
		if diff := cmp.Diff(want, left, exported); diff != "" {
			r.Fatalf("oldest first: -want +got\n%s", diff)
		}
		if diff := cmp.Diff(want, right, exported); diff != "" {
			r.Fatalf("newest first: -want +got\n%s", diff)
		}
	})
}

// drawSections makes what a checkpoint would write next: offsets go on where
// they ended, or lower after a truncation.
func drawSections(r *rapid.T, ends map[model.PartitionID]model.Offset) []content {
	var sections []content
	for id := model.PartitionID(1); id <= 3; id++ {
		if !rapid.Bool().Draw(r, "changed") {
			continue
		}
		c := content{partition: id, truncatedTo: -1, state: rapid.StringMatching("[a-z]{0,3}").Draw(r, "state")}
		if end := ends[id]; end > 0 && rapid.IntRange(0, 2).Draw(r, "truncate") == 0 {
			c.truncatedTo = model.Offset(rapid.Int64Range(0, int64(end)).Draw(r, "to"))
			ends[id] = c.truncatedTo
		}
		if rapid.IntRange(0, 9).Draw(r, "whole") == 0 {
			c.whole = true
		}
		if n := rapid.IntRange(0, 5).Draw(r, "entries"); n > 0 {
			c.entries = entriesFrom(ends[id], n)
			ends[id] = c.entries[n-1].LastOffset() + 1
		}
		sections = append(sections, c)
	}
	return sections
}

func TestMergeStopsAtDamage(t *testing.T) {
	t.Parallel()
	fs, cache := newDisk(t), NewCache(0)
	a := write(t, fs, Meta{ID: 1}, cache, []content{{partition: 1, truncatedTo: -1, entries: entriesFrom(0, 5)}})
	b := write(t, fs, Meta{ID: 2}, cache, nil)
	if err := fs.FlipBit(a.Path(), headerSize+2*EntrySize, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := Merge(fs, "/index/out", Meta{ID: 3}, []*File{a, b}, keepAll); !errors.Is(err, ErrCorrupt) {
		t.Errorf("%v", err)
	}
	names, err := fs.List("/index")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasPrefix(name, "out") {
			t.Errorf("%s is left behind", name)
		}
	}
}

// A file that can not be written whole must not appear under its name, and
// every failure must be told, whichever operation it hits.
func TestWriteFaults(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for n := 0; ; n++ {
		mem := newDisk(t)
		count := 0
		fs := vfs.NewFault(mem, func(vfs.Op) error {
			count++
			if count == n+1 {
				return broken
			}
			return nil
		})
		err := writeOne(fs)
		if count <= n {
			if err != nil {
				t.Fatal(err)
			}
			if n < 5 {
				t.Fatalf("only %d operations were tried", n)
			}
			return
		}
		if readErr := readAll(mem, "/index/x"); err == nil && readErr != nil {
			t.Fatalf("operation %d failed, nobody was told, and the file: %v", n, readErr)
		}
	}
}

func writeOne(fs vfs.FS) error {
	w, err := Create(fs, "/index/x", Meta{ID: 1}, NewCache(0))
	if err != nil {
		return err
	}
	if err := w.Begin(1, []byte("state"), -1, false); err != nil {
		return err
	}
	if err := w.Add(entriesFrom(0, 10)); err != nil {
		return err
	}
	f, err := w.Finish()
	if err != nil {
		return err
	}
	return f.Release()
}
