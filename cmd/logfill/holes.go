package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// holes is the real disk, but what is all zeros is not written to segments,
// space is not reserved, and nothing is synced.
type holes struct{ vfs.OS }

// Create implements vfs.FS.
func (h holes) Create(name string) (vfs.File, error) { return sparse(name)(h.OS.Create(name)) }

// OpenWritable implements vfs.FS.
func (h holes) OpenWritable(name string) (vfs.File, error) {
	return sparse(name)(h.OS.OpenWritable(name))
}

// SyncDir implements vfs.FS.
func (holes) SyncDir(string) error { return nil }

func sparse(name string) func(vfs.File, error) (vfs.File, error) {
	return func(f vfs.File, err error) (vfs.File, error) {
		if err != nil || !isSegment(name) {
			return f, err
		}
		return holeFile{f}, nil
	}
}

// isSegment knows segments also by the names that they have before their first
// Position is known.
func isSegment(name string) bool {
	return strings.HasSuffix(name, ".segment") || strings.HasSuffix(name, ".temp")
}

// holeFile is a segment. It is appended to, so that a block that is left out
// was never anything but zeros.
type holeFile struct{ vfs.File }

// block is what a file system stores or not.
const block = 4096

// WritevAt implements vfs.File.
func (f holeFile) WritevAt(bufs [][]byte, off int64) (n int, err error) {
	for _, b := range bufs {
		done, err := f.WriteAt(b, off+int64(n))
		n += done
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// WriteAt implements io.WriterAt.
func (f holeFile) WriteAt(p []byte, off int64) (n int, err error) {
	var zeros [block]byte
	for n < len(p) {
		size := min(len(p)-n, block-int((off+int64(n))%block))
		if !bytes.Equal(p[n:n+size], zeros[:size]) {
			if _, err := f.File.WriteAt(p[n:n+size], off+int64(n)); err != nil {
				return n, fmt.Errorf("segment: %w", err)
			}
		}
		n += size
	}
	return n, nil
}

// Allocate implements vfs.File: it makes the file longer, without blocks.
func (f holeFile) Allocate(off, n int64) error {
	size, err := f.Size()
	if err != nil || size >= off+n {
		return err //nolint:wrapcheck // It names the file.
	}
	return f.Truncate(off + n) //nolint:wrapcheck // The same.
}

// Datasync implements vfs.File.
func (holeFile) Datasync() error { return nil }
