package faults

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/mainstem-mq/mainstem/compat-tests/harness/testbroker"
)

// TestDiskStalls makes a disk so slow that a sync takes longer than five
// seconds: the broker says so, loses nothing, and says when it is over.
func TestDiskStalls(t *testing.T) {
	testbroker.Quick(t)
	d := newSmallDisk(t, "ext4", nil)
	d.prepare()
	throttle := d.throttle()
	throttle(100)
	waiting := make(chan error, 1)
	d.cl.Produce(d.ctx, keptRecord(keptRecords, 0), func(_ *kgo.Record, err error) { waiting <- err })
	testbroker.Eventually(t, 20*time.Second, func() error {
		if status, text := d.get("/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(text, "[-] disk syncs: a sync of ") {
			return fmt.Errorf("readyz: %d %s", status, text)
		}
		return d.told("the disk is stalled: a sync of")
	})
	d.metric("mainstem_disk_sync_stalls_total", 1)
	d.read(keptRecords) // what is there is read all the same
	select {
	case err := <-waiting:
		t.Fatalf("answered before it was on the disk: %v", err)
	default:
	}
	throttle(0)
	select {
	case err := <-waiting:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("the disk is fast again, and the record is not on it")
	}
	testbroker.Eventually(t, 30*time.Second, func() error {
		if status, text := d.get("/readyz"); status != http.StatusOK {
			return fmt.Errorf("readyz: %d %s", status, text)
		}
		return d.told("the disk answers again after")
	})
	if n := strings.Count(d.logText(), "the disk is stalled"); n != 1 {
		t.Errorf("the log tells %d times of one incident", n)
	}
	d.read(keptRecords + 1)
}

// throttle returns how to bound the broker's writes to the disk, in bytes a
// second; 0 means no bound.
func (d *smallDisk) throttle() func(rate int) {
	d.t.Helper()
	const root = "/sys/fs/cgroup/blkio"
	pid := fmt.Sprint(d.broker.PID())
	group := filepath.Join(root, "mainstem-"+pid)
	var disk syscall.Stat_t
	err := errors.Join(os.Mkdir(group, 0o755), syscall.Stat(d.data, &disk))
	write := func(name, text string) error { return os.WriteFile(filepath.Join(group, name), []byte(text), 0o644) }
	if err == nil {
		d.t.Cleanup(func() {
			if err := errors.Join(os.WriteFile(filepath.Join(root, "cgroup.procs"), []byte(pid), 0o644), os.Remove(group)); err != nil {
				d.t.Error(err)
			}
		})
		err = write("cgroup.procs", pid)
	}
	set := func(rate int) error {
		major, minor := disk.Dev>>8&0xfff, disk.Dev&0xff|disk.Dev>>12&^0xff
		return write("blkio.throttle.write_bps_device", fmt.Sprintf("%d:%d %d", major, minor, rate))
	}
	if err == nil {
		err = set(0)
	}
	if err != nil {
		d.t.Skipf("NOT TESTED: a disk cannot be made slow here, which needs root and the blkio controller of cgroups v1: %v", err)
	}
	// The broker can only be removed when its disk answers.
	d.t.Cleanup(func() { _ = set(0) })
	return func(rate int) {
		d.t.Helper()
		if err := set(rate); err != nil {
			d.t.Fatal(err)
		}
	}
}

// FIFREEZE and FITHAW of Linux.
const (
	ioctlFreeze = 0xc0045877
	ioctlThaw   = 0xc0045878
)

// TestDiskFreezes stops a disk altogether, as a device that hangs or a snapshot
// of a volume does: the write hangs in front of the sync, and shows all the same.
func TestDiskFreezes(t *testing.T) {
	testbroker.Quick(t)
	d := newSmallDisk(t, "ext4", nil)
	d.prepare()
	freeze := d.freezer()
	if err := freeze(ioctlFreeze); err != nil {
		t.Skipf("NOT TESTED: the file system cannot be frozen: %v", err)
	}
	waiting := make(chan error, 1)
	d.cl.Produce(d.ctx, keptRecord(keptRecords, 0), func(_ *kgo.Record, err error) { waiting <- err })
	testbroker.Eventually(t, 20*time.Second, func() error {
		if status, text := d.get("/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(text, "[-] disk syncs: a write of ") {
			return fmt.Errorf("readyz: %d %s", status, text)
		}
		return d.told("the disk is stalled: a write of")
	})
	d.metric("mainstem_disk_sync_stalls_total", 1)
	d.read(keptRecords)
	select {
	case err := <-waiting:
		t.Fatalf("answered before it was on the disk: %v", err)
	default:
	}
	if err := freeze(ioctlThaw); err != nil {
		t.Fatal(err)
	}
	if err := <-waiting; err != nil {
		t.Error(err)
	}
	testbroker.Eventually(t, 30*time.Second, func() error {
		if status, text := d.get("/readyz"); status != http.StatusOK {
			return fmt.Errorf("readyz: %d %s", status, text)
		}
		return d.told("the disk answers again after")
	})
	d.read(keptRecords + 1)
}

// freezer returns how to freeze and thaw the file system. It thaws with the
// test, whatever happens: nobody could unmount it otherwise.
func (d *smallDisk) freezer() func(what uintptr) error {
	d.t.Helper()
	dir, err := os.Open(d.data)
	if err != nil {
		d.t.Fatal(err)
	}
	do := func(what uintptr) error {
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, dir.Fd(), what, 0); errno != 0 {
			return errno
		}
		return nil
	}
	d.t.Cleanup(func() {
		_ = do(ioctlThaw) // most often it is
		_ = dir.Close()
	})
	return do
}
