package log

import (
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/log/index"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// DumpOptions chooses what Dump prints beside the list of files.
type DumpOptions struct {
	Entries   bool              // every entry of the segments
	Batches   bool              // and every batch in them
	Indexes   bool              // the sections of the index files
	Partition model.PartitionID // of this partition only; 0: of all
	From      Position          // entries from here on
}

// Dump prints the files of a log's directory as text. It opens nothing for
// writing, and damaged files are printed as far as they can be read, so it may
// be used on a log that does not open; on one that is in use it shows what was
// written when it looked.
func Dump(w io.Writer, fsys vfs.FS, dir string, opts DumpOptions) error {
	d := &dumper{out: w, fs: fsys, dir: dir, opts: opts, cache: index.NewCache(1 << 20)}
	names, err := fsys.List(dir)
	if err != nil {
		return fmt.Errorf("list %s: %w", dir, err)
	}
	if !slices.ContainsFunc(names, ofLog) {
		return fmt.Errorf("%w: %s", ErrNoLog, dir)
	}
	var segs, cold chain
	defer func() {
		for _, s := range append(segs, cold...) {
			s.Release()
		}
	}()
	for _, name := range names {
		list := &segs
		_, ok := parseSegmentName(name)
		if !ok {
			list = &cold
			_, ok = parseColdName(name)
		}
		if ok {
			if s := d.segment(name); s != nil {
				*list = append(*list, s)
			}
			continue
		}
		if err := d.file(name); err != nil {
			d.printf("%s: %v\n", name, err)
		}
	}
	if opts.Entries || opts.Batches {
		d.entries(segs, opts.From)
		for _, s := range cold {
			d.printf("%s:\n", s.name)
			d.entries(chain{s}, s.First)
		}
	}
	return d.err
}

// ErrNoLog refuses a directory in which nothing was made by a log.
var ErrNoLog = errors.New("no data directory: it holds no segment, index, checkpoint or start file")

// ofLog reports whether a file has a name that only a log gives.
func ofLog(name string) bool {
	_, segment := parseSegmentName(name)
	_, cold := parseColdName(name)
	_, checkpoint := parseCheckpointName(name)
	return segment || cold || checkpoint || name == startMarkName ||
		strings.HasSuffix(name, ".index") || strings.HasPrefix(name, quarantinePrefix)
}

// dumper prints until the first error of its output.
type dumper struct {
	out   io.Writer
	fs    vfs.FS
	dir   string
	opts  DumpOptions
	cache *index.Cache
	err   error
}

func (d *dumper) printf(format string, args ...any) {
	if d.err == nil {
		_, d.err = fmt.Fprintf(d.out, format, args...)
	}
}

// file prints a file that is not a segment.
func (d *dumper) file(name string) error {
	size, err := d.fs.Size(path.Join(d.dir, name))
	if err != nil {
		return err
	}
	_, isCheckpoint := parseCheckpointName(name)
	switch {
	case isCheckpoint:
		return d.checkpoint(name)
	case name == startMarkName:
		return d.startMark()
	case strings.HasPrefix(name, quarantinePrefix):
		d.printf("%s: %d bytes, set aside by recovery\n", name, size)
	case strings.HasSuffix(name, indexSuffix):
		return d.index(name)
	case strings.HasSuffix(name, tempSuffix):
		d.printf("%s: %d bytes, not part of the log yet\n", name, size)
	}
	return nil
}

func (d *dumper) startMark() error {
	b, err := readSmallFile(d.fs, d.dir, startMarkName)
	if err != nil {
		return err
	}
	m, err := decodeStartMark(b)
	if err != nil {
		return err
	}
	d.printf("%s: clean %v, unclean starts %d\n", startMarkName, m.Clean, m.UncleanStarts)
	return nil
}

func (d *dumper) checkpoint(name string) error {
	b, err := readSmallFile(d.fs, d.dir, name)
	if err != nil {
		return err
	}
	c, err := decodeCheckpoint(b)
	if err != nil {
		return err
	}
	d.printf("%s: position %d, synced %d\n", name, c.Position, c.Synced)
	for _, s := range c.Segments {
		d.printf("    segment %d, generation %d, salt %08x, live bytes %d\n", s.First, s.Generation, s.Salt, s.LiveBytes)
	}
	for _, s := range c.Cold {
		d.printf("    cold segment %d of log %d, salt %08x, live bytes %d\n", s.First, s.Log, s.Salt, s.LiveBytes)
	}
	for _, x := range c.Indexes {
		d.printf("    index %s, level %d, %d bytes\n", index.FileName(x.ID), x.Level, x.Bytes)
	}
	for _, x := range c.Damage {
		d.printf("    damage [%d, %d) of unknown owner, partitions up to %d\n", x.From, x.To, x.MaxPartition)
	}
	return nil
}

func (d *dumper) index(name string) (err error) {
	f, err := index.Open(d.fs, path.Join(d.dir, name), d.cache)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Release()) }()
	d.printf("%s: level %d, %d entries, %d bytes\n", name, f.Meta().Level, f.Entries(), f.Bytes())
	if !d.opts.Indexes {
		return nil
	}
	return f.Sections(true, func(s index.Section) error {
		if d.opts.Partition != 0 && s.Partition != d.opts.Partition {
			return nil
		}
		if s.Patch {
			d.printf("    partition %d: %d entries, offsets [%d, %d), in place of [%d, %d)\n",
				s.Partition, s.Count, s.First, s.End, s.TruncatedTo, s.To)
			return nil
		}
		d.printf("    partition %d: %d entries, offsets [%d, %d), cut to %d, whole %v\n",
			s.Partition, s.Count, s.First, s.End, s.TruncatedTo, s.Whole)
		state, err := decodeState(s.State)
		if err != nil {
			d.printf("        %v\n", err)
			return nil
		}
		d.printf("        start %d, end %d, epoch %d, %d producers, %d transactions open, %d aborted\n",
			state.start, state.end, state.lastEpoch, len(state.producers), state.openCount(), len(state.aborted))
		if c := state.cleanedPart(); c.to > 0 {
			d.printf("        cleaned to %d, run %d, %d entries, offsets end at %d\n", c.to, c.run, c.entries, c.end)
		}
		return nil
	})
}

// segment prints a segment's header and returns it open; nil if it can not be.
func (d *dumper) segment(name string) *segment {
	s, err := openSegment(readOnly{d.fs}, d.dir, name)
	if s == nil {
		d.printf("%s: %v\n", name, err)
		return nil
	}
	if err != nil {
		d.printf("%s: %v\n", name, err)
		return s
	}
	previous := fmt.Sprintf("behind salt %08x", s.PreviousSalt)
	if s.IsFirst {
		previous = "the first"
	}
	d.printf("%s: generation %d, salt %08x, %s, %d bytes\n", name, s.Generation, s.Salt, previous, s.size.Load())
	return s
}

// entries prints the entries of the chain, and the gaps between them.
func (d *dumper) entries(c chain, from Position) {
	if len(c) == 0 {
		return
	}
	s := newScanner(c, max(from, c[0].First))
	for d.err == nil {
		item, err := s.next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				d.printf("%v\n", err)
			}
			return
		}
		switch item.Kind {
		case scanGap:
			if item.End == positionMax {
				d.printf("%d: the end\n", item.At)
			} else {
				d.printf("%d: no entry up to %d: %v\n", item.At, item.End, item.Why)
			}
		case scanDamaged:
			d.entry(&item.Header)
			d.printf("    damaged: %v\n", item.Why)
		case scanEntry:
			if d.opts.Partition == 0 || item.Header.Partition == d.opts.Partition {
				d.entry(&item.Header)
				switch item.Header.Kind { //nolint:exhaustive // The others say all in their headers.
				case KindRelocated:
					d.printf("    appended at %d\n", origin(item.Payload))
				case KindCleaned:
					d.printf("    %v\n", decodeCleanedPrefix(item.Payload))
				case KindCleanedTo:
					d.cleanedTo(&item)
				}
				d.batches(item.Batches)
			}
		}
	}
}

func (d *dumper) entry(h *entryHeader) {
	d.printf("%d: %v", h.Position, h.Kind)
	switch h.Kind {
	case KindBatches, KindRelocated, KindCleaned:
		d.printf(", partition %d, offsets %d to %d, %d batches", h.Partition, h.BaseOffset, h.BaseOffset+model.Offset(h.LastDelta), h.Batches)
	case KindTruncate, KindLogStart, KindPartitionState, KindCleanedTo:
		d.printf(", partition %d, offset %d", h.Partition, h.BaseOffset)
	case KindSyncMark, KindPad:
	}
	d.printf(", epoch %d, %d bytes, synced %d, %s\n", h.Epoch, h.Size, h.Synced, time.UnixMilli(h.AppendTime).UTC().Format(time.RFC3339Nano))
}

func (d *dumper) cleanedTo(it *scanItem) {
	c, err := decodeCleanedTo(&it.Header, it.Payload)
	if err != nil {
		d.printf("    %v\n", err)
		return
	}
	d.printf("    run %d, %d entries, offsets end at %d\n", c.run, c.entries, c.end)
}

func (d *dumper) batches(list []batch.Header) {
	if !d.opts.Batches {
		return
	}
	for i := range list {
		h := &list[i]
		d.printf("    batch %d to %d, %d records, %d bytes, %v, producer %d epoch %d sequence %d, timestamps %d to %d\n",
			h.BaseOffset, h.LastOffset(), h.Records, h.Size, h.Codec(), h.ProducerID, h.ProducerEpoch, h.BaseSequence,
			h.FirstTimestamp, h.MaxTimestamp)
	}
}

// readOnly opens for reading what others open for writing.
type readOnly struct{ vfs.FS }

// OpenWritable implements vfs.FS.
func (r readOnly) OpenWritable(name string) (vfs.File, error) { return r.Open(name) }
