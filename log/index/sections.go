package index

import (
	"bufio"
	"fmt"
	"io"
	"math"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// Part is what one file of several holds of a partition.
type Part struct {
	File    *File
	Section Section

	input int // number of the file
}

// Together walks over several files side by side, given oldest first. For each
// partition, ascending, that any of them has sections of, visit gets them,
// those of the newest file first. They are valid during the call only.
func Together(files []*File, visit func(id model.PartitionID, parts []Part) error) error {
	heads := make([]head, len(files))
	for i, f := range files {
		if !f.Retain() {
			return fmt.Errorf("index %s: %w", f.path, ErrReleased)
		}
		defer func() { _ = f.Release() }()
		heads[i] = head{file: f, it: newSectionIterator(f.file, &f.footer, true)}
		if err := heads[i].step(); err != nil {
			return err
		}
	}
	var parts []Part
	for {
		next, ok := lowest(heads)
		if !ok {
			return nil
		}
		parts = parts[:0]
		for i := len(heads) - 1; i >= 0; i-- {
			h := &heads[i]
			for h.more && h.section.Partition == next {
				parts = append(parts, Part{File: h.file, Section: h.section, input: i})
				if h.section.Patch {
					if err := h.step(); err != nil {
						return err
					}
					continue
				}
				break // its state is valid until the next step
			}
		}
		if err := visit(next, parts); err != nil {
			return err
		}
		for i := range heads {
			if h := &heads[i]; h.more && h.section.Partition == next {
				if err := h.step(); err != nil {
					return err
				}
			}
		}
	}
}

// head is a file and the section it stands at.
type head struct {
	file    *File
	it      *sectionIterator
	section Section
	more    bool
}

func (h *head) step() error {
	var err error
	if h.section, h.more, err = h.it.next(); err != nil {
		return fmt.Errorf("index %s: %w", h.file.path, err)
	}
	return nil
}

// lowest is the lowest partition that any head stands at.
func lowest(heads []head) (model.PartitionID, bool) {
	next, ok := model.PartitionID(math.MaxUint32), false
	for i := range heads {
		if h := &heads[i]; h.more {
			next, ok = min(next, h.section.Partition), true
		}
	}
	return next, ok
}

// sectionIterator reads directory and states side by side.
type sectionIterator struct {
	f             *footer
	records       *bufio.Reader
	states        *bufio.Reader // nil if not wanted
	left          uint32
	before        *Section // nil, then last
	last          Section
	entries, used uint64
	record        [recordSize]byte
	state         []byte
}

func newSectionIterator(file io.ReaderAt, f *footer, states bool) *sectionIterator {
	n := int64(f.sections) * recordSize
	it := &sectionIterator{f: f, left: f.sections}
	it.records = bufio.NewReaderSize(io.NewSectionReader(file, f.directoryAt(), n), int(min(n+16, readBufferBytes)))
	if states {
		n := int64(f.stateBytes)
		it.states = bufio.NewReaderSize(io.NewSectionReader(file, f.statesAt(), n), int(min(n+16, readBufferBytes)))
	}
	return it
}

func (it *sectionIterator) next() (Section, bool, error) {
	if it.left == 0 {
		if it.entries != it.f.entries || it.used != it.f.stateBytes {
			return Section{}, false, fmt.Errorf("%w: the directory leaves entries or states out", ErrCorrupt)
		}
		return Section{}, false, nil
	}
	it.left--
	if _, err := io.ReadFull(it.records, it.record[:]); err != nil {
		return Section{}, false, fmt.Errorf("read directory: %w", err)
	}
	s := decodeSection(it.record[:])
	if err := s.check(it.f, it.before, it.entries, it.used); err != nil {
		return Section{}, false, err
	}
	it.last = s
	it.before = &it.last
	it.entries += uint64(s.Count)
	it.used += uint64(s.stateSize)
	if it.states == nil {
		return s, true, nil
	}
	if cap(it.state) < int(s.stateSize) {
		it.state = make([]byte, s.stateSize)
	}
	s.State = it.state[:s.stateSize]
	if _, err := io.ReadFull(it.states, s.State); err != nil {
		return Section{}, false, fmt.Errorf("read state of partition %d: %w", s.Partition, err)
	}
	return s, true, nil
}
