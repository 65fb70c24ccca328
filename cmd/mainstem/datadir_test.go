package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/disk"
	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// A directory of somebody else is refused before anything is written to it.
func TestWhoseDirectory(t *testing.T) {
	for name, c := range map[string]struct {
		files []string // with a slash at the end: directories
		want  string   // of the error; "" if it may be used
	}{
		"empty":             {nil, ""},
		"a volume":          {[]string{"lost+found/", ".snapshot/", ".DS_Store"}, ""},
		"ours, all is gone": {[]string{"lock", "notes"}, ""},
		"ours, a copy":      {[]string{"metadata/snapshot-1", "notes"}, ""},
		"a home":            {[]string{"Desktop/", "a", "b", "c", "d"}, "(but Desktop, a, b and 2 more); nothing was changed"},
		"a typo":            {[]string{"notes"}, "is not empty and holds nothing of a broker (but notes)"},
		"kafka's":           {[]string{"meta.properties", "t-0/00000000000000000000.log"}, "a data directory of Apache Kafka, whose files Mainstem does not read"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for _, f := range c.files {
				at := filepath.Join(dir, f)
				if strings.HasSuffix(f, "/") {
					at = filepath.Join(at, "x")
				}
				if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(at, nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			err := mustBeOurs(vfs.OS{}, dir)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("it says %v, want %q", err, c.want)
			}
		})
	}
}

// What a start needs is told before it is missed, with a size that would do.
func TestRoomToBegin(t *testing.T) {
	const mebi = 1 << 20
	auto := func(segment int64) disk.Settings {
		return disk.Settings{Warn: -1, Min: -1, Ballast: -1, Segment: segment}
	}
	for name, c := range map[string]struct {
		s           disk.Settings
		free, total int64
		want        string
	}{
		"large":                {auto(256 * mebi), 100 << 30, 200 << 30, ""},
		"100 MiB":              {auto(256 * mebi), 100 * mebi, 100 * mebi, "needs 274.8 MiB: the log's first file of 256.0 MiB (mainstem.log.segment.bytes)"},
		"100 MiB, a way out":   {auto(256 * mebi), 100 * mebi, 100 * mebi, "--set mainstem.log.segment.bytes=4194304"},
		"100 MiB, the way out": {auto(4 * mebi), 100 * mebi, 100 * mebi, ""},
		"300 MiB":              {auto(256 * mebi), 300 * mebi, 300 * mebi, "--set mainstem.log.segment.bytes=16777216"},
		"others' files":        {auto(256 * mebi), 600 * mebi, 200 << 30, "has 600.0 MiB free, and a new data directory needs 1856.0 MiB"},
		"nothing kept free":    {disk.Settings{Segment: 256 * mebi}, 300 * mebi, 300 * mebi, ""},
		"no room at all":       {auto(4 * mebi), mebi, 300 * mebi, "Give a directory on a larger disk with --data-dir"},
	} {
		t.Run(name, func(t *testing.T) {
			err := roomToBegin("/d", c.s, c.free, c.total)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("it says %v, want %q", err, c.want)
			}
		})
	}
	if err := roomToBegin("/d", auto(4*mebi), mebi, 300*mebi); err == nil || !strings.Contains(err.Error(), "lower these settings") {
		t.Errorf("no smaller file helps, but: %v", err)
	}
	if got := smallDiskAdvice(400*mebi, 256*mebi); !strings.Contains(got, "such as 16777216") {
		t.Errorf("a small disk: %q", got)
	}
	if got := smallDiskAdvice(100<<30, 256*mebi); got != "" {
		t.Errorf("a large disk: %q", got)
	}
}

func TestAdviceOnTheDirectory(t *testing.T) {
	for want, err := range map[string]error{
		"(chown -R ":                     fs.ErrPermission,
		"the file system is read-only":   syscall.EROFS,
		"is a file, or lies below one":   syscall.ENOTDIR,
		"set a smaller mainstem.log.seg": syscall.ENOSPC,
	} {
		got := adviseOnDir("/d", false, fmt.Errorf("open: %w", err)).Error()
		if !strings.Contains(got, want) || !strings.Contains(got, "--data-dir") {
			t.Errorf("%v: %s", err, got)
		}
	}
	if got := adviseOnDir("/d", true, fmt.Errorf("open: %w", syscall.ENOSPC)).Error(); !strings.Contains(got, "Free some space") || strings.Contains(got, "--data-dir") {
		t.Error(got)
	}
}

// Who finds the directory in use learns whom to stop.
func TestDirectoryInUse(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	first, second := &broker{cfg: Config{DataDir: dir}, fs: vfs.OS{}}, &broker{cfg: Config{DataDir: dir}, fs: vfs.OS{}}
	if err := first.lockDir(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := first.close(); err != nil {
			t.Error(err)
		}
	}()
	want := fmt.Sprintf("(the last broker there has the pid %d): stop it", os.Getpid())
	if err := second.lockDir(); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("it says %v, want %q", err, want)
	}
}

// A first start that was killed leaves its ballast. The next one takes its room
// for free: no more is needed than then.
func TestRoomOfALeftBallast(t *testing.T) {
	mem := vfs.NewMem()
	if err := mem.MkdirAll("/d"); err != nil {
		t.Fatal(err)
	}
	mem.SetCapacity(100 << 20)
	b := &broker{fs: mem, cfg: Config{DataDir: "/d", Resolver: cluster.NewResolver(map[string]string{
		cluster.SegmentBytesKey: "4194304", cluster.DiskBallastKey: "50000000", cluster.DiskMinKey: "40000000",
	})}}
	if err := b.mustHaveRoom(); err != nil {
		t.Fatal(err)
	}
	f, err := mem.Create("/d/ballast")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Allocate(0, 50_000_000), f.Close()); err != nil {
		t.Fatal(err)
	}
	if err := b.mustHaveRoom(); err != nil {
		t.Error(err)
	}
	mem.SetCapacity(90_000_000)
	if err := b.mustHaveRoom(); err == nil {
		t.Error("there is no room")
	}
}
