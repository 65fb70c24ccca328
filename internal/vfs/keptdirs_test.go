package vfs

import (
	"errors"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// Once a directory was synced, syncing it again needs no descriptor.
func TestKeptDirsSyncWithoutDescriptors(t *testing.T) {
	dir := t.TempDir()
	kept := NewKeptDirs()
	must(t, kept.SyncDir(dir))
	f, err := kept.Create(filepath.Join(dir, "a"))
	must(t, err)
	var limit unix.Rlimit
	must(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &limit))
	must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 1, Max: limit.Max}))
	plain, again := OS{}.SyncDir(dir), kept.SyncDir(dir)
	must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &limit))
	if !errors.Is(plain, unix.EMFILE) {
		t.Errorf("there are descriptors left: %v", plain)
	}
	if again != nil {
		t.Error(again)
	}
	must(t, f.Close())
	must(t, kept.Close())
	must(t, kept.SyncDir(dir))
	must(t, kept.Close())
	if err := kept.SyncDir(filepath.Join(dir, "missing")); !errors.Is(err, unix.ENOENT) {
		t.Errorf("a missing directory: %v", err)
	}
}
