package server

import (
	"strings"
	"testing"
	"unsafe"
)

// TestStrangerNameIsACopy: what is kept of a client's id does not keep all of it.
func TestStrangerNameIsACopy(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"short", strings.Repeat("x", 32<<10)} {
		got := strangerName(id)
		if got != id[:min(len(id), strangerNameMax)] || unsafe.StringData(got) == unsafe.StringData(id) {
			t.Errorf("of %d bytes %d are kept, in their memory: %v", len(id), len(got), unsafe.StringData(got) == unsafe.StringData(id))
		}
	}
}
