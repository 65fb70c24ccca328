package log

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"testing"
)

// A segment of the cold log that was cut is recognised by the start, fenced from
// there on, and told each time until it is given up. The file stays as it is.
func TestStartTellsOfAShortColdSegment(t *testing.T) {
	for name, made := range map[string]func(*testing.T) *fixture{
		coldPrefix: moved,
		sidePrefix: compactedFixture,
	} {
		t.Run(name, func(t *testing.T) {
			f := made(t)
			f.close()
			file, list := f.files(name)[0], append(f.coldEntries(), f.sideEntries()...)
			h, _ := parseColdName(file)
			hit := list[len(list)/2]
			left := segmentHeaderSize + int64(hit.Position-h.First) + entryHeaderSize + 20
			if err := mustOpenFile(t, f.mem(), path.Join(f.disk.dir, file)).Truncate(left); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if told := f.toldOf(file); len(told) != 1 || !strings.Contains(told[0], "has lost its end") {
					t.Errorf("told: %q", told)
				}
				f.scrubNow()
				if d := f.log.Damage(); d.InCold != 1 || d.First.From != h.First+Position(left-segmentHeaderSize) {
					t.Errorf("%+v", d)
				}
				p := f.log.Partition(hit.Partition)
				if _, err := offsetsFrom(t, p, hit.BaseOffset); !errors.Is(err, ErrCorrupt) {
					t.Errorf("read what the file has lost: %v", err)
				}
				if got, err := offsetsFrom(t, p, 0); hit.BaseOffset > 0 && len(got) == 0 {
					t.Errorf("in front of it: %v", err)
				}
				f.close()
				if size, err := f.mem().Size(path.Join(f.disk.dir, file)); err != nil || size != left {
					t.Errorf("the file has %d bytes, not %d: %v", size, left, err)
				}
			}
			if got := texts(f.lookAt(), SeverityDamage); !strings.Contains(got, file+" has lost its end") {
				t.Errorf("the check finds %q", got)
			}
			f.salvage(SalvageOptions{})
			for range 2 {
				if r := f.lookAt(); r.Damaged() {
					t.Errorf("after the salvage: %q", texts(r, SeverityDamage))
				}
				if told := f.toldOf(file); len(told) != 0 {
					t.Errorf("after the salvage: %q", told)
				}
				f.append(300, 1)
				p := f.log.Partition(hit.Partition)
				if _, err := offsetsFrom(t, p, 0); err != nil {
					t.Errorf("after the salvage: %v", err)
				}
				f.close()
			}
		})
	}
}

// toldOf opens the log, and returns what it says is damaged in a file.
func (f *fixture) toldOf(file string) (told []string) {
	f.t.Helper()
	env := f.disk.env()
	env.Events = func(e Event) {
		if c, ok := e.(CorruptionFound); ok && c.File == file {
			told = append(told, fmt.Sprint(c))
		}
	}
	var err error
	if f.log, _, err = Open(f.cfg, env); err != nil {
		f.t.Fatal(err)
	}
	return told
}
