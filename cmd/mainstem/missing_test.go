package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// fileFault is a fault of one file, and what becomes of it.
type fileFault struct {
	file    string // a pattern; the first one that matches
	last    bool   // the last one that matches
	refuses string // what a start says that is refused, every time; "" if it goes on
	check   string // what the check says
	salvage bool   // salvage mends it
}

// Every kind of file, missing and empty: the broker says what, where and what
// to do, or goes on and says nothing wrong; nothing is deleted; and a second
// start says the same.
func TestMissingAndEmptyFiles(t *testing.T) {
	sound := makeBroker(t)
	missing := map[string]fileFault{
		"first segment":       {file: "*.segment", refuses: "is missing; nothing was changed: segment 0", check: "is missing", salvage: true},
		"last segment":        {file: "*.segment", last: true, refuses: "is missing; nothing was changed: ", check: "is missing", salvage: true},
		"all segments":        {file: "*.segment", refuses: "there is a checkpoint, but no segment", check: "no segment"},
		"index":               {file: "*.index", check: "no such file"},
		"newest checkpoint":   {file: "checkpoint-*", last: true},
		"older checkpoint":    {file: "checkpoint-*"},
		"all checkpoints":     {file: "checkpoint-*"},
		"start mark":          {file: "start", check: "the start mark is missing"},
		"lock":                {file: "lock"},
		"snapshot":            {file: "metadata/snapshot-*", refuses: "/metadata holds no snapshot, but beside it stands a log", check: "no snapshot stands"},
		"journal":             {file: "metadata/journal-*", refuses: "is missing, but snapshot-", check: "is missing, but snapshot-"},
		"all of the metadata": {file: "metadata/*", refuses: "Put the metadata directory back from a backup; nothing was changed", check: "no snapshot stands"},
		"all of the log":      {file: "[0-9sc]*", refuses: "holds no segment of the log: all records would be gone", check: ""},
	}
	for name, c := range missing {
		t.Run("missing "+name, func(t *testing.T) {
			dir := copyOf(t, sound)
			for _, n := range c.chosen(t, dir, strings.HasPrefix(name, "all")) {
				if err := os.Remove(n); err != nil {
					t.Fatal(err)
				}
			}
			c.judge(t, dir)
		})
	}
	empty := map[string]fileFault{
		"first segment":     {file: "*.segment", check: "shorter than a segment header", salvage: true},
		"last segment":      {file: "*.segment", last: true, refuses: "where the checkpoint stands", check: "shorter than a segment header", salvage: true},
		"index":             {file: "*.index", check: "damaged index file: 0 bytes"},
		"newest checkpoint": {file: "checkpoint-*", last: true, check: "checkpoint is damaged: 0 bytes"},
		"older checkpoint":  {file: "checkpoint-*", check: "checkpoint is damaged: 0 bytes"},
		"start mark":        {file: "start", check: "start mark is damaged: 0 bytes"},
		"lock":              {file: "lock"},
		"snapshot":          {file: "metadata/snapshot-*", refuses: "restore the metadata directory from a backup", check: "no metadata file header"},
		"journal":           {file: "metadata/journal-*", refuses: "restore the metadata directory from a backup", check: "no metadata file header"},
	}
	for name, c := range empty {
		t.Run("empty "+name, func(t *testing.T) {
			dir := copyOf(t, sound)
			if err := os.Truncate(c.chosen(t, dir, false)[0], 0); err != nil {
				t.Fatal(err)
			}
			c.judge(t, dir)
		})
	}
}

// The same for what only an older log has: a cold log, what a compaction left, and
// given up damage.
func TestMissingAndEmptyFilesOfAnOldLog(t *testing.T) {
	sound := makeOldBroker(t)
	for name, c := range map[string]fileFault{
		"missing cold segment": {file: "cold-*.segment", refuses: "is missing; nothing was changed: segment cold-", check: "is missing", salvage: true},
		"missing side segment": {file: "side-*.segment", refuses: "is missing; nothing was changed: segment side-", check: "is missing", salvage: true},
		"missing salvaged":     {file: "salvaged", check: "put the segment back from a copy"},
		"empty cold segment":   {file: "cold-*.segment", refuses: "is missing; nothing was changed: segment cold-", check: "shorter than a segment header", salvage: true},
		"empty side segment":   {file: "side-*.segment", refuses: "is missing; nothing was changed: segment side-", check: "shorter than a segment header", salvage: true},
		"empty salvaged":       {file: "salvaged", check: "0 bytes, no magic"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := copyOf(t, sound)
			file := c.chosen(t, dir, false)[0]
			fault := os.Remove
			if strings.HasPrefix(name, "empty") {
				fault = func(name string) error { return os.Truncate(name, 0) }
			}
			if err := fault(file); err != nil {
				t.Fatal(err)
			}
			c.judge(t, dir)
		})
	}
}

func copyOf(t *testing.T, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "data")
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

func (c *fileFault) chosen(t *testing.T, dir string, all bool) []string {
	t.Helper()
	list := filesOf(t, dir, c.file)
	if all {
		return onlyFiles(t, list)
	}
	if c.last {
		return list[len(list)-1:]
	}
	return list[:1]
}

func onlyFiles(t *testing.T, list []string) (files []string) {
	t.Helper()
	for _, n := range list {
		if info, err := os.Stat(n); err != nil {
			t.Fatal(err)
		} else if !info.IsDir() {
			files = append(files, n)
		}
	}
	return files
}

// judge starts on the directory twice, after a check.
func (c *fileFault) judge(t *testing.T, dir string) {
	t.Helper()
	untouched := listing(t, dir)
	code, out, errs := command(t, "log", "check", dir)
	if after := listing(t, dir); !slices.Equal(untouched, after) {
		t.Errorf("before the check the files were\n%v\nafter it they are\n%v", untouched, after)
	}
	if found := code == exitFailed; c.check != "" && (!found || !strings.Contains(out, c.check)) || c.check == "" && found {
		t.Errorf("the check: %d, want %q\n%s\n%s", code, c.check, out, errs)
	}
	for range 2 {
		before := onlyFiles(t, filesOf(t, dir, "*"))
		h, err := startHalf(dir)
		switch {
		case err == nil && c.refuses != "":
			t.Error("it started")
		case err != nil && (c.refuses == "" || !strings.Contains(err.Error(), c.refuses)):
			t.Errorf("it says %q, want %q", err, c.refuses)
		}
		if h != nil {
			if err := h.close(); err != nil {
				t.Fatal(err)
			}
		}
		for _, n := range before {
			c.isKept(t, dir, n)
		}
	}
	if !c.salvage {
		return
	}
	if code, out, errs := command(t, "log", "salvage", "--yes", dir); code != exitOK {
		t.Fatalf("salvage: %d\n%s\n%s", code, out, errs)
	}
	h, err := startHalf(dir)
	if err != nil {
		t.Fatalf("after the salvage: %v", err)
	}
	for id := model.PartitionID(1); id <= 3; id++ {
		if _, err := h.fetch(id, h.commitLog.Partition(id).Start()); err != nil {
			t.Errorf("after the salvage, partition %d: %v", id, err)
		}
		if err := h.produce(id, 1, 100); err != nil {
			t.Errorf("after the salvage, partition %d: %v", id, err)
		}
	}
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
}

// isKept checks that a file is there, or was set aside. What is derived and
// made anew may go: checkpoints and index files.
func (c *fileFault) isKept(t *testing.T, dir, name string) {
	t.Helper()
	base := filepath.Base(name)
	if strings.HasPrefix(base, "checkpoint-") || strings.HasSuffix(base, ".index") {
		return
	}
	if _, err := os.Stat(name); err == nil {
		return
	}
	if kept, err := filepath.Glob(filepath.Join(dir, "quarantine-*"+base)); err != nil || len(kept) == 0 {
		t.Errorf("%s is gone", base)
	}
}
