package index

import (
	"bufio"
	"fmt"
	"io"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// Keep tells a merge what is still wanted of a partition: entries that reach
// to start or above, or nothing at all. What it says must be durable already:
// a log start that a power cut takes back would leave a hole.
type Keep func(partition model.PartitionID) (start model.Offset, keep bool)

// merge is one run of Merge.
type merge struct {
	out     *Writer
	keep    Keep
	entries []*bufio.Reader // of each input, behind its directory's current section
	read    []uint32        // how many entries of each input were read
}

// Merge writes one file that says what the inputs, oldest first, say together.
// They must be neighbours in age: what is between them would change its place.
// The inputs are read from front to end, past the cache, which belongs to
// consumers.
func Merge(fsys vfs.FS, path string, meta Meta, inputs []*File, keep Keep) (*File, error) {
	if len(inputs) == 0 {
		return nil, fmt.Errorf("index %s: nothing to merge", path)
	}
	out, err := Create(fsys, path, meta, inputs[0].cache)
	if err != nil {
		return nil, err
	}
	m := &merge{out: out, keep: keep, read: make([]uint32, len(inputs))}
	for _, f := range inputs {
		area := io.NewSectionReader(f.file, headerSize, f.footer.directoryAt()-headerSize)
		m.entries = append(m.entries, bufio.NewReaderSize(area, readBufferBytes))
	}
	// Together holds the inputs for as long as it runs.
	if err := Together(inputs, m.partition); err != nil {
		out.Abort()
		return nil, err
	}
	return out.Finish()
}

// partition writes the sections of one partition.
func (m *merge) partition(id model.PartitionID, parts []Part) error {
	start, keep := m.keep(id)
	if !keep {
		return nil
	}
	v := NewView(parts)
	for _, r := range v.claimed {
		if r.To == offsetMax {
			break // the last
		}
		if err := m.out.BeginPatch(id, r); err != nil {
			return err
		}
		if err := m.copyFragments(&v, start, r); err != nil {
			return fmt.Errorf("merge: partition %d: %w", id, err)
		}
	}
	if v.Newest == nil {
		return nil
	}
	tail, truncatedTo := Range{v.tail, offsetMax}, v.truncatedTo
	if n := len(v.claimed); n > 0 && v.claimed[n-1].To == offsetMax && v.claimed[n-1].From < v.tail {
		// A patch that reaches into the tail is one with it.
		tail.From, truncatedTo = v.claimed[n-1].From, v.claimed[n-1].From
	}
	if err := m.out.Begin(id, v.Newest.Section.State, truncatedTo, v.whole); err != nil {
		return err
	}
	if err := m.copyFragments(&v, start, tail); err != nil {
		return fmt.Errorf("merge: partition %d: %w", id, err)
	}
	return nil
}

// copyFragments appends the entries of a range that reach to start or above.
func (m *merge) copyFragments(v *View, start model.Offset, r Range) error {
	for _, f := range v.Fragments {
		if f.From < r.From || f.From >= r.To {
			continue // a claim holds whole fragments
		}
		if err := m.copyEntries(f.Part, start, f.Range); err != nil {
			return fmt.Errorf("%s: %w", f.Part.File.path, err)
		}
	}
	return nil
}

// copyEntries appends the entries of one section that lie in a range and reach
// to start or above. Each is decoded, so that damage stops the merge while the
// inputs still exist, and is not copied along as if it were sound.
func (m *merge) copyEntries(p *Part, start model.Offset, within Range) error {
	s, r := &p.Section, m.entries[p.input]
	if n := m.read[p.input]; n < s.Start {
		if _, err := r.Discard(int(s.Start-n) * EntrySize); err != nil {
			return fmt.Errorf("read: %w", err)
		}
		m.read[p.input] = s.Start
	}
	for m.read[p.input] < s.Start+s.Count {
		raw, err := r.Peek(EntrySize)
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
		e, err := DecodeEntry(raw, s.Partition)
		if err != nil {
			return err
		}
		if e.LastOffset() >= within.To {
			return nil // the rest is of another range, or skipped by the next Discard
		}
		if e.BaseOffset >= within.From && e.LastOffset() >= start {
			if err := m.out.addEncoded(&e, raw); err != nil {
				return err
			}
		}
		if _, err := r.Discard(EntrySize); err != nil {
			return fmt.Errorf("read: %w", err)
		}
		m.read[p.input]++
	}
	return nil
}
