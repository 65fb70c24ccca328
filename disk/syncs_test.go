package disk

import (
	"errors"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// hanging opens the guard on a disk on which the next operation of a kind does
// not come back until hung is closed, and creates a file there.
func (w *world) hanging(kind vfs.Kind) (f vfs.File, fault *vfs.Fault, began, hung chan struct{}) {
	fault = vfs.NewFault(w.mem, nil)
	w.mustOpen(fault)
	w.want("opened", Roomy, "ballast holds")
	f, err := w.guard.FS().Create(dir + "/x")
	w.must(err)
	began, hung = make(chan struct{}), make(chan struct{})
	fault.SetHook(func(op vfs.Op) error {
		if op.Kind == kind {
			close(began)
			<-hung
		}
		return nil
	})
	return f, fault, began, hung
}

// A sync that does not come back is seen while it hangs, is told of once, and
// counted; so is its end.
func TestSyncStalls(t *testing.T) {
	w := newWorld(t)
	f, fault, began, hung := w.hanging(vfs.KindSync)
	syncs := w.guard.Syncs()
	if _, _, ok := syncs.Longest(); ok {
		t.Error("a sync runs")
	}
	ended := make(chan error)
	go func() { ended <- f.Datasync() }()
	<-began
	w.look(StallAfter)
	w.want("5 s", Roomy)
	if _, _, stalled := syncs.Stalled(); stalled {
		t.Error("stalled already")
	}
	w.look(3 * time.Second)
	w.want("8 s", Roomy, "the disk is stalled: a sync of "+dir+"/x has been under way since 2023-11-14T22:13:20Z")
	if r, took, stalled := syncs.Stalled(); !stalled || r.Name != dir+"/x" || took != 8*time.Second {
		t.Errorf("%+v, %v, %v", r, took, stalled)
	}
	fault.SetHook(nil)
	w.must(w.guard.FS().SyncDir(dir)) // others come back at once, and change nothing
	w.look(time.Second)
	w.want("9 s", Roomy)
	close(hung)
	w.must(<-ended)
	if _, _, stalled := syncs.Stalled(); stalled {
		t.Error("still stalled")
	}
	w.look(time.Second)
	w.want("recovered", Roomy, "the disk answers again after 10s")
	w.look(time.Minute)
	w.want("later", Roomy)
	st := syncs.Stats()
	if st.Count != 2 || st.Stalls != 1 || st.Seconds != 9 || st.Cumulative[0.0001] != 1 || st.Cumulative[5] != 1 || st.Cumulative[10] != 2 {
		t.Errorf("%+v", st)
	}
	w.must(f.Close())
}

// A failed sync is counted and its error passed on, once.
func TestSyncFails(t *testing.T) {
	w := newWorld(t)
	fault := vfs.NewFault(w.mem, nil)
	w.mustOpen(fault)
	f, err := w.guard.FS().Create(dir + "/x")
	w.must(err)
	fault.SetHook(vfs.FailFrom(1, vfs.KindSync, vfs.ErrNoSpace))
	if err := f.Datasync(); !errors.Is(err, vfs.ErrNoSpace) {
		t.Errorf("%v", err)
	}
	if n := fault.Count(vfs.KindSync); n != 1 {
		t.Errorf("a sync that failed was tried %d times", n)
	}
	if st := w.guard.Syncs().Stats(); st.Count != 1 {
		t.Errorf("%+v", st)
	}
	w.must(f.Close())
}

// A write that does not come back is seen like a sync: a frozen file system
// keeps the one in front of the other.
func TestWriteStalls(t *testing.T) {
	w := newWorld(t)
	f, _, began, hung := w.hanging(vfs.KindWrite)
	ended := make(chan error)
	go func() {
		_, err := f.WriteAt([]byte("abc"), 0)
		ended <- err
	}()
	<-began
	w.look(8 * time.Second)
	w.want("8 s", Roomy, "the disk is stalled: a write of "+dir+"/x has been under way since 2023-11-14T22:13:20Z")
	close(hung)
	w.must(<-ended)
	w.look(time.Second)
	w.want("recovered", Roomy, "the disk answers again after 9s")
	if st := w.guard.Syncs().Stats(); st.Count != 0 || st.Stalls != 1 {
		t.Errorf("%+v", st)
	}
	w.must(f.Close())
}
