package main

import (
	"errors"
	"io/fs"
	"path/filepath"
	"syscall"
)

// taken is what files are together: how long, and what the disk stores of it.
type taken struct{ length, stored int64 }

// dataDir is where the broker's data lies.
func (s *stand) dataDir() string { return filepath.Join(filepath.Dir(s.broker.LogFile()), "data") }

func everything(string) bool { return true }

// takenBy counts the files of a directory, and of those in it, whose names are
// taken.
func takenBy(dir string, counts func(name string) bool) (t taken, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !counts(d.Name()) {
			return ignoreGone(err)
		}
		info, err := d.Info()
		if err != nil {
			return ignoreGone(err)
		}
		t.length += info.Size()
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			t.stored += st.Blocks * 512
		}
		return nil
	})
	return t, err
}

// ignoreGone passes over files that go while a broker runs.
func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
