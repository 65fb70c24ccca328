package log

import (
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/span"
	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// heldSync is a disk whose page cache is empty, and which holds a sync of the
// log from the first read of a segment on.
type heldSync struct {
	*vfs.Fault

	armed   atomic.Bool  // the next read waits
	hold    atomic.Bool  // and so does the next sync
	syncing atomic.Bool  // it does
	past    atomic.Int32 // reads that began meanwhile
	reading chan struct{}
	goOn    chan struct{} // lets the first read go on
	begun   chan struct{} // the sync
	held    chan struct{} // closed: it ends
}

func newHeldSync(fs vfs.FS) *heldSync {
	d := &heldSync{reading: make(chan struct{}), goOn: make(chan struct{}), begun: make(chan struct{}), held: make(chan struct{})}
	d.Fault = vfs.NewFault(fs, d.meet)
	return d
}

func (d *heldSync) meet(op vfs.Op) error {
	if !strings.HasSuffix(op.Name, segmentSuffix) {
		return nil
	}
	switch op.Kind { //nolint:exhaustive // The others go through.
	case vfs.KindReadCached:
		return vfs.ErrWouldBlock
	case vfs.KindRead:
		if op.Bytes < 30<<10 {
			return nil // a header
		}
		if d.armed.CompareAndSwap(true, false) {
			d.reading <- struct{}{}
			<-d.goOn
		} else if d.syncing.Load() {
			d.past.Add(1)
		}
	case vfs.KindSync:
		if !strings.Contains(op.Name, coldPrefix) && d.hold.CompareAndSwap(true, false) {
			d.syncing.Store(true)
			close(d.begun)
			<-d.held
			d.syncing.Store(false)
		}
	}
	return nil
}

// Who reads old data, be it for the log's own purposes, waits while a sync is
// under way.
func TestReadsWaitForSyncs(t *testing.T) {
	for name, read := range map[string]func(f *fixture) error{
		"a consumer": func(f *fixture) error {
			var out span.List
			defer out.Release()
			_, _, err := f.log.Partition(1).Read(ReadRequest{Limit: f.ends[1], MaxBytes: 1 << 20, MinOne: true}, &out)
			return err
		},
		"the scrub": func(f *fixture) error {
			f.log.scrub.pass()
			return nil
		},
		"relocation": func(f *fixture) error {
			segments, _, err := f.log.Relocate()
			if err == nil && segments == 0 {
				err = errors.New("nothing was relocated")
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, Config{SegmentBytes: 1 << 20, RingBytes: 1, RelocateBelow: 0.5, RelocateRate: -1})
			for range 4 { // each is several turns long
				for range 10 {
					f.append(16<<10, 1)
				}
				for range 15 {
					f.append(16<<10, 2, 2)
				}
			}
			f.deleteAll(2)
			f.close()
			mem := f.disk.fs
			disk := newHeldSync(mem)
			f.disk.fs, f.disk.clock = disk, clock.NewManual(time.UnixMilli(1_700_000_000_000))
			f.cfg.relocateKeep = -1
			f.open()
			f.append(100, 3)
			f.log.scrub.rate = 1 << 50
			disk.armed.Store(true)
			ended := make(chan error, 1)
			go func() { ended <- read(f) }()
			select {
			case <-disk.reading:
			case err := <-ended:
				t.Fatalf("it has read nothing: %v", err)
			}
			disk.hold.Store(true)
			w := appendTo(t, f.log, f.log.Partition(3), f.ends[3], 3, 100)
			<-disk.begun
			close(disk.goOn)
			for f.log.cold.gate.waiting() == 0 && disk.past.Load() == 0 {
				runtime.Gosched()
			}
			if n := disk.past.Load(); n > 0 {
				t.Errorf("%d reads beside the sync", n)
			}
			close(disk.held)
			for _, err := range []error{w.err(), <-ended} {
				if err != nil {
					t.Error(err)
				}
			}
			f.close()
		})
	}
}
