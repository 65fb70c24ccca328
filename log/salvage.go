package log

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// SalvagePlan is how a log is mended by giving up what is damaged. Salvage never
// runs by itself: it makes a plan from a check, says what is lost by it, and
// then does it, in this order, each step durable before the next:
//
//  1. the start mark is made anew, if it is bad, and says "unclean": so the
//     next start raises all leader epochs, and consumers of what was given up
//     notice (KIP-320);
//  2. empty segments are put in the place of those that are missing, one that
//     has lost its end gets its length back, and one that has lost its header a
//     new one;
//  3. the list of what is given up is written, as a whole;
//  4. index files are set aside, if that was asked for.
//
// A crash between two of them leaves a log that starts, or refuses to, as it
// did before; salvage can be asked again. Nothing is deleted: what is replaced
// is set aside first. None of it needs more room than a few blocks.
type SalvagePlan struct {
	Steps []string    // in words, in order
	Lost  []LostRange // offsets that are given up

	accept      salvaged
	mark        *startMark
	replaceMark bool
	segments    []segmentLoss
	indexes     []string
	starts      uint32
}

// SalvageOptions say what to do beside what is needed.
type SalvageOptions struct {
	DropIndexes bool // set all index files aside
}

// headerSuffix ends the name of a damaged header that was copied aside.
const headerSuffix = ".header"

// startsMargin is added to a count of unclean starts that can not be known for
// sure. Leader epochs are made of it, and must not be given twice; a gap in
// them costs nothing.
const startsMargin = 1024

// PlanSalvage says what can be done about what a check found.
func PlanSalvage(r *CheckReport, o SalvageOptions) *SalvagePlan {
	p := &SalvagePlan{starts: r.heal.starts}
	if r.heal.hopeless {
		return p // nothing is given up for a broker that does not start
	}
	for _, x := range r.Lost {
		if !x.Given {
			p.Lost = append(p.Lost, x)
			p.accept.Offsets = append(p.accept.Offsets, lostOffsets{x.Partition, x.From, x.To})
		}
	}
	p.accept.Ranges, p.accept.Cold = r.heal.corrupt, r.heal.cold
	p.planMark(r)
	p.segments = r.heal.segments
	for _, s := range p.segments {
		if s.Intact {
			p.Steps = append(p.Steps, fmt.Sprintf("write the header of segment %s anew; nothing is lost by that", s.Short))
			continue
		}
		if s.Short != "" {
			p.Steps = append(p.Steps, fmt.Sprintf("give segment %s its length back, up to Position %d, with nothing in what it has lost", s.Short, s.End))
			continue
		}
		p.Steps = append(p.Steps, fmt.Sprintf("put an empty segment in the place of %s, for Positions %d to %d", s.name(), s.First, s.End))
	}
	if !p.accept.empty() {
		p.Steps = append(p.Steps, p.accept.step(len(r.Waiting)))
		before := r.heal.before
		if before == nil {
			before = &salvaged{}
		}
		p.accept = *before.with(&p.accept)
	}
	if o.DropIndexes && len(r.heal.indexes) > 0 {
		p.indexes = r.heal.indexes
		p.Steps = append(p.Steps, fmt.Sprintf("set %d index files aside: the next start makes all indexes anew from the log", len(p.indexes)))
	}
	return p
}

// step says in words what is given up, and how many partitions go on by that.
func (s *salvaged) step(waiting int) string {
	var parts []string
	for _, x := range []struct {
		n         int
		one, many string
	}{
		{len(s.Ranges), "damaged range of the log", "damaged ranges of the log"},
		{len(s.Cold), "damaged range of the cold log", "damaged ranges of the cold log"},
		{len(s.Offsets), "range of offsets", "ranges of offsets"},
	} {
		switch {
		case x.n == 1:
			parts = append(parts, "1 "+x.one)
		case x.n > 1:
			parts = append(parts, fmt.Sprintf("%d %s", x.n, x.many))
		}
	}
	step := "give up " + strings.Join(parts, ", ") + ": consumers go on behind that"
	switch {
	case waiting == 1:
		step += "; 1 partition takes appends again, from the end it has now on"
	case waiting > 1:
		step += fmt.Sprintf("; %d partitions take appends again, from the ends they have now on", waiting)
	}
	return step
}

// planMark decides about the start mark.
func (p *SalvagePlan) planMark(r *CheckReport) {
	starts := r.heal.starts
	switch {
	case r.heal.mark.fault != nil && r.heal.mark.unsure:
		starts += startsMargin
		p.Steps = append(p.Steps, fmt.Sprintf("keep the start mark aside and make a new one, with %d unclean starts: "+
			"more than there can have been, so that no leader epoch is given twice", starts))
		p.replaceMark = true
	case r.heal.mark.fault != nil && r.Segments > 0:
		p.Steps = append(p.Steps, fmt.Sprintf("make a new start mark, with the %d unclean starts that the segments tell", starts))
		p.replaceMark = true
	case !p.accept.empty() && r.Clean:
		p.Steps = append(p.Steps, "have the next start count as unclean, so that leader epochs rise")
	default:
		return
	}
	p.mark = &startMark{UncleanStarts: starts, End: r.heal.end}
}

// Empty reports whether there is nothing to do.
func (p *SalvagePlan) Empty() bool { return len(p.Steps) == 0 }

// Apply does it. The caller holds the lock of the directory, and has shown the
// plan. done hears of each file that was set aside or written.
func (p *SalvagePlan) Apply(fsys vfs.FS, dir string, done func(what string)) error {
	s := &salvager{fs: fsys, dir: dir, starts: p.starts, done: done}
	if p.replaceMark {
		if err := s.copyAside(startMarkName); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if p.mark != nil {
		if err := s.write(startMarkName, p.mark.encode()); err != nil {
			return err
		}
	}
	for i := range p.segments {
		mend := s.replace
		if p.segments[i].Short != "" {
			mend = s.extend
		}
		if err := mend(&p.segments[i]); err != nil {
			return err
		}
	}
	if !p.accept.empty() {
		if err := s.write(salvagedName, p.accept.encode()); err != nil {
			return err
		}
	}
	for _, name := range p.indexes {
		if err := s.setAside(name); err != nil {
			return err
		}
	}
	if err := fsys.SyncDir(dir); err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	return nil
}

// salvager changes the files.
type salvager struct {
	fs     vfs.FS
	dir    string
	starts uint32
	done   func(what string)
}

func (s *salvager) path(name string) string { return path.Join(s.dir, name) }

// setAside renames a file; one that is gone already is as it should be.
func (s *salvager) setAside(name string) error {
	as, err := setAside(s.fs, s.dir, name, s.starts)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	s.done(fmt.Sprintf("%s set aside as %s", name, as))
	return nil
}

// copyAside copies a small file under a name of its own, durably. One that can
// not be read any more is renamed: there is nothing to lose between.
func (s *salvager) copyAside(name string) error {
	b, err := readSmallFile(s.fs, s.dir, name)
	if vfs.IsBadMedium(err) {
		return s.setAside(name)
	}
	if err != nil {
		return fmt.Errorf("copy aside: %w", err)
	}
	as, err := asideName(s.fs, s.dir, name, s.starts)
	if err != nil {
		return err
	}
	if err := replaceSmallFile(s.fs, s.dir, as, b); err != nil {
		return err
	}
	s.done(fmt.Sprintf("%s copied aside as %s", name, as))
	return nil
}

// write replaces a small file as a whole, durably.
func (s *salvager) write(name string, b []byte) error {
	if err := replaceSmallFile(s.fs, s.dir, name, b); err != nil {
		return err
	}
	s.done("the file " + name + " was written")
	return nil
}

// replace puts a segment without entries in the place of one that is missing, or
// of which nothing is left.
// It is a hole but for its header, so it takes no room.
func (s *salvager) replace(x *segmentLoss) (err error) {
	name := x.name()
	temp := s.path(name + tempSuffix)
	if err := s.fs.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("replace %s: %w", name, err)
	}
	f, err := s.fs.Create(temp)
	if err != nil {
		return fmt.Errorf("replace %s: %w", name, err)
	}
	if _, err = f.WriteAt(x.encode(), 0); err != nil {
		return fmt.Errorf("replace %s: %w", name, errors.Join(err, f.Close()))
	}
	if err := s.lengthen(f, x); err != nil {
		return fmt.Errorf("replace %s: %w", name, err)
	}
	// What is left of a file may be looked at again; one without a byte not.
	if size, err := s.fs.Size(s.path(name)); err == nil && size > 0 {
		if err := s.setAside(name); err != nil {
			return err
		}
	}
	if err := s.fs.Rename(temp, s.path(name)); err != nil {
		return fmt.Errorf("replace %s: %w", name, err)
	}
	if err := s.fs.SyncDir(s.dir); err != nil {
		return fmt.Errorf("replace %s: %w", name, err)
	}
	s.done(name + " put in place")
	return nil
}

// extend gives a segment that has lost its end its length back, as a hole.
// Nothing in it is read, or changed but for a damaged header, which is copied
// aside: the rest may have bad sectors, and there may be no room for a copy.
func (s *salvager) extend(x *segmentLoss) error {
	f, err := s.fs.OpenWritable(s.path(x.Short))
	if err != nil {
		return fmt.Errorf("extend %s: %w", x.Short, err)
	}
	if x.Headless {
		err := s.keepHeader(f, x.Short)
		if err == nil {
			_, err = f.WriteAt(x.encode(), 0)
		}
		if err != nil {
			return fmt.Errorf("extend %s: %w", x.Short, errors.Join(err, f.Close()))
		}
	}
	if x.Intact {
		if err := errors.Join(f.Datasync(), f.Close()); err != nil {
			return fmt.Errorf("write the header of %s: %w", x.Short, err)
		}
		s.done(x.Short + " has a header again")
		return nil
	}
	if err := s.lengthen(f, x); err != nil {
		return fmt.Errorf("extend %s: %w", x.Short, err)
	}
	s.done(x.Short + " extended")
	return nil
}

// keepHeader copies a damaged header aside, if there is anything in it.
func (s *salvager) keepHeader(f vfs.File, name string) error {
	b := make([]byte, segmentHeaderSize)
	n, err := f.ReadAt(b, 0)
	if vfs.IsBadMedium(err) || len(bytes.Trim(b[:n], "\x00")) == 0 {
		return nil
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the header: %w", err)
	}
	as, err := asideName(s.fs, s.dir, name+headerSuffix, s.starts)
	if err != nil {
		return err
	}
	if err := replaceSmallFile(s.fs, s.dir, as, b[:n]); err != nil {
		return err
	}
	s.done(fmt.Sprintf("the header of %s copied aside as %s", name, as))
	return nil
}

// lengthen makes a file reach up to the end of its segment, durably, and closes it.
func (*salvager) lengthen(f vfs.File, x *segmentLoss) error {
	err := f.Truncate(segmentHeaderSize + int64(x.End-x.First))
	if err == nil {
		err = f.Datasync()
	}
	return errors.Join(err, f.Close())
}
