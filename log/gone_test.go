package log

import (
	"errors"
	"path"
	"strings"
	"testing"
)

// A log whose directory was removed or moved takes no more appends: it would
// acknowledge what stands in files that have no name.
func TestDirectoryGone(t *testing.T) {
	f := newFixture(t, Config{})
	f.append(500, 1)
	if err := f.disk.fs.Remove(path.Join(f.disk.dir, f.log.segments.all().last().name)); err != nil {
		t.Fatal(err)
	}
	if err := f.log.keeper.do(func() error { f.log.keeper.round(); return nil }); err != nil {
		t.Fatal(err)
	}
	if err := f.log.latch.err(); !errors.Is(err, ErrLatched) {
		t.Errorf("the log goes on: %v", err)
	}
	if err := f.disk.fatal; err == nil || strings.Contains(err.Error(), "fsync") || !strings.Contains(err.Error(), "removed or moved") {
		t.Errorf("it says why: %v", err)
	}
	_ = f.log.Close() // It has latched.
}
