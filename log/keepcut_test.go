package log

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// tornTail ends a life with a batch of partition 1, at offset 3, of which no
// entry says that it is durable, and damages it there.
func (f *fixture) tornTail(at Position) entryHeader {
	f.t.Helper()
	before := len(f.want[1])
	f.append(500, 1)
	f.want[1], f.ends[1] = f.want[1][:before], f.ends[1]-3
	f.killWithoutCheckpoint()
	entries := f.batchEntries()
	last := entries[len(entries)-1]
	f.flip(last.Position + at)
	return last
}

// The damaged last entry of a log looks like a torn write: it is cut, and not
// without a trace.
func TestDamagedLastEntryIsKept(t *testing.T) {
	for name, at := range map[string]Position{"magic": 0, "header": 50, "payload": entryHeaderSize + 200} {
		t.Run(name, func(t *testing.T) {
			f := newStillFixture(t, Config{})
			f.append(500, 1)
			last := f.tornTail(at)
			if r := f.lookAt(); r.Damaged() || !strings.Contains(texts(r, SeverityNote), "look written") {
				t.Errorf("check: %v", texts(r, SeverityNote))
			}
			found := f.open()
			if want := int64(last.Size); len(found.Corrupt) > 0 || found.TornBytes > want || found.TornBytes < want-entryAlign {
				t.Errorf("recovery: %+v, want %d bytes torn off", found, want)
			}
			kept := f.files(tornSuffix)
			if !slices.Equal(found.Quarantined, kept) || len(kept) != 1 || !strings.Contains(kept[0], fmt.Sprint(uint64(last.Position))) {
				t.Fatalf("recovery: %+v, files %v", found, kept)
			}
			if size, err := f.disk.fs.Size(f.disk.dir + "/" + kept[0]); err != nil || size != found.TornBytes {
				t.Errorf("%s: %d bytes, %v; want %d", kept[0], size, err, found.TornBytes)
			}
			f.append(100, 1)
			f.close()
			if r := f.lookAt(); r.Damaged() || len(r.Aside) != 1 {
				t.Errorf("check afterwards: %+v", r)
			}
		})
	}
}

// A torn tail at the beginning of a segment is kept as well, and only the newest
// few are.
func TestTornTailsDoNotPileUp(t *testing.T) {
	f := newStillFixture(t, Config{})
	var all []string
	for range tornFilesKept + 2 {
		f.tornTail(entryHeaderSize + 100)
		found := f.open()
		if len(found.Quarantined) != 1 {
			t.Fatalf("recovery: %+v", found)
		}
		all = append(all, found.Quarantined...)
		f.check()
	}
	if kept := f.files(tornSuffix); len(kept) != tornFilesKept || !containsAll(kept, all[2:]) {
		t.Errorf("kept %v of %v", kept, all)
	}
	f.close()
}

// The copy of a torn tail keeps nobody from starting: where there is no room for
// it, or for what comes behind it, it is left out.
func TestTornTailOnAFullDisk(t *testing.T) {
	for name, failing := range map[string]string{"the copy": tornSuffix, "the next segment": "next"} {
		t.Run(name, func(t *testing.T) {
			f := newStillFixture(t, Config{})
			f.append(500, 1)
			f.tornTail(entryHeaderSize + 100)
			var full atomic.Bool // from the copy's first write on, until it is removed
			f.disk.fs = vfs.NewFault(f.mem(), func(op vfs.Op) error {
				if copied := strings.HasSuffix(op.Name, tornSuffix); copied && (op.Is(vfs.KindWrite) || op.Is(vfs.KindRemove)) {
					full.Store(op.Is(vfs.KindWrite))
				}
				if full.Load() && op.Is(vfs.KindWrite) && strings.Contains(op.Name, failing) {
					return vfs.ErrNoSpace
				}
				return nil
			})
			found := f.open()
			if found.TornBytes == 0 || len(found.Quarantined) > 0 || len(f.files(quarantinePrefix)) > 0 {
				t.Errorf("recovery: %+v, files %v", found, f.files(quarantinePrefix))
			}
			f.check()
			f.close()
		})
	}
}
