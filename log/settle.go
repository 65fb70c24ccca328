package log

import (
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// settle makes the disk fit what replay found, and the log ready to write.
func (r *recovery) settle() error {
	l := r.log
	r.found.UncleanStarts = r.mark.UncleanStarts
	if r.found.Unclean {
		r.found.UncleanStarts++
	}
	// From here on a crash is an unclean start that counts.
	if err := l.writeSmallFile(startMarkName, startMark{UncleanStarts: r.found.UncleanStarts}.encode()); err != nil {
		return err
	}
	l.segments.starts, l.coldLog.segments.starts = r.found.UncleanStarts, r.found.UncleanStarts
	if err := r.tidy(); err != nil {
		return err
	}
	end := r.replay.end
	switch {
	case r.fresh:
		end = 0
		if _, err := l.segments.roll(0); err != nil {
			return err
		}
	case r.found.Unclean || r.replay.goodBehind() || len(r.replay.corrupt) > 0:
		if err := r.cut(end); err != nil {
			return err
		}
	}
	for _, p := range l.partitions.all() {
		p.setDurable(end, p.End())
	}
	l.writer.written, l.writer.previous, l.writer.prevSize = end, r.replay.previous, r.replay.prevSize
	l.syncer.start(end)
	if err := r.rewriteCold(); err != nil {
		return err
	}
	if err := r.installRuns(); err != nil {
		return err
	}
	r.startKeeper()
	return nil
}

// startKeeper tells the keeper what is on disk. What was expensive to find, or
// must not be forgotten, gets a checkpoint at once.
func (r *recovery) startKeeper() {
	k := r.log.keeper
	for _, name := range r.names {
		if g, ok := parseCheckpointName(name); ok {
			k.generation = max(k.generation, g)
		}
	}
	if r.chosen != nil {
		k.last.Store(uint64(r.chosen.Position))
	}
	k.unusable = r.unusable
	k.urgent = r.replay.rebuild || len(r.runs) > 0 || len(r.unusable) > 0 || len(r.replay.corrupt) > 0 || r.replay.scanned >= r.log.cfg.CheckpointBytes/8
}

// tidy removes what this program left half made, and sets aside what does not
// belong to the log.
func (r *recovery) tidy() error {
	l := r.log
	for _, name := range r.temps {
		if err := l.env.FS.Remove(path.Join(l.env.Dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove %s: %w", name, err)
		}
	}
	if _, err := l.indexes.sweep(r.checkpoints...); err != nil {
		return err
	}
	for _, f := range r.aside {
		if err := r.quarantine(f.name, f.why); err != nil {
			return err
		}
	}
	return nil
}

// quarantine renames a file so that it is never looked at again.
func (r *recovery) quarantine(name, why string) error {
	as, err := r.log.quarantine(name, why)
	if err != nil {
		return err
	}
	r.found.Quarantined = append(r.found.Quarantined, as)
	return nil
}

func (l *Log) quarantine(name, why string) (as string, err error) {
	if as, err = setAside(l.env.FS, l.env.Dir, name, l.found.UncleanStarts); err != nil {
		return "", err
	}
	l.env.Events(FileQuarantined{Name: name, As: as, Why: why})
	return as, nil
}

// cut ends the log at end, durably, and begins a new segment there.
func (r *recovery) cut(end Position) error {
	l := r.log
	if r.replay.torn() > 0 {
		if err := r.keepCut(end); err != nil {
			return err
		}
	}
	if err := r.rewrite(min(r.replay.synced, end), end); err != nil {
		return err
	}
	// What begins behind the end goes, durably before the first append: else
	// entries of an earlier life could follow those of this one.
	behind := make(map[*segment]bool)
	for _, s := range l.segments.all() {
		if s.First > end || s.First == end && r.replay.goodBehind() {
			behind[s] = true
			if err := r.quarantine(s.name, "it begins behind the end of the log"); err != nil {
				return err
			}
		}
	}
	if len(r.found.Quarantined) > 0 {
		if err := l.env.FS.SyncDir(l.env.Dir); err != nil {
			return fmt.Errorf("sync directory: %w", err)
		}
	}
	last := chainBefore(l.segments.all(), end)
	l.segments.remove(behind)
	l.segments.frugal = true
	_, err := l.segments.roll(end)
	if vfs.IsNoSpace(err) && r.giveBackTorn(err) {
		_, err = l.segments.roll(end)
	}
	l.segments.frugal = false
	if err != nil {
		return err
	}
	if last == nil {
		return nil
	}
	return last.trim(end) // gives back what was preallocated
}

// chainBefore is the segment that holds the byte before end, or nil.
func chainBefore(c chain, end Position) *segment {
	if end == 0 {
		return nil
	}
	if s := c.find(end - 1); s != nil && s.First < end {
		return s
	}
	return nil
}

// rewriteChunk is how much of the tail is written again at once.
const rewriteChunk = 1 << 20

// rewrite writes the same bytes again, whole sectors, and syncs them. After a
// failed fsync, or a kill whose fsync nobody saw, the page cache may show as
// clean what never reached the disk; a plain fsync would prove nothing.
func (r *recovery) rewrite(from, to Position) error {
	buf := make([]byte, rewriteChunk)
	for _, s := range r.log.segments.all().between(from, to) {
		lo := s.offset(max(from, s.First))
		lo -= lo % padBlock // never below the segment's header block
		if err := s.rewrite(lo, s.offset(s.End), buf); err != nil {
			return err
		}
	}
	return nil
}

// rewrite writes [from, to) of the file again, and syncs it.
func (s *segment) rewrite(from, to int64, buf []byte) error {
	for from < to {
		b := buf[:min(int64(len(buf)), to-from)]
		if _, err := s.file.ReadAt(b, from); err != nil {
			return fmt.Errorf("write the tail of %s again: %w", s.name, err)
		}
		if _, err := s.file.WriteAt(b, from); err != nil {
			return fmt.Errorf("write the tail of %s again: %w", s.name, err)
		}
		from += int64(len(b))
	}
	if err := s.file.Datasync(); err != nil {
		return fmt.Errorf("sync the tail of %s: %w", s.name, err)
	}
	return nil
}
