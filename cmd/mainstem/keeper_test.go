package main

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/mainstem-mq/mainstem/disk"
	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/log"
)

// TestKeeperFull: a full disk is looked after at once, but not all the time.
func TestKeeperFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, lines := observer.New(zapcore.InfoLevel)
		b := &broker{log: zap.New(core), full: make(chan struct{}, 1)}
		var err error
		// With nothing of its own to ask for: the disk has room.
		if b.disk, err = disk.Open(disk.Env{FS: vfs.NewMem(), Dir: "/", Clock: clock.Real{}, Settings: func() disk.Settings { return disk.Settings{} }}); err != nil {
			t.Fatal(err)
		}
		var rounds atomic.Int32
		k := &keeper{
			clock: clock.Real{}, interval: func() time.Duration { return time.Hour },
			round: func() { rounds.Add(1) }, full: b.full, stop: make(chan struct{}),
		}
		k.done.Go(k.run)
		after := func(d time.Duration, want int, when string) {
			t.Helper()
			time.Sleep(d)
			synctest.Wait()
			if got := int(rounds.Load()); got != want {
				t.Errorf("%s: %d rounds, want %d", when, got, want)
			}
		}
		full := log.AppendsFailed{Entries: 1, Err: fmt.Errorf("allocate: %w", log.ErrDiskFull)}
		for range 10 {
			b.logEvent(full)
		}
		after(time.Millisecond, 1, "full")
		b.logEvent(full)
		after(fullPause-2*time.Millisecond, 1, "still full")
		after(2*time.Millisecond, 2, "after the pause")
		b.logEvent(log.AppendsFailed{Entries: 1, Err: errors.New("EIO")})
		after(time.Minute, 2, "another failure")
		after(time.Hour, 3, "the interval")
		b.logEvent(full)
		b.logEvent(full)
		if err := errors.Join(k.close(), b.disk.Close()); err != nil {
			t.Error(err)
		}
		if first := lines.All()[0]; first.Level != zapcore.ErrorLevel {
			t.Errorf("a full disk is logged as %s", first.Level)
		}
	})
}
