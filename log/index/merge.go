package index

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"slices"

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
	cuts    []model.Offset  // of each part: entries that reach to it or above are gone
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

// partition writes the section of one partition.
func (m *merge) partition(id model.PartitionID, parts []Part) error {
	start, keep := m.keep(id)
	if !keep {
		return nil
	}
	// From the newest to the oldest: each one cuts what is older.
	cut, truncatedTo, whole := model.Offset(math.MaxInt64), model.Offset(-1), false
	m.cuts = m.cuts[:0]
	for i := 0; i < len(parts) && !whole; i++ {
		m.cuts = append(m.cuts, cut)
		s := &parts[i].Section
		if s.TruncatedTo >= 0 {
			cut = min(cut, s.TruncatedTo)
			truncatedTo = cut
		}
		whole = s.Whole
	}
	if err := m.out.Begin(id, parts[0].Section.State, truncatedTo, whole); err != nil {
		return err
	}
	for i, cut := range slices.Backward(m.cuts) {
		if err := m.copyEntries(&parts[i], start, cut); err != nil {
			return fmt.Errorf("merge %s: partition %d: %w", parts[i].File.path, id, err)
		}
	}
	return nil
}

// copyEntries appends the entries of one section that reach to start or above
// and end at or below cut. Each is decoded, so that damage stops the merge
// while the inputs still exist, and is not copied along as if it were sound.
func (m *merge) copyEntries(p *Part, start, cut model.Offset) error {
	s, r := &p.Section, m.entries[p.input]
	if _, err := r.Discard(int(s.Start-m.read[p.input]) * EntrySize); err != nil {
		return fmt.Errorf("read: %w", err)
	}
	m.read[p.input] = s.Start
	for range s.Count {
		raw, err := r.Peek(EntrySize)
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
		e, err := DecodeEntry(raw, s.Partition)
		if err != nil {
			return err
		}
		if e.LastOffset() >= cut {
			return nil // the rest is skipped by the next Discard
		}
		if e.LastOffset() >= start {
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
