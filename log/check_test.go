package log

import (
	"errors"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/log/index"
)

// check looks at a closed disk, and makes sure that nothing on it changes.
func (f *fixture) lookAt() *CheckReport {
	f.t.Helper()
	disk := vfs.NewFault(f.disk.fs, nil)
	standing := f.disk.env().Standing
	var last, whole int64
	r, err := Check(disk, f.disk.dir, CheckOptions{
		Standing: standing,
		Name:     func(id model.PartitionID) (string, int32, bool) { return "topic", int32(id), true },
		Progress: func(read, total int64) { last, whole = read, total },
	})
	if err != nil {
		f.t.Fatal(err)
	}
	if n := disk.Count(vfs.AnyChange) + disk.Count(vfs.KindLock); n > 0 {
		f.t.Errorf("the check made %d changes", n)
	}
	if last > whole {
		f.t.Errorf("progress: %d of %d", last, whole)
	}
	return r
}

// texts are the findings of damage, in one text.
func texts(r *CheckReport, s Severity) string {
	var b strings.Builder
	for _, x := range r.Findings {
		if x.Severity == s {
			b.WriteString(string(x.Kind) + " " + x.File + ": " + x.Text + "\n")
		}
	}
	return b.String()
}

// fill makes a log of some segments, with two checkpoints behind it.
func fill(t *testing.T) *fixture {
	t.Helper()
	f := newFixture(t, Config{SegmentBytes: 32 << 10})
	f.knowUpTo(3)
	for range 20 {
		f.append(1500, 1, 2, 3)
	}
	f.restart()
	f.append(1500, 1, 2, 3)
	f.checkpoint()
	return f
}

func TestCheckFindsNothing(t *testing.T) {
	f := fill(t)
	if err := f.control(1, KindTruncate, 30, 2); err != nil {
		t.Fatal(err)
	}
	if err := f.control(2, KindLogStart, 10, 2); err != nil {
		t.Fatal(err)
	}
	f.ends[1] = 30
	f.append(1500, 1, 3)
	f.close()
	r := f.lookAt()
	if r.Damaged() || len(r.Lost) > 0 || !r.Clean {
		t.Errorf("%+v", r)
	}
	if r.Partitions != 3 || r.Batches < 60 || r.Segments < 3 {
		t.Errorf("counted %d partitions, %d batches, %d segments", r.Partitions, r.Batches, r.Segments)
	}
	f.open()
	f.append(100, 1)
	f.killWithoutCheckpoint()
	if r := f.lookAt(); r.Damaged() || !strings.Contains(texts(r, SeverityNote), "did not stop cleanly") {
		t.Errorf("after a kill: %+v", r)
	}
}

// A flipped bit in an entry far below the checkpoint, which no start looks at.
func TestCheckFindsDamageBelowTheCheckpoint(t *testing.T) {
	for name, where := range map[string]Position{"header": 40, "payload": entryHeaderSize + 100} {
		t.Run(name, func(t *testing.T) {
			f := fill(t)
			f.close()
			hit := f.batchEntries()[7]
			f.flip(hit.Position + where)
			r := f.lookAt()
			want := LostRange{Topic: "topic", Index: int32(hit.Partition), Partition: hit.Partition, From: hit.BaseOffset, To: hit.BaseOffset + 3, Records: 3}
			if !slices.Equal(r.Lost, []LostRange{want}) {
				t.Errorf("lost %+v, want %+v", r.Lost, want)
			}
			i := slices.IndexFunc(r.Findings, func(x Finding) bool { return x.Kind == KindOfSegments })
			if i < 0 || r.Findings[i].Range != (PositionRange{hit.Position, hit.end()}) || r.Findings[i].Advice == "" {
				t.Errorf("findings: %+v", r.Findings)
			}
			if !r.Damaged() || r.Refused != "" {
				t.Errorf("%+v", r)
			}
		})
	}
}

// What a start would find is found: owners that nobody knows, and the torn end.
func TestCheckFindsUnknownOwners(t *testing.T) {
	f := newFixture(t, Config{})
	f.knowUpTo(4)
	f.append(500, 1, 4, 1, 2, 3, 3, 3)
	f.killWithoutCheckpoint()
	entries := f.batchEntries()
	f.flip(entries[2].Position + 13)
	f.flip(entries[3].Position + 13)
	r := f.lookAt()
	var waiting []model.PartitionID
	for _, w := range r.Waiting {
		waiting = append(waiting, w.Partition)
	}
	if !slices.Equal(waiting, []model.PartitionID{1, 4}) || !strings.Contains(texts(r, SeverityDamage), "nobody knows whose") {
		t.Errorf("waiting %v, %s", waiting, texts(r, SeverityDamage))
	}
}

func TestCheckFindsUnknownPartitions(t *testing.T) {
	for _, clean := range []bool{true, false} {
		f := newFixture(t, Config{})
		f.append(500, 1, 2, 5)
		if clean {
			f.close()
		} else {
			f.killWithoutCheckpoint()
		}
		f.knowUpTo(1)
		r := f.lookAt()
		if got := texts(r, SeverityDamage); !strings.Contains(got, "2 partitions that the metadata does not know: 2, 5") || r.Refused == "" {
			t.Errorf("clean %v: %s; refused %q", clean, got, r.Refused)
		}
	}
}

// An index entry that points elsewhere: the index says what the log does not,
// and lacks what the log has.
func TestCheckComparesIndexes(t *testing.T) {
	f := fill(t)
	f.close()
	name := f.files(indexSuffix)[0]
	file := mustOpenFile(t, f.mem(), path.Join(f.disk.dir, name))
	var raw [index.EntrySize]byte
	if _, err := file.ReadAt(raw[:], 3*index.EntrySize); err != nil {
		t.Fatal(err)
	}
	e, err := index.DecodeEntry(raw[:], 1)
	if err != nil {
		t.Fatal(err)
	}
	e.Position += 8
	e.Encode(raw[:], 1)
	if _, err := file.WriteAt(raw[:], 3*index.EntrySize); err != nil {
		t.Fatal(err)
	}
	r := f.lookAt()
	if got := texts(r, SeverityDamage); !strings.Contains(got, "1 batches are missing in them, 1 are not in the log, 0 are wrong") {
		t.Error(got)
	}
}

func TestCheckOfOneThatIsGone(t *testing.T) {
	for name, c := range map[string]struct {
		damage  func(f *fixture)
		want    string
		refused bool
	}{
		"an index":          {func(f *fixture) { f.remove(f.files(indexSuffix)[0]) }, "file does not exist", false},
		"an index is empty": {func(f *fixture) { f.replaceFile(f.files(indexSuffix)[0], nil) }, "damaged index file: 0 bytes", false},
		"an entry of an index": {func(f *fixture) {
			if err := f.mem().FlipBit(path.Join(f.disk.dir, f.files(indexSuffix)[0]), 200, 1); err != nil {
				f.t.Fatal(err)
			}
		}, "damaged index file", false},
		"a checkpoint is empty": {func(f *fixture) { f.replaceFile(f.files(checkpointPrefix)[1], nil) }, "checkpoint is damaged: 0 bytes", false},
		"the mark":              {func(f *fixture) { f.remove(startMarkName) }, "the start mark is missing", false},
		"the mark is empty":     {func(f *fixture) { f.replaceFile(startMarkName, nil) }, "start mark is damaged: 0 bytes", false},
		"a segment":             {func(f *fixture) { f.remove(f.files(segmentSuffix)[1]) }, "is missing", true},
		"a segment is empty":    {func(f *fixture) { f.replaceFile(f.files(segmentSuffix)[1], nil) }, "shorter than a segment header", false},
		"all segments":          {func(f *fixture) { f.remove(segmentSuffix) }, "there is a checkpoint, but no segment", true},
	} {
		t.Run(name, func(t *testing.T) {
			f := fill(t)
			f.close()
			c.damage(f)
			r := f.lookAt()
			if got := texts(r, SeverityDamage); !strings.Contains(got, c.want) {
				t.Errorf("found %q, want %q", got, c.want)
			}
			if (r.Refused != "") != c.refused {
				t.Errorf("refused: %q", r.Refused)
			}
			_, _, err := Open(f.cfg, f.disk.env())
			if (err != nil) != c.refused {
				t.Errorf("the check says %q, the start %v", r.Refused, err)
			}
		})
	}
}

func TestCheckReadsWhatWasSetAside(t *testing.T) {
	f := newStillFixture(t, Config{})
	f.damageLastGroup()
	if r := f.lookAt(); r.Damaged() || !strings.Contains(texts(r, SeverityNote), "a torn tail") {
		t.Errorf("before: %+v", r.Findings)
	}
	f.open()
	f.close()
	r := f.lookAt()
	if len(r.Aside) != 1 || len(r.Aside[0].Owners) != 2 || r.Aside[0].Owners[0].Partition != 2 || r.Aside[0].Owners[0].To != 3 || r.Damaged() {
		t.Errorf("%+v", r.Aside)
	}
}

func TestCheckRefusesWhatIsNoLog(t *testing.T) {
	if _, err := Check(newMemDisk(t).fs, "/data", CheckOptions{}); !errors.Is(err, ErrNoLog) {
		t.Error(err)
	}
}
