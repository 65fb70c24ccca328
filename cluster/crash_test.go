package cluster

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/mainstem-mq/mainstem/internal/vfs"
)

func changesOfScript(t *testing.T) int64 {
	t.Helper()
	fault := vfs.NewFault(vfs.NewMem(), nil)
	new(script).run(t, "no crash", fault, 0)
	return fault.Count(vfs.AnyChange)
}

func TestCrashAtEachOperation(t *testing.T) {
	n := changesOfScript(t)
	if n < 60 {
		t.Fatalf("the script makes only %d changes", n)
	}
	cuts := 12
	if testing.Short() {
		cuts = 3
	}
	for at := int64(1); at <= n; at++ {
		for _, prefix := range []int{0, 17, 90} {
			disk := vfs.NewMem()
			var s script
			s.run(t, "before the crash", vfs.NewFault(disk, vfs.CrashAt(at, prefix)), 0)
			for cut := range cuts {
				rng := rand.New(rand.NewPCG(uint64(at), uint64(cut)))
				what := fmt.Sprintf("crash at change %d, prefix %d, cut %d", at, prefix, cut)
				again := s
				next := disk.Clone()
				if cut == 0 {
					next = next.Kill()
				} else {
					next = next.PowerCut(rng)
				}
				// A second crash, somewhere in the recovery or soon after.
				second := vfs.NewFault(next, vfs.CrashAt(int64(1+rng.IntN(14)), prefix))
				again.run(t, what, second, 100)
				again.check(t, what, next.PowerCut(rng))
			}
		}
	}
}

// What subscribers hear of a power cut does not take back: partitions of a
// deleted topic are dropped, and their files unlinked, on this word alone.
func TestSubscribersHearOfWhatIsDurable(t *testing.T) {
	disk := vfs.NewMem()
	j, err := Open(disk, "data", scriptOptions())
	if err != nil {
		t.Fatal(err)
	}
	heard := 0
	j.Subscribe(func(_, after *Image) {
		heard++
		for cut := range uint64(8) {
			again, err := Open(disk.Clone().PowerCut(rand.New(rand.NewPCG(cut, 0))), "data", scriptOptions())
			if err != nil {
				t.Fatal(err)
			}
			if got := state(again.Image()); got != state(after) {
				t.Errorf("change %d, cut %d: heard of\n%s\non the disk is\n%s", heard, cut, state(after), got)
			}
			_ = again.Close()
		}
	})
	if err := j.CreateTopics([]TopicSpec{{Name: "a", Partitions: 2}})[0].Err; err != nil {
		t.Fatal(err)
	}
	if err := j.DeleteTopics([]string{"a"})[0]; err != nil {
		t.Fatal(err)
	}
	if heard != 2 {
		t.Errorf("heard of %d changes", heard)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestFaultAtEachOperation(t *testing.T) {
	n := changesOfScript(t)
	for at := int64(1); at <= n; at++ {
		for _, fault := range []error{vfs.ErrIO, &vfs.Short{Bytes: 100, Err: vfs.ErrNoSpace}} {
			disk := vfs.NewMem()
			var s script
			what := fmt.Sprintf("%v at change %d", fault, at)
			s.run(t, what, vfs.NewFault(disk, vfs.FailNth(at, vfs.AnyChange, fault)), 0)
			rng := rand.New(rand.NewPCG(uint64(at), 1))
			clone := disk.Clone()
			cut := s
			s.check(t, what+", kill", disk.Kill())
			cut.check(t, what+", power cut", clone.PowerCut(rng))
		}
	}
}

// A disk that lies about syncs must lose something, or the crash tests above
// prove nothing.
func TestCrashTestCatchesALyingDisk(t *testing.T) {
	lost := 0
	for seed := range uint64(20) {
		disk := vfs.NewMem()
		disk.SyncLies(true)
		var s script
		s.run(t, "before the power cut", disk, 0)
		next := disk.PowerCut(rand.New(rand.NewPCG(seed, 0)))
		j, err := Open(next, "data", scriptOptions())
		if err != nil {
			lost++
			continue
		}
		if s.acknowledged.differs(pictureOf(j.Image())) != "" {
			lost++
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if lost == 0 {
		t.Fatal("nothing was lost")
	}
}

// journalOnDisk makes a journal of some frames and returns its name and content.
func journalOnDisk(t *testing.T) (disk *vfs.Mem, name string, content []byte) {
	t.Helper()
	disk = vfs.NewMem()
	j := open(t, disk, Options{NodeID: 1})
	for i := range 5 {
		mustCreate(t, j, fmt.Sprint("t", i), 3)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	f := files{fs: disk, dir: "data/metadata"}
	content, err := f.read("journal-1")
	if err != nil {
		t.Fatal(err)
	}
	return disk, "data/metadata/journal-1", content
}

func TestFlippedBitsAreNeverCut(t *testing.T) {
	disk, name, content := journalOnDisk(t)
	lastFrame := 0
	if _, err := scanFrames(content, leSalt(content), func(fr frame) error {
		lastFrame = fr.end - frameHeaderSize - (len(fr.body)+7)/8*8
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for off := range len(content) {
		flipped := disk.Clone()
		if err := flipped.FlipBit(name, int64(off), uint(off)); err != nil {
			t.Fatal(err)
		}
		j, err := Open(flipped, "data", Options{NodeID: 1})
		if off < lastFrame {
			if err == nil {
				// Padding is not covered: zeros of no meaning.
				if j.Image().TopicCount() == 5 {
					_ = j.Close()
					continue
				}
				t.Fatalf("flip at %d: %d topics", off, j.Image().TopicCount())
			}
			if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrNewerFormat) {
				t.Fatalf("flip at %d: %v", off, err)
			}
			if _, err := flipped.Size(name); err != nil {
				t.Fatalf("flip at %d: the journal was touched: %v", off, err)
			}
			continue
		}
		// The last frame looks torn: it is cut, and what was cut is kept.
		if err != nil {
			t.Fatalf("flip at %d: %v", off, err)
		}
		if j.Image().TopicCount() == 4 {
			if _, err := flipped.Size("data/metadata/torn-1"); err != nil {
				t.Fatal(err)
			}
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDamagedSnapshotIsRefused(t *testing.T) {
	disk, _, _ := journalOnDisk(t)
	size, err := disk.Size("data/metadata/snapshot-1")
	if err != nil {
		t.Fatal(err)
	}
	for off := range size {
		flipped := disk.Clone()
		if err := flipped.FlipBit("data/metadata/snapshot-1", off, uint(off)); err != nil {
			t.Fatal(err)
		}
		j, err := Open(flipped, "data", Options{NodeID: 1})
		if err == nil {
			if j.Image().TopicCount() != 5 {
				t.Fatalf("flip at %d: %d topics", off, j.Image().TopicCount())
			}
			_ = j.Close()
			continue
		}
		if _, err := flipped.Size("data/metadata/snapshot-1"); err != nil {
			t.Fatalf("flip at %d: the snapshot was touched: %v", off, err)
		}
	}
	if err := disk.Remove("data/metadata/snapshot-1"); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(disk, "data", Options{NodeID: 1}); !errors.Is(err, ErrCorrupt) {
		t.Fatal("a journal without its snapshot:", err)
	}
}

func TestNewerFormatIsRefused(t *testing.T) {
	disk, name, content := journalOnDisk(t)
	file, err := disk.OpenWritable(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteAt([]byte{9}, 8); err != nil {
		t.Fatal(err)
	}
	_, err = Open(disk, "data", Options{NodeID: 1})
	if !errors.Is(err, ErrNewerFormat) || !strings.Contains(err.Error(), "version 9") {
		t.Fatal(err)
	}
	if size, err := disk.Size(name); err != nil || size != int64(len(content)) {
		t.Fatal(size, err)
	}
}

func leSalt(content []byte) uint64 { return binary.LittleEndian.Uint64(content[24:]) }
