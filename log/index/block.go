package index

import (
	"fmt"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// Block is the part of one file that holds entries of one partition, as the
// partition keeps it in memory. A truncation lowers End and leaves the rest
// alone, so that it needs no look at the disk: entries that reach past End are
// there no more. A patch in a newer file parts it into two, of which the upper
// has a higher First: entries that begin below First are found elsewhere.
type Block struct {
	File  *File
	First model.Offset // no entry that counts begins below
	End   model.Offset // one past what counts
	Start uint32       // number of the first entry within the file
	Count uint32
}

// Block is the section's part of the file.
func (s *Section) Block(f *File) Block {
	return Block{File: f, First: s.First, End: s.End, Start: s.Start, Count: s.Count}
}

// Reader reads entries of blocks of one partition and remembers the page it
// looked at last, so that a walk asks the cache once a page. The zero Reader
// with a Partition is ready. Not safe for concurrent use.
type Reader struct {
	Partition model.PartitionID
	file      *File
	number    uint32
	page      []byte
}

// Entry returns the i-th entry of the block, i < b.Count.
func (r *Reader) Entry(b Block, i uint32) (Entry, error) {
	n := uint64(b.Start) + uint64(i)
	if n >= b.File.footer.entries {
		return Entry{}, fmt.Errorf("index %s: %w: entry %d of %d", b.File.path, ErrCorrupt, n, b.File.footer.entries)
	}
	at := headerSize + int64(n)*EntrySize
	number := uint32(at / pageSize)
	if r.file != b.File || r.number != number {
		p, err := b.File.page(number)
		if err != nil {
			return Entry{}, err
		}
		r.file, r.number, r.page = b.File, number, p
	}
	e, err := DecodeEntry(r.page[at%pageSize:], r.Partition)
	if err != nil {
		return Entry{}, fmt.Errorf("index %s: entry %d: %w", b.File.path, n, err)
	}
	return e, nil
}

// search returns the number of the first entry in [from, b.Count) for which
// ok is true, or b.Count; ok must not fall back to false.
func (r *Reader) search(b Block, from uint32, ok func(*Entry) bool) (uint32, error) {
	low, high := from, b.Count
	for low < high {
		middle := low + (high-low)/2
		e, err := r.Entry(b, middle)
		if err != nil {
			return 0, err
		}
		if ok(&e) {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return low, nil
}

// Offset returns the number of the first entry whose last offset is at or
// above the offset, or b.Count if there is none. The entry may begin above
// the offset, where offsets have a gap.
func (r *Reader) Offset(b Block, offset model.Offset) (uint32, error) {
	return r.search(b, 0, func(e *Entry) bool { return e.LastOffset() >= offset })
}

// OffsetNear is Offset for somebody who expects the answer at or shortly after
// the entry guess: it steps away from there in strides that double.
func (r *Reader) OffsetNear(b Block, offset model.Offset, guess uint32) (uint32, error) {
	if guess >= b.Count {
		return r.Offset(b, offset)
	}
	at, stride := guess, uint32(1)
	for at < b.Count {
		e, err := r.Entry(b, at)
		if err != nil {
			return 0, err
		}
		if e.LastOffset() >= offset {
			if at == guess && e.BaseOffset > offset {
				return r.Offset(b, offset) // it lies before the guess
			}
			break
		}
		guess = at + 1
		if b.Count-at <= stride {
			at = b.Count
			break
		}
		at += stride
		stride *= 2
	}
	b.Count = at
	return r.search(b, min(guess, at), func(e *Entry) bool { return e.LastOffset() >= offset })
}

// Time returns the number of the first entry whose running maximum timestamp
// is at least ts, or b.Count.
func (r *Reader) Time(b Block, ts int64) (uint32, error) {
	return r.search(b, 0, func(e *Entry) bool { return e.RunningMax >= ts })
}
