package index

import (
	"bufio"
	"fmt"
	"io"
)

// Verify reads every entry of the file, past the cache, and returns the first
// error. Open has proven the rest.
func (f *File) Verify() error {
	var area *bufio.Reader
	return f.Sections(false, func(s Section) error {
		if area == nil {
			all := io.NewSectionReader(f.file, headerSize, f.footer.directoryAt()-headerSize)
			area = bufio.NewReaderSize(all, readBufferBytes)
		}
		// Sections stand one behind the other.
		var raw [EntrySize]byte
		for range s.Count {
			if _, err := io.ReadFull(area, raw[:]); err != nil {
				return fmt.Errorf("index %s: read: %w", f.path, err)
			}
			if _, err := DecodeEntry(raw[:], s.Partition); err != nil {
				return fmt.Errorf("index %s: partition %d: %w", f.path, s.Partition, err)
			}
		}
		return nil
	})
}
