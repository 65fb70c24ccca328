package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/disk"
	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/internal/words"
	"github.com/mainstem-mq/mainstem/log"
)

// lockName is the file whose lock says that a data directory is in use. It
// holds the pid of the last broker, for people.
const lockName = "lock"

// lockDir takes the data directory, and makes it if it is missing.
func (b *broker) lockDir() error {
	dir := b.cfg.DataDir
	if err := mustBeOurs(b.fs, dir); err != nil {
		return err
	}
	if err := b.fs.MkdirAll(dir); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	name := filepath.Join(dir, lockName)
	lock, err := b.fs.Lock(name)
	if errors.Is(err, vfs.ErrLocked) {
		return fmt.Errorf("the data directory %s is in use by another broker or a `mainstem log` command%s: stop it, or give "+
			"another directory with --data-dir", dir, lastPid(b.fs, name))
	}
	if err != nil {
		return fmt.Errorf("lock the data directory: %w", err)
	}
	b.opened("lock", lock.Close)
	b.notePid(name)
	return nil
}

// notePid leaves the pid in the lock file. On a full disk it may not, and
// nothing depends on it.
func (b *broker) notePid(name string) {
	f, err := b.fs.OpenWritable(name)
	if err != nil {
		return
	}
	if f.Truncate(0) == nil {
		_, _ = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	_ = f.Close()
}

// lastPid is what the lock file says of its holder, in words; or nothing.
func lastPid(fsys vfs.FS, name string) string {
	f, err := fsys.Open(name)
	if err != nil {
		return ""
	}
	text := make([]byte, 20)
	n, err := f.ReadAt(text, 0)
	if err = errors.Join(ignoreEOF(err), f.Close()); err != nil {
		return ""
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text[:n])))
	if err != nil {
		return ""
	}
	return fmt.Sprintf(" (the last broker there has the pid %d)", pid)
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// mustBeOurs refuses a directory that holds files, but none of a broker: it
// was most likely mistyped, and our files would end up among others'.
func mustBeOurs(fsys vfs.FS, dir string) error {
	names, err := fsys.List(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	foreign := slices.DeleteFunc(slices.Clone(names), func(n string) bool {
		return n == "lost+found" || strings.HasPrefix(n, ".") // what file systems and volumes come with
	})
	if len(foreign) == 0 || slices.Contains(names, lockName) {
		return nil
	}
	begun, err := holdsData(fsys, dir)
	if err != nil || begun {
		return err
	}
	if slices.Contains(names, "meta.properties") {
		return fmt.Errorf("%s is a data directory of Apache Kafka, whose files Mainstem does not read; nothing was changed. Give an "+
			"empty directory with --data-dir (or log.dirs), run both brokers, and copy the topics from one to the other, for example "+
			"with Kafka's MirrorMaker", dir)
	}
	return fmt.Errorf("%s is not empty and holds nothing of a broker (but %s); nothing was changed. Give an empty or a new directory "+
		"with --data-dir (or log.dirs)", dir, someOf(foreign))
}

// someOf names the first few of many.
func someOf(names []string) string {
	const few = 3
	if len(names) <= few {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), len(names)-few)
}

// holdsData reports whether a broker ever began in a directory.
func holdsData(fsys vfs.FS, dir string) (bool, error) {
	hasLog, err := log.Exists(fsys, dir)
	if err != nil {
		return false, fmt.Errorf("data directory: %w", err)
	}
	hasMetadata, err := cluster.Exists(fsys, dir)
	if err != nil {
		return false, fmt.Errorf("data directory: %w", err)
	}
	return hasLog || hasMetadata, nil
}

// mustHaveRoom refuses a first start that could not take a single record.
func (b *broker) mustHaveRoom() error {
	begun, err := holdsData(b.fs, b.cfg.DataDir)
	if err != nil || begun {
		return err
	}
	free, total, err := b.fs.Space(b.cfg.DataDir)
	if err != nil || total <= 0 {
		return nil //nolint:nilerr // The guard of the disk tells, and a disk that does not say may have room.
	}
	// A first start that was killed may have left its ballast.
	return roomToBegin(b.cfg.DataDir, b.diskSettings(), free+disk.Held(b.fs, b.cfg.DataDir), total)
}

// roomToBegin holds what a new data directory takes against what is free.
func roomToBegin(dir string, s disk.Settings, free, total int64) error {
	needs := func(s disk.Settings) (int64, disk.Limits) {
		l := s.For(total)
		return s.Segment + l.Ballast + l.Min, l
	}
	need, l := needs(s)
	if free >= need {
		return nil
	}
	less := ", or lower these settings"
	smaller := s
	smaller.Segment = fittingSegment(free)
	if n, _ := needs(smaller); n <= free && smaller.Segment < s.Segment {
		less = fmt.Sprintf(", or make the files smaller: --set %s=%d", cluster.SegmentBytesKey, smaller.Segment)
	}
	return fmt.Errorf("the disk of %s has %s free, and a new data directory needs %s: the log's first file of %s (%s), a ballast of %s (%s), "+
		"and %s that stay free (%s). Give a directory on a larger disk with --data-dir%s", dir, words.Bytes(free), words.Bytes(need),
		words.Bytes(s.Segment), cluster.SegmentBytesKey, words.Bytes(l.Ballast), cluster.DiskBallastKey,
		words.Bytes(l.Min), cluster.DiskMinKey, less)
}

// segmentsMin is how many segments a disk should have room for: space is given
// back by whole ones.
const segmentsMin = 8

// fittingSegment is a size of segments that suits so much room: the largest
// power of two of which twice segmentsMin fit, but enough for the usual records.
func fittingSegment(room int64) int64 {
	n := int64(4 << 20)
	for n*2*2*segmentsMin <= room {
		n *= 2
	}
	return n
}

// smallDiskAdvice is what to do about a disk that is small for its segments, or
// nothing.
func smallDiskAdvice(total, segment int64) string {
	n := fittingSegment(total)
	if total <= 0 || total >= segmentsMin*segment || n >= segment {
		return ""
	}
	return fmt.Sprintf("the disk of %s is small for files of %s, by which the log takes room and gives it back: restart with a smaller %s, such as %d",
		words.Bytes(total), words.Bytes(segment), cluster.SegmentBytesKey, n)
}

// adviseOnDir adds to an error of the data directory what can be done about it.
// begun says that it is not the first start there.
func adviseOnDir(dir string, begun bool, err error) error {
	switch {
	case log.MissingFile(err):
		return fmt.Errorf("%w. Put the file back from a copy; without one, `mainstem log check %s` says what is lost, and `mainstem log salvage %s` "+
			"goes on without it, after it has asked", err, dir, dir)
	case errors.Is(err, fs.ErrPermission):
		who := strconv.Itoa(os.Getuid())
		if u, uerr := user.Current(); uerr == nil {
			who = u.Username
		}
		return fmt.Errorf("%w: the broker runs as the user %s, who must own %s (chown -R %s %s), or give another directory with --data-dir",
			err, who, dir, who, dir)
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%w: the file system is read-only; give another directory with --data-dir", err)
	case errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%w: %s is a file, or lies below one; name a directory with --data-dir", err, dir)
	case vfs.IsNoSpace(err) && begun:
		return fmt.Errorf("%w: the disk of %s is full to the last block, and so is what the ballast kept. Free some space (a few MiB will do, "+
			"but nothing in that directory is to be deleted) and start again; nothing is lost, and what was deleted comes back once the broker runs", err, dir)
	case vfs.IsNoSpace(err):
		return fmt.Errorf("%w: free space, or give a directory on a larger disk with --data-dir, or set a smaller %s",
			err, cluster.SegmentBytesKey)
	}
	return err
}
