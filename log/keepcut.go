package log

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/mainstem-mq/mainstem/internal/vfs"
)

const (
	// tornSuffix ends the name of a copy of what a crash left behind the last good
	// entry. Most are the half of a write, so only the newest few are kept.
	tornSuffix = ".torn"
	// cutSuffix ends the name of a copy of cut bytes with good entries among them.
	cutSuffix = ".cut"

	tornFilesKept = 4
	// tornBytesKept bounds one such copy. It is more than a write takes, and than
	// clients can have sent while one was on its way.
	tornBytesKept = 64 << 20
)

// keepCut copies what is cut of a segment: in the last group or two damage can
// not be told from a torn tail, and an operator may want to look. Later segments
// are set aside as they are.
func (r *recovery) keepCut(end Position) error {
	if !r.replay.goodBehind() {
		return r.keepTorn(end)
	}
	s := chainBefore(r.log.segments.all(), end)
	if s == nil {
		return nil
	}
	name, err := r.copyCut(s, PositionRange{end, min(r.replay.written, r.log.segments.all().limitOf(s))}, cutSuffix)
	if err != nil || name == "" {
		return err
	}
	r.log.env.Events(FileQuarantined{Name: s.name, As: name, Why: "good entries stood behind the end of the log"})
	return nil
}

// keepTorn copies what stands behind the last good entry. The log goes on in a
// new file in its place, also where it stood at the beginning of one. That the
// disk has no room for a copy keeps nobody from starting.
func (r *recovery) keepTorn(end Position) error {
	l := r.log
	s := l.segments.all().find(end)
	if s == nil {
		return nil
	}
	if err := r.dropTorn(); err != nil {
		return err
	}
	at := PositionRange{end, min(r.replay.written, l.segments.all().limitOf(s), end+tornBytesKept)}
	name, err := r.copyCut(s, at, tornSuffix)
	if vfs.IsNoSpace(err) {
		l.env.Events(BackgroundFailed{What: fmt.Sprintf("keeping a copy of [%d, %d), which is cut off the log", at.From, at.To), Err: err})
		return nil
	}
	if err != nil || name == "" {
		return err
	}
	l.env.Events(TornKept{Range: at, As: name, Cut: r.replay.torn()})
	return nil
}

// giveBackTorn removes the copy of a torn tail that left no room to go on; false
// if there is none.
func (r *recovery) giveBackTorn(why error) bool {
	l, kept := r.log, r.found.Quarantined
	i := slices.IndexFunc(kept, func(name string) bool { return strings.HasSuffix(name, tornSuffix) })
	if i < 0 || l.env.FS.Remove(path.Join(l.env.Dir, kept[i])) != nil {
		return false
	}
	l.env.Events(BackgroundFailed{What: "keeping " + kept[i] + ", which is removed again", Err: why})
	r.found.Quarantined = slices.Delete(kept, i, i+1)
	return true
}

// dropTorn makes room for one more copy of a torn tail.
func (r *recovery) dropTorn() error {
	var kept []string
	for _, name := range r.names {
		if strings.HasPrefix(name, quarantinePrefix) && strings.HasSuffix(name, tornSuffix) {
			kept = append(kept, name)
		}
	}
	slices.SortStableFunc(kept, func(a, b string) int { return cmp.Compare(quarantineStarts(a), quarantineStarts(b)) })
	for len(kept) >= tornFilesKept {
		if err := r.log.env.FS.Remove(path.Join(r.log.env.Dir, kept[0])); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove %s: %w", kept[0], err)
		}
		kept = kept[1:]
	}
	return nil
}

// limitOf is where what a segment holds ends at the latest.
func (c chain) limitOf(s *segment) Position {
	if next := c.after(s); next != nil {
		return min(s.limit(), next.First)
	}
	return s.limit()
}

// copyCut copies a piece of a segment to a file of its own, durably but for the
// name, and returns that; "" if there is nothing to copy. What can not be read
// is zero in the copy. Where it fails, no file is left.
func (r *recovery) copyCut(s *segment, at PositionRange, suffix string) (name string, err error) {
	l := r.log
	if at.From >= at.To {
		return "", nil
	}
	name, err = asideName(l.env.FS, l.env.Dir, fmt.Sprintf("%020d%s", uint64(at.From), suffix), l.found.UncleanStarts)
	if err != nil {
		return "", err
	}
	file := path.Join(l.env.Dir, name)
	f, err := l.env.FS.Create(file)
	if err != nil {
		return "", fmt.Errorf("keep what is cut: %w", err)
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			err = errors.Join(fmt.Errorf("keep what is cut: %w", err), l.env.FS.Remove(file))
		}
	}()
	buf := make([]byte, rewriteChunk)
	for p := at.From; p < at.To; {
		b := buf[:min(Position(len(buf)), at.To-p)]
		readWhatCan(s.file, b, s.offset(p), func(_, _ int) {})
		if _, err := f.WriteAt(b, int64(p-at.From)); err != nil {
			return "", err
		}
		p += Position(len(b))
	}
	if err := f.Datasync(); err != nil {
		return "", err
	}
	r.found.Quarantined = append(r.found.Quarantined, name)
	return name, nil
}
