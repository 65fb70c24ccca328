package index

import (
	"fmt"
	"math"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// mergeChunk is how many entries a merge reads at once.
const mergeChunk = 1024

// Keep tells a merge what is still wanted of a partition: entries that reach
// to start or above, or nothing at all. What it says must be durable already:
// a log start that a power cut takes back would leave a hole.
type Keep func(partition model.PartitionID) (start model.Offset, keep bool)

// merge is one run of Merge.
type merge struct {
	out    *Writer
	keep   Keep
	inputs []mergeInput // oldest first
	raw    []byte
}

// mergeInput is one input and the section it stands at.
type mergeInput struct {
	file    *File
	it      *sectionIterator
	section Section
	more    bool
}

// Merge writes one file that says what the inputs, oldest first, say together.
// They must be neighbours in age: what is between them would change its place.
// The inputs are read past the cache, which belongs to consumers.
func Merge(fsys vfs.FS, path string, meta Meta, inputs []*File, keep Keep) (*File, error) {
	if len(inputs) == 0 {
		return nil, fmt.Errorf("index %s: nothing to merge", path)
	}
	m := &merge{keep: keep, raw: make([]byte, mergeChunk*EntrySize)}
	for _, f := range inputs {
		if !f.Retain() {
			return nil, fmt.Errorf("merge %s: %w", f.path, ErrReleased)
		}
		defer func() { _ = f.Release() }()
		m.inputs = append(m.inputs, mergeInput{file: f, it: newSectionIterator(f.file, &f.footer, true)})
	}
	out, err := Create(fsys, path, meta, inputs[0].cache)
	if err != nil {
		return nil, err
	}
	m.out = out
	if err := m.run(); err != nil {
		out.Abort()
		return nil, err
	}
	return out.Finish()
}

func (m *merge) run() error {
	for i := range m.inputs {
		if err := m.inputs[i].step(); err != nil {
			return err
		}
	}
	for {
		next := model.PartitionID(math.MaxUint32)
		found := false
		for i := range m.inputs {
			if in := &m.inputs[i]; in.more && in.section.Partition <= next {
				next, found = in.section.Partition, true
			}
		}
		if !found {
			return nil
		}
		if err := m.partition(next); err != nil {
			return err
		}
		for i := range m.inputs {
			if in := &m.inputs[i]; in.more && in.section.Partition == next {
				if err := in.step(); err != nil {
					return err
				}
			}
		}
	}
}

func (in *mergeInput) step() error {
	var err error
	if in.section, in.more, err = in.it.next(); err != nil {
		return fmt.Errorf("merge %s: %w", in.file.path, err)
	}
	return nil
}

// partition writes the section of one partition, for which at least one input
// stands at a section.
func (m *merge) partition(id model.PartitionID) error {
	start, keep := m.keep(id)
	if !keep {
		return nil
	}
	// From the newest to the oldest: each one cuts what is older.
	type part struct {
		in  *mergeInput
		cut model.Offset // entries that reach above it are gone
	}
	var parts []part
	cut, truncatedTo, whole := model.Offset(math.MaxInt64), model.Offset(-1), false
	for i := len(m.inputs) - 1; i >= 0 && !whole; i-- {
		in := &m.inputs[i]
		if !in.more || in.section.Partition != id {
			continue
		}
		parts = append(parts, part{in, cut})
		if to := in.section.TruncatedTo; to >= 0 {
			cut = min(cut, to)
			truncatedTo = cut
		}
		whole = in.section.Whole
	}
	if err := m.out.Begin(id, parts[0].in.section.State, truncatedTo, whole); err != nil {
		return err
	}
	for i := len(parts) - 1; i >= 0; i-- {
		if err := m.copyEntries(parts[i].in, start, parts[i].cut); err != nil {
			return fmt.Errorf("merge %s: partition %d: %w", parts[i].in.file.path, id, err)
		}
	}
	return nil
}

// copyEntries appends the entries of one section that reach to start or above
// and end at or below cut. Each is decoded, so that damage stops the merge
// while the inputs still exist, and is not copied along as if it were sound.
func (m *merge) copyEntries(in *mergeInput, start, cut model.Offset) error {
	s := &in.section
	for done := uint32(0); done < s.Count; {
		n := min(s.Count-done, mergeChunk)
		raw := m.raw[:int(n)*EntrySize]
		at := headerSize + (int64(s.Start)+int64(done))*EntrySize
		if err := readFull(in.file.file, raw, at); err != nil {
			return err
		}
		for ; len(raw) > 0; raw = raw[EntrySize:] {
			e, err := DecodeEntry(raw, s.Partition)
			if err != nil {
				return err
			}
			if e.LastOffset() >= cut {
				return nil
			}
			if e.LastOffset() < start {
				continue
			}
			if err := m.out.addEncoded(&e, raw[:EntrySize]); err != nil {
				return err
			}
		}
		done += n
	}
	return nil
}
