package log

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// smallFileMax bounds what is read whole: marks and checkpoints.
const smallFileMax = 64 << 20

// readSmallFile reads a whole file of the log's directory.
func (l *Log) readSmallFile(name string) ([]byte, error) {
	return readSmallFile(l.env.FS, l.env.Dir, name)
}

func readSmallFile(fsys vfs.FS, dir, name string) (b []byte, err error) {
	f, err := fsys.Open(path.Join(dir, name))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size, err := f.Size()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if size > smallFileMax {
		return nil, fmt.Errorf("read %s: %w: %d bytes", name, fs.ErrInvalid, size)
	}
	b = make([]byte, size)
	if _, err := f.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return b, nil
}

// writeSmallFile replaces a file of the log's directory as a whole, durably.
func (l *Log) writeSmallFile(name string, b []byte) error {
	return replaceSmallFile(l.env.FS, l.env.Dir, name, b)
}

// readCheckpoints reads the checkpoints that are readable, newest first.
func (r *recovery) readCheckpoints() error {
	for _, name := range r.names {
		if strings.HasSuffix(name, tempSuffix) {
			// Made by this program, and never part of the log.
			r.temps = append(r.temps, name)
		}
		generation, ok := parseCheckpointName(name)
		if !ok {
			continue
		}
		b, err := r.log.readSmallFile(name)
		if vfs.IsBadMedium(err) {
			// An older one will do, or none.
			r.aside = append(r.aside, asideFile{name, err.Error()})
			continue
		}
		if err != nil {
			return err
		}
		c, err := decodeCheckpoint(b)
		if err == nil && c.Generation != generation {
			err = fmt.Errorf("%w: generation %d under the name of %d", errCheckpoint, c.Generation, generation)
		}
		if errors.Is(err, errCheckpointVersion) {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err != nil {
			r.aside = append(r.aside, asideFile{name, err.Error()})
			continue
		}
		r.checkpoints = append(r.checkpoints, c)
	}
	slices.SortFunc(r.checkpoints, func(a, b *checkpoint) int { return cmp.Compare(b.Generation, a.Generation) })
	return nil
}

// openChain opens the segments and leaves those that form the log.
//
// Each new segment has a higher generation than all before it. So one that
// starts behind another of a higher generation was cut off when that one was
// made, and its rename did not reach the disk.
func (r *recovery) openChain() error {
	l := r.log
	var c chain
	fail := func(err error) error {
		for _, s := range c {
			s.Release()
		}
		return err
	}
	var damagedHeaders []*segment
	for _, name := range r.names {
		if _, ok := parseSegmentName(name); !ok {
			continue
		}
		s, err := openSegment(l.env.FS, l.env.Dir, name)
		if s == nil {
			return fail(err)
		}
		if errors.Is(err, errSegmentVersion) {
			s.Release()
			return fail(err)
		}
		if err != nil {
			s.repaired = true
			l.env.Events(CorruptionFound{Range: PositionRange{s.First, s.First}, What: headerLost(err)})
			damagedHeaders = append(damagedHeaders, s)
		}
		c = append(c, s)
	}
	for _, s := range damagedHeaders {
		if !r.repairHeader(c, s) {
			return fail(fmt.Errorf("segment %s: its header is damaged, and neither a checkpoint nor its entries tell its salt", s.name))
		}
	}
	kept := make(chain, 0, len(c))
	for _, s := range c {
		if n := len(kept); n > 0 && kept[n-1].Generation > s.Generation {
			r.aside = append(r.aside, asideFile{s.name, "an older successor of a segment that was cut"})
			s.Release()
			continue
		}
		kept = append(kept, s)
	}
	l.segments.chain.Store(&kept)
	return nil
}

// repairHeader finds salt and generation of a segment whose header is damaged
// in the checkpoint, in its successor, or in its own first entry.
func (r *recovery) repairHeader(c chain, s *segment) bool {
	i := slices.Index(c, s)
	if i > 0 {
		s.PreviousSalt, s.PreviousEnd, s.Generation = c[i-1].Salt, s.First, c[i-1].Generation
	} else {
		s.IsFirst, s.PreviousEnd = true, s.First
	}
	for _, k := range r.checkpoints {
		for _, known := range k.Segments {
			if known.First == s.First {
				s.Salt, s.Generation = known.Salt, known.Generation
				return true
			}
		}
	}
	if r.saltOfFirst(s) {
		return true
	}
	if i+1 < len(c) && c[i+1].PreviousSalt != 0 {
		s.Salt = c[i+1].PreviousSalt
		return true
	}
	return false
}

// saltOfFirst takes the salt of the entry at the segment's beginning.
func (r *recovery) saltOfFirst(s *segment) bool {
	var b [entryHeaderSize]byte
	if _, err := s.file.ReadAt(b[:], segmentHeaderSize); err != nil {
		return false
	}
	h, err := decodeEntryHeader(b[:])
	if err != nil || h.Position != s.First {
		return false
	}
	s.Salt = h.Salt
	return true
}

// newest is the checkpoint that recovery starts from, or, where the indexes of
// none can be used, the newest: what it says of segments holds all the same.
func (r *recovery) newest() *checkpoint {
	if r.chosen == nil && len(r.checkpoints) > 0 {
		return r.checkpoints[0]
	}
	return r.chosen
}

// checkSegments refuses a chain that lacks a segment, and takes over what the
// checkpoint counted.
func (r *recovery) checkSegments() error {
	k, c := r.newest(), r.log.segments.all()
	if k == nil {
		return nil
	}
	for _, want := range k.Segments {
		if want.First >= k.Position {
			// It was empty then; recovery may have put another in its place since.
			continue
		}
		s := c.find(want.First)
		if s == nil || s.First != want.First || s.Salt != want.Salt {
			return fmt.Errorf("%w: segment %s, which the checkpoint names", errMissing, segmentName(want.First))
		}
		if k == r.chosen {
			s.live.Store(want.LiveBytes)
			s.held.Store(want.HeldBytes)
		}
	}
	if k == r.chosen {
		if s := c.find(k.Position); s == nil || k.Position > s.limit() {
			return fmt.Errorf("%w: the segment of Position %d, where the checkpoint stands", errMissing, k.Position)
		}
	}
	return c.followFrom(k.Position)
}

// followFrom refuses a chain that lacks a segment behind a Position. Below it
// the lacking ones were reclaimed.
func (c chain) followFrom(p Position) error {
	for i := 1; i < len(c); i++ {
		if c[i].PreviousSalt != c[i-1].Salt && c[i].First > p {
			return fmt.Errorf("%w: segment %s does not follow %s", errMissing, c[i].name, c[i-1].name)
		}
	}
	return nil
}
