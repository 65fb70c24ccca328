package log

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// A log that is closed on a full disk says that nothing is lost by that.
func TestCloseOnAFullDisk(t *testing.T) {
	f := fill(t)
	f.close()
	var full atomic.Bool
	fault := vfs.NewFault(f.disk.fs, func(op vfs.Op) error {
		if full.Load() && (op.Kind == vfs.KindWrite || op.Kind == vfs.KindCreate) {
			return vfs.ErrNoSpace
		}
		return nil
	})
	f.disk.fs = fault
	f.open()
	full.Store(true)
	if err := f.log.Close(); !vfs.IsNoSpace(err) || !strings.Contains(err.Error(), "nothing is lost") {
		t.Error(err)
	}
}
