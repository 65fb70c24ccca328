package cluster

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// files are the metadata files on disk.
//
//	metadata/snapshot-<n>   everything before the first frame of journal-<n>
//	metadata/journal-<n>    what was changed since
//	metadata/*.tmp          being written; of no meaning after a crash
//	metadata/torn-<n>       a journal whose torn tail was cut, kept to look at
//
// A pair comes to be in this order: journal-<n> empty and durable under its
// name, then snapshot-<n>: its rename is the moment from which n counts. Then
// the older pair is unlinked. So the highest snapshot decides, its journal must
// exist, and a journal above it holds nothing.
type files struct {
	fs  vfs.FS
	dir string

	generation    uint64 // n
	journal       vfs.File
	salt          uint64
	frames        uint64
	end           int64 // where the next frame goes
	snapshotBytes int64
}

func (f *files) path(name string) string { return joinPath(f.dir, name) }

func (f *files) journalName() string { return f.path(journalName(f.generation)) }

func journalName(n uint64) string  { return "journal-" + strconv.FormatUint(n, 10) }
func snapshotName(n uint64) string { return "snapshot-" + strconv.FormatUint(n, 10) }
func tornName(n uint64) string     { return "torn-" + strconv.FormatUint(n, 10) }

// parseName returns the <n> of prefix-<n>.
func parseName(name, prefix string) (uint64, bool) {
	digits, ok := strings.CutPrefix(name, prefix+"-")
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, err == nil && n > 0 && strconv.FormatUint(n, 10) == digits
}

// listing is what stands in the directory.
type listing struct {
	journals, snapshots, torn []uint64 // ascending is not promised
	temporary                 []string
}

func (f *files) list() (listing, error) {
	names, err := f.fs.List(f.dir)
	if err != nil {
		return listing{}, fmt.Errorf("list %s: %w", f.dir, err)
	}
	var l listing
	for _, name := range names {
		if n, ok := parseName(name, "journal"); ok {
			l.journals = append(l.journals, n)
		} else if n, ok := parseName(name, "snapshot"); ok {
			l.snapshots = append(l.snapshots, n)
		} else if n, ok := parseName(name, "torn"); ok {
			l.torn = append(l.torn, n)
		} else if strings.HasSuffix(name, ".tmp") {
			l.temporary = append(l.temporary, name)
		}
	}
	return l, nil
}

// roll writes the pair of the next generation and goes over to it. On an error
// without errUnsynced the old pair is untouched and still in use.
func (f *files) roll(img *Image) error {
	next := f.generation + 1
	journal, salt, err := f.newJournal(next)
	if err != nil {
		return err
	}
	size, err := f.writeSnapshot(next, img)
	if err != nil {
		err = errors.Join(err, journal.Close())
		if errors.Is(err, errUnsynced) { // the snapshot may count already: it needs its journal
			return err
		}
		return errors.Join(err, f.discard(journalName(next)))
	}
	old, oldGeneration := f.journal, f.generation
	f.generation, f.journal, f.salt = next, journal, salt
	f.frames, f.end, f.snapshotBytes = 0, fileHeaderSize, size
	// The old pair means nothing any more: what fails here is tried again by
	// the next start, which removes whatever is below the highest snapshot.
	if old != nil {
		_ = old.Close()
		_ = f.fs.Remove(f.path(journalName(oldGeneration)))
		_ = f.fs.Remove(f.path(snapshotName(oldGeneration)))
	}
	return nil
}

// newJournal makes an empty journal, durable under its name.
func (f *files) newJournal(n uint64) (vfs.File, uint64, error) {
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails since Go 1.24
	h := fileHeader{kind: journalFile, generation: n, salt: binary.LittleEndian.Uint64(random[:])}
	file, err := f.writeFile(journalName(n), h.encode())
	return file, h.salt, err
}

// writeFile makes a file under a temporary name, writes and syncs it, and
// gives it its name durably. The file is returned open.
func (f *files) writeFile(name string, content []byte) (vfs.File, error) {
	temporary := f.path(name + ".tmp")
	if err := f.fs.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("remove %s: %w", temporary, err)
	}
	file, err := f.fs.Create(temporary)
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", temporary, err)
	}
	if _, err := file.WriteAt(content, 0); err != nil {
		return nil, errors.Join(fmt.Errorf("write %s: %w", temporary, err), file.Close(), f.fs.Remove(temporary))
	}
	if err := file.Datasync(); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %s: %w", errUnsynced, temporary, err), file.Close())
	}
	if err := f.fs.Rename(temporary, f.path(name)); err != nil {
		return nil, errors.Join(fmt.Errorf("rename %s: %w", temporary, err), file.Close(), f.fs.Remove(temporary))
	}
	if err := f.fs.SyncDir(f.dir); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: directory %s: %w", errUnsynced, f.dir, err), file.Close())
	}
	return file, nil
}

// discard removes a file that has no meaning; its absence is fine.
func (f *files) discard(name string) error {
	if err := f.fs.Remove(f.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove %s: %w", f.path(name), err)
	}
	return nil
}

func (f *files) close() error {
	if f.journal == nil {
		return nil
	}
	if err := f.journal.Close(); err != nil {
		return fmt.Errorf("close %s: %w", f.journalName(), err)
	}
	return nil
}

// read returns a whole file.
func (f *files) read(name string) ([]byte, error) {
	file, err := f.fs.Open(f.path(name))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", f.path(name), err)
	}
	size, err := file.Size()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("size of %s: %w", f.path(name), err), file.Close())
	}
	b := make([]byte, size)
	if n, err := file.ReadAt(b, 0); n < len(b) {
		return nil, errors.Join(fmt.Errorf("read %s: %w", f.path(name), err), file.Close())
	}
	if err := file.Close(); err != nil {
		return nil, fmt.Errorf("close %s: %w", f.path(name), err)
	}
	return b, nil
}
