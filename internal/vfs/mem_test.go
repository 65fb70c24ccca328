package vfs

import (
	"bytes"
	"io/fs"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

// outcomes cuts the power many times and counts what a file holds afterwards;
// a missing file counts as "-".
func outcomes(t *testing.T, m *Mem, name string) map[string]int {
	t.Helper()
	got := map[string]int{}
	for seed := range uint64(300) {
		after := m.Clone().PowerCut(seeded(seed))
		if _, err := after.Size(name); err != nil {
			wantIs(t, err, fs.ErrNotExist)
			got["-"]++
			continue
		}
		got[string(content(t, after, name))]++
	}
	return got
}

func wantOutcomes(t *testing.T, got map[string]int, want ...string) {
	t.Helper()
	for _, w := range want {
		if got[w] == 0 {
			t.Errorf("%.20q never came out", w)
		}
		delete(got, w)
	}
	for g, n := range got {
		t.Errorf("%.20q (%d bytes) came out %d times", g, len(g), n)
	}
}

func TestPowerCutForgetsWhatWasNotSynced(t *testing.T) {
	m := NewMem()
	f := create(t, m, "/f")
	writeAt(t, f, []byte("old"), 0)
	must(t, f.Datasync())
	wantOutcomes(t, outcomes(t, m, "/f"), "-", "old")
	must(t, m.SyncDir("/"))
	wantOutcomes(t, outcomes(t, m, "/f"), "old")
	writeAt(t, f, []byte("new"), 0)
	writeAt(t, f, []byte("own"), 0)
	wantOutcomes(t, outcomes(t, m, "/f"), "old", "new", "own")
	must(t, f.Datasync())
	wantOutcomes(t, outcomes(t, m, "/f"), "own")
}

func TestPowerCutTakesSectorsAndSizesOneByOne(t *testing.T) {
	m := NewMem()
	f := create(t, m, "/f")
	must(t, m.SyncDir("/"))
	a, b := bytes.Repeat([]byte("a"), sectorSize), bytes.Repeat([]byte("b"), sectorSize)
	zero := make([]byte, sectorSize)
	writeAt(t, f, a, 0)
	writeAt(t, f, b, sectorSize)
	wantOutcomes(t, outcomes(t, m, "/f"), "", string(a), string(zero),
		string(a)+string(b), string(a)+string(zero), string(zero)+string(b), string(zero)+string(zero))
}

func TestPowerCutTruncation(t *testing.T) {
	m := NewMem()
	f := create(t, m, "/f")
	must(t, m.SyncDir("/"))
	writeAt(t, f, []byte("abcdef"), 0)
	must(t, f.Datasync())
	must(t, f.Truncate(3))
	got := outcomes(t, m, "/f")
	wantOutcomes(t, got, "abcdef", "abc", "abc\x00\x00\x00")
	must(t, f.Datasync())
	must(t, f.Truncate(6))
	wantOutcomes(t, outcomes(t, m, "/f"), "abc", "abc\x00\x00\x00")
}

func TestRenameIsAtomicAndDurableAfterSyncDir(t *testing.T) {
	m := NewMem()
	old := create(t, m, "/name")
	writeAt(t, old, []byte("old"), 0)
	must(t, old.Datasync())
	must(t, m.SyncDir("/"))
	tmp := create(t, m, "/tmp")
	writeAt(t, tmp, []byte("new"), 0)
	must(t, tmp.Datasync())
	must(t, m.Rename("/tmp", "/name"))
	wantOutcomes(t, outcomes(t, m, "/name"), "old", "new")
	must(t, m.SyncDir("/"))
	wantOutcomes(t, outcomes(t, m, "/name"), "new")
	wantOutcomes(t, outcomes(t, m, "/tmp"), "-")
	must(t, m.Remove("/name"))
	wantOutcomes(t, outcomes(t, m, "/name"), "-", "new")
}

func TestFileHasOneNameAfterPowerCut(t *testing.T) {
	m := NewMem()
	must(t, create(t, m, "/a").Close())
	must(t, m.SyncDir("/"))
	must(t, m.Rename("/a", "/b"))
	must(t, m.Rename("/b", "/c"))
	for seed := range uint64(100) {
		names, err := m.Clone().PowerCut(seeded(seed)).List("/")
		must(t, err)
		if len(names) != 1 {
			t.Fatalf("seed %d: one file became %q", seed, names)
		}
	}
}

func TestSyncDirIsPerDirectory(t *testing.T) {
	m := NewMem()
	must(t, m.MkdirAll("/x"))
	must(t, create(t, m, "/f").Close())
	must(t, create(t, m, "/x/f").Close())
	must(t, m.SyncDir("/x"))
	wantOutcomes(t, outcomes(t, m, "/x/f"), "")
	wantOutcomes(t, outcomes(t, m, "/f"), "-", "")
}

func TestFailedSyncLosesThePages(t *testing.T) {
	m := NewMem()
	disk := NewFault(m, FailNth(1, KindSync, ErrIO))
	f := create(t, disk, "/f")
	must(t, disk.SyncDir("/"))
	writeAt(t, f, []byte("x"), 0)
	wantIs(t, f.Datasync(), ErrIO)
	if got := string(content(t, m, "/f")); got != "x" {
		t.Fatalf("the cache shows %q", got)
	}
	must(t, f.Datasync()) // says yes, and proves nothing
	if got := outcomes(t, m, "/f"); got["\x00"] == 0 {
		t.Fatalf("the lost page always survived: %v", got)
	}
	next := m.Kill()
	if got := string(content(t, next, "/f")); got != "x" {
		t.Fatalf("after kill the cache shows %q", got)
	}
	evicted := next.Clone()
	evicted.Evict(nil)
	if got := string(content(t, evicted, "/f")); got != "\x00" {
		t.Fatalf("after eviction reads show %q", got)
	}
	// Only writing again helps.
	g, err := next.OpenWritable("/f")
	must(t, err)
	writeAt(t, g, []byte("x"), 0)
	must(t, g.Datasync())
	wantOutcomes(t, outcomes(t, next, "/f"), "x")
}

func TestUnsynced(t *testing.T) {
	m := NewMem()
	disk := NewFault(m, FailNth(2, KindSync, ErrIO))
	f := create(t, disk, "/f")
	tells := func(want string) {
		t.Helper()
		u, err := m.Unsynced("/f")
		must(t, err)
		if got := u.String(); got != want || u.IsZero() != (want == "1100 bytes") {
			t.Errorf("%q (%v), want %q", got, u.IsZero(), want)
		}
	}
	writeAt(t, f, make([]byte, 1100), 0)
	tells("1100 bytes, 0 on the disk; not synced: [[0 1536]]")
	must(t, f.Datasync())
	tells("1100 bytes")
	writeAt(t, f, []byte("x"), 0)
	writeAt(t, f, []byte("x"), 1050)
	tells("1100 bytes; not synced: [[0 512] [1024 1536]]")
	wantIs(t, f.Datasync(), ErrIO)
	writeAt(t, f, []byte("y"), 0)
	tells("1100 bytes; not synced: [[0 512]]; lost by a failed sync: [[1024 1536]]")
	_, err := m.Unsynced("/none")
	wantIs(t, err, fs.ErrNotExist)
}

func TestLyingDiskIsCaughtByAPowerCut(t *testing.T) {
	m := NewMem()
	m.SyncLies(true)
	f := create(t, m, "/f")
	must(t, m.SyncDir("/"))
	writeAt(t, f, []byte("x"), 0)
	must(t, f.Datasync())
	if got := outcomes(t, m, "/f"); got["x"] == 300 {
		t.Fatal("what the lying disk did not sync survived every time")
	}
}

func TestKillKeepsTheCacheAndEndsTheHandles(t *testing.T) {
	m := NewMem()
	f := create(t, m, "/f")
	writeAt(t, f, []byte("x"), 0)
	_, err := m.Lock("/lock")
	must(t, err)
	next := m.Kill()
	_, err = f.WriteAt([]byte("y"), 0)
	wantIs(t, err, ErrDead)
	wantIs(t, f.Close(), ErrDead)
	_, err = m.Create("/g")
	wantIs(t, err, ErrDead)
	if got := string(content(t, next, "/f")); got != "x" {
		t.Fatalf("after kill: %q", got)
	}
	lock, err := next.Lock("/lock")
	must(t, err)
	must(t, lock.Close())
	wantOutcomes(t, outcomes(t, next, "/f"), "-", "", "x", "\x00")
}

func TestFullDisk(t *testing.T) {
	m := NewMem()
	m.SetCapacity(1000)
	f := create(t, m, "/f")
	n, err := f.WriteAt(make([]byte, 1500), 0)
	if n != 1000 || !IsNoSpace(err) {
		t.Fatalf("wrote %d, %v", n, err)
	}
	writeAt(t, f, []byte("over"), 10) // in place needs no room
	g := create(t, m, "/g")
	if err := g.Allocate(0, 1); !IsNoSpace(err) {
		t.Fatalf("allocated on a full disk: %v", err)
	}
	must(t, m.Remove("/f"))
	must(t, g.Allocate(0, 900))
	if free, total, err := m.Space("/"); err != nil || free != 100 || total != 1000 {
		t.Fatalf("%d of %d free, %v", free, total, err)
	}
}

func TestFlipBitStays(t *testing.T) {
	m := NewMem()
	f := create(t, m, "/f")
	must(t, m.SyncDir("/"))
	writeAt(t, f, []byte("aaa"), 0)
	must(t, f.Datasync())
	must(t, m.FlipBit("/f", 1, 1))
	if got := string(content(t, m, "/f")); got != "aca" {
		t.Fatalf("cache shows %q", got)
	}
	wantOutcomes(t, outcomes(t, m, "/f"), "aca")
	wantIs(t, m.FlipBit("/f", 3, 0), fs.ErrInvalid)
	wantIs(t, m.FlipBit("/none", 0, 0), fs.ErrNotExist)
}

func TestTornSectors(t *testing.T) {
	m := NewMem()
	m.TornSectors(true)
	f := create(t, m, "/f")
	must(t, m.SyncDir("/"))
	writeAt(t, f, []byte("synced"), 0)
	must(t, f.Datasync())
	wantOutcomes(t, outcomes(t, m, "/f"), "synced")
	writeAt(t, f, []byte("update"), 0)
	if got := outcomes(t, m, "/f"); len(got) < 3 {
		t.Fatalf("no sector was torn: %v", got)
	}
}

func TestLargeAllocationIsCheap(t *testing.T) {
	m := NewMem()
	f := create(t, m, "/f")
	allocs := testing.AllocsPerRun(10, func() {
		must(t, f.Allocate(0, 1<<40))
		must(t, f.Datasync())
	})
	if allocs > 2 || len(f.(*memFile).ino.cache) != 0 { //nolint:forcetypeassert // Made by Mem above.
		t.Fatalf("an empty terabyte costs %v allocations", allocs)
	}
}

// What was synced survives, byte for byte; every unsynced sector shows one of
// the contents it had since; and the cache always shows what was last written.
func TestMemAgainstAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const size = 6 * sectorSize
		m := NewMem()
		f, err := m.Create("/f")
		if err != nil || f.Allocate(0, size) != nil || f.Datasync() != nil || m.SyncDir("/") != nil {
			t.Fatal("cannot make a file")
		}
		cache := make([]byte, size)
		may := make([][][]byte, size/sectorSize) // what each sector may hold after a cut
		settle := func() {
			for s := range may {
				may[s] = [][]byte{slices.Clone(cache[s*sectorSize : (s+1)*sectorSize])}
			}
		}
		settle()
		check := func(got []byte) {
			for s := range may {
				if !slices.ContainsFunc(may[s], func(v []byte) bool {
					return bytes.Equal(v, got[s*sectorSize:(s+1)*sectorSize])
				}) {
					t.Fatalf("sector %d holds what it never held", s)
				}
			}
		}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			switch rapid.IntRange(0, 4).Draw(t, "do") {
			case 0, 1, 2:
				off := rapid.IntRange(0, size-1).Draw(t, "off")
				n := rapid.IntRange(1, size-off).Draw(t, "n")
				data := bytes.Repeat([]byte{byte(rapid.IntRange(1, 255).Draw(t, "byte"))}, n)
				if _, err := f.WriteAt(data, int64(off)); err != nil {
					t.Fatal(err)
				}
				copy(cache[off:], data)
				for s := off / sectorSize; s <= (off+n-1)/sectorSize; s++ {
					may[s] = append(may[s], slices.Clone(cache[s*sectorSize:(s+1)*sectorSize]))
				}
			case 3:
				if err := f.Datasync(); err != nil {
					t.Fatal(err)
				}
				settle()
			case 4:
				m = m.PowerCut(seeded(rapid.Uint64().Draw(t, "cut")))
				if f, err = m.OpenWritable("/f"); err != nil {
					t.Fatal(err)
				}
				got := make([]byte, size)
				if _, err := f.ReadAt(got, 0); err != nil {
					t.Fatal(err)
				}
				check(got)
				copy(cache, got)
				settle()
			}
			got := make([]byte, size)
			if _, err := f.ReadAt(got, 0); err != nil || !bytes.Equal(got, cache) {
				t.Fatalf("the cache does not show what was written: %v", err)
			}
		}
	})
}

func BenchmarkCloneAndCut(b *testing.B) {
	m := NewMem()
	f, err := m.Create("/f")
	if err != nil || m.SyncDir("/") != nil {
		b.Fatal(err)
	}
	for i := range int64(16) {
		if _, err := f.WriteAt(bytes.Repeat([]byte("x"), 4<<10), i<<12); err != nil {
			b.Fatal(err)
		}
	}
	for i := 0; b.Loop(); i++ {
		m.Clone().PowerCut(seeded(uint64(i)))
	}
}
