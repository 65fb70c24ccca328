package log

import (
	"flag"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// The directories below testdata/fixtures were written by a build of each
// format, and every later build has to open them. v1 has partition states of
// version 2, from before there were transactions. The newest is made anew by
//
//	go test ./log -run TestFormats -rewrite-fixtures
//
// as long as there is no tagged release. From the first one on it is frozen: a
// change of format gets a directory of its own, and the old ones stay.
//
//nolint:gochecknoglobals // A flag of the test binary.
var rewriteFixtures = flag.Bool("rewrite-fixtures", false, "write the fixtures of the present format anew")

const (
	fixturesDir     = "testdata/fixtures"
	fixturesPresent = "v2"
	fixtureSegment  = 16 << 10
)

// fixtureScript is what stands in a fixture: several segments and checkpoints,
// a truncation, log starts, a segment of the cold log with what lived in old
// ones, a side segment with what a compaction left, and transactions that are
// committed, aborted and open.
func fixtureScript(t *testing.T, dir string) *Log {
	t.Helper()
	l, _ := mustOpen(t, Config{SegmentBytes: fixtureSegment, relocateKeep: 1}, fixtureEnv(dir))
	control := func(id model.PartitionID, kind Kind, at model.Offset) {
		t.Helper()
		p, w := l.Partition(id), newWaiter()
		l.Enqueue(&Append{Partition: p, Kind: kind, Epoch: 2, BaseOffset: at, Sync: true, Generation: p.Generation(), Done: w})
		if err := w.err(); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 12 {
		for id := model.PartitionID(1); id <= 3; id++ {
			p := l.Partition(id)
			if err := appendTo(t, l, p, p.End(), 3, 700+100*i).err(); err != nil {
				t.Fatal(err)
			}
		}
		if i%4 == 3 {
			if err := l.keeper.do(l.keeper.checkpoint); err != nil {
				t.Fatal(err)
			}
		}
	}
	control(1, KindTruncate, 30)
	control(2, KindLogStart, 9)
	control(1, KindLogStart, 21)
	control(3, KindLogStart, 24)
	if n, _, err := l.Relocate(); err != nil || n == 0 {
		t.Fatal(n, err)
	}
	if n, _, err := l.Reclaim(); err != nil || n == 0 {
		t.Fatal(n, err)
	}
	control(2, KindLogStart, 12)
	if done, err := l.Partition(2).Compact(30, &pickCleaner{keep: thirds}, Pace{}); err != nil || done.To != 30 || done.BatchesKept == 0 {
		t.Fatal(done, err)
	}
	fixtureTxns(t, l)
	return l
}

// fixtureTxns writes transactions to two partitions, the first ones into what a
// checkpoint holds.
func fixtureTxns(t *testing.T, l *Log) {
	t.Helper()
	put := func(id model.PartitionID, b []byte) {
		t.Helper()
		p, w := l.Partition(id), newWaiter()
		batch.SetBaseOffset(b, p.End())
		h, err := batch.Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		l.Enqueue(newAppend(p, b, h, p.Generation(), w))
		if err := w.err(); err != nil {
			t.Fatal(err)
		}
	}
	data := func(producer model.ProducerID) []byte {
		b := batch.NewBuilder(batch.None)
		b.ProducerID, b.ProducerEpoch, b.BaseSequence, b.Transactional = producer, 1, 0, true
		b.Add(1000, []byte("key"), []byte("value"))
		raw, err := b.Build(nil)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	end := func(producer model.ProducerID, commit bool) []byte {
		return batch.AppendMarker(nil, &batch.Marker{Producer: producer, Epoch: 2, Commit: commit, CoordinatorEpoch: 5, Timestamp: 1001})
	}
	for i := range model.ProducerID(2) {
		put(1, data(70+i))
		put(1, end(70+i, true))
		put(3, data(80+i))
		put(3, data(90+i))
		put(3, end(90+i, false))
		if i > 0 {
			continue
		}
		if err := l.keeper.do(l.keeper.checkpoint); err != nil {
			t.Fatal(err)
		}
	}
}

func fixtureEnv(dir string) Env {
	return Env{
		FS: vfs.OS{}, Dir: dir, Clock: clock.Real{},
		Standing: func(id model.PartitionID) Standing {
			if id <= 3 {
				return Live
			}
			return Unknown
		},
	}
}

// contents is all that a reader sees of a log, in words.
func contents(t *testing.T, l *Log) string {
	t.Helper()
	var b strings.Builder
	for id := model.PartitionID(1); id <= 3; id++ {
		p := l.Partition(id)
		fmt.Fprintf(&b, "partition %d: offsets %d to %d, %d bytes, CRC %08x\n", id, p.Start(), p.End(), p.Bytes(),
			crc32.Checksum(readAll(t, p, p.Start()), castagnoli))
		for _, s := range p.Producers() {
			fmt.Fprintf(&b, "  producer %d epoch %d, %d batches, coordinator epoch %d, last marker %d, open from %d\n",
				s.ID, s.Epoch, s.N, s.CoordinatorEpoch, s.LastMarker, s.TxnFirst)
		}
		for _, a := range p.Aborted().list {
			fmt.Fprintf(&b, "  aborted: producer %d, %d to %d, stable %d\n", a.Producer, a.First, a.Last, a.Stable)
		}
	}
	return b.String()
}

func TestFormats(t *testing.T) {
	if *rewriteFixtures {
		rewrite(t)
	}
	versions, err := os.ReadDir(fixturesDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range versions {
		for _, end := range []string{"clean", "killed"} {
			t.Run(v.Name()+" "+end, func(t *testing.T) {
				from := filepath.Join(fixturesDir, v.Name())
				want, err := os.ReadFile(filepath.Join(from, "contents.txt"))
				if err != nil {
					t.Fatal(err)
				}
				dir := t.TempDir()
				if err := os.CopyFS(dir, os.DirFS(filepath.Join(from, end))); err != nil {
					t.Fatal(err)
				}
				r, err := Check(vfs.OS{}, dir, CheckOptions{Standing: fixtureEnv(dir).Standing})
				if err != nil || r.Damaged() || r.Clean != (end == "clean") {
					t.Errorf("%+v, %v", r, err)
				}
				for _, start := range []string{"as it was", "with the indexes made anew"} {
					l, found := mustOpen(t, Config{SegmentBytes: fixtureSegment}, fixtureEnv(dir))
					if got := contents(t, l); got != string(want) || len(found.Corrupt) > 0 {
						t.Errorf("%s:\n%s\nwant\n%s%+v", start, got, want, found)
					}
					p := l.Partition(3)
					if err := l.Close(); err != nil || p.DurableEnd() != p.End() {
						t.Fatal(err)
					}
					removeIndexes(t, dir)
				}
			})
		}
	}
}

func removeIndexes(t *testing.T, dir string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"+indexSuffix))
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, n := range names {
		if err := os.Remove(n); err != nil {
			t.Fatal(err)
		}
	}
}

// rewrite makes the fixtures of the present format.
func rewrite(t *testing.T) {
	t.Helper()
	to := filepath.Join(fixturesDir, fixturesPresent)
	if err := os.RemoveAll(to); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	l := fixtureScript(t, dir)
	want := contents(t, l)
	copyLog(t, dir, filepath.Join(to, "killed"))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	copyLog(t, dir, filepath.Join(to, "clean"))
	if err := os.WriteFile(filepath.Join(to, "contents.txt"), []byte(want), 0o600); err != nil {
		t.Fatal(err)
	}
}

// copyLog copies a directory without what is half made.
func copyLog(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(name, tempSuffix) {
			return err
		}
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(to, 0o750); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, filepath.Base(name)), b, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}
