package vfs

import (
	"io/fs"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
)

// Kill is the death of the process alone (kill -9): the page cache stays,
// locks and open files go. It returns the disk as the next process finds it;
// every use of the old one fails with ErrDead from now on. (A write that was
// under way may have left a prefix: see CrashAt.)
func (m *Mem) Kill() *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	next := NewMem()
	next.takeLocked(m)
	next.mu.files, next.mu.durable = m.mu.files, m.mu.durable
	next.mu.ops = m.mu.ops
	m.mu.dead = true
	m.mu.files, m.mu.durable, m.mu.ops = nil, nil, nil
	return next
}

// PowerCut is the death of the machine. It returns what the disk has when it
// comes back: of the unsynced sectors, sizes and directory changes an
// arbitrary part that rng chooses. Every use of the old disk fails with
// ErrDead from now on.
//
// Of the directory changes a prefix or any subset survives; of each sector one
// of its unsynced versions or what was durable; of the sizes one, each
// independent of the rest.
func (m *Mem) PowerCut(rng *rand.Rand) *Mem {
	next := m.Kill()
	next.mu.Lock()
	defer next.mu.Unlock()
	next.cutDirectoriesLocked(rng)
	odds := []int{0, 1, 2, 5, 9, 10}[rng.IntN(6)] // of ten unsynced sectors
	for _, name := range slices.Sorted(maps.Keys(next.mu.durable)) {
		next.cutFileLocked(next.mu.durable[name], odds, rng)
	}
	next.mu.files = maps.Clone(next.mu.durable)
	return next
}

func (m *Mem) cutDirectoriesLocked(rng *rand.Rand) {
	mode, prefix := rng.IntN(4), rng.IntN(len(m.mu.ops)+1)
	for i, o := range m.mu.ops {
		keep := false
		switch mode {
		case 0: // nothing survives
		case 1:
			keep = i < prefix
		case 2:
			keep = rng.IntN(2) == 0
		case 3:
			keep = true
		}
		if keep {
			m.applyLocked(o)
		}
	}
	m.mu.ops = nil
}

func (m *Mem) cutFileLocked(ino *inode, odds int, rng *rand.Rand) {
	resizes := rng.IntN(len(ino.resizes) + 1)
	if rng.IntN(2) == 0 {
		resizes = len(ino.resizes)
	}
	// A version older than a surviving cut of its sector cannot survive it.
	oldest, before := map[int64]int{}, ino.diskSize
	for k, size := range ino.resizes[:resizes] {
		for s := range ino.pending {
			if size >= before {
				break // it grew
			}
			if s >= sectorsOf(size) {
				oldest[s] = k + 1
			}
		}
		before = size
	}
	ino.applyResizes(resizes)
	survive := func(s int64, c sector) {
		if s < sectorsOf(ino.diskSize) {
			ino.disk = put(ino.disk, s, c)
		}
	}
	for _, s := range slices.Sorted(maps.Keys(ino.pending)) {
		versions := ino.pending[s]
		for len(versions) > 0 && versions[0].after < oldest[s] {
			versions = versions[1:]
		}
		if len(versions) == 0 || rng.IntN(10) >= odds {
			continue
		}
		v := versions[len(versions)-1]
		if rng.IntN(4) == 0 {
			v = versions[rng.IntN(len(versions))]
		}
		if m.mu.torn && rng.IntN(20) == 0 {
			v.content = garbage(rng)
		}
		survive(s, v.content)
	}
	// A failed sync may have written a part of what it gave up.
	for _, s := range slices.Sorted(maps.Keys(ino.lost)) {
		if rng.IntN(40) < odds {
			survive(s, ino.lost[s])
		}
	}
	ino.unlinked = false
	ino.restart()
}

func garbage(rng *rand.Rand) sector {
	c := new([sectorSize]byte)
	for i := range c {
		c[i] = byte(rng.Uint32())
	}
	return c
}

// TornSectors lets a power cut turn a sector in flight into garbage now and
// then, as disks without protection of power do.
func (m *Mem) TornSectors(torn bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.torn = torn
}

// Evict drops from the page cache what a failed sync lost, in part if rng is
// given: reads then show what the disk has. Real systems do so at any time.
func (m *Mem) Evict(rng *rand.Rand) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(m.mu.files)) {
		ino := m.mu.files[name]
		for _, s := range slices.Sorted(maps.Keys(ino.lost)) {
			if rng == nil || rng.IntN(2) == 0 {
				ino.evict(s)
			}
		}
	}
}

// Clone copies the disk as a new process would find it, cheaply: one run of a
// scenario can be cut at every operation, in many ways.
func (m *Mem) Clone() *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	next := NewMem()
	next.takeLocked(m)
	clones := map[*inode]*inode{}
	clone := func(ino *inode) *inode {
		if ino == nil {
			return nil
		}
		if clones[ino] == nil {
			clones[ino] = ino.clone()
		}
		return clones[ino]
	}
	for name, ino := range m.mu.files {
		next.mu.files[name] = clone(ino)
	}
	for name, ino := range m.mu.durable {
		next.mu.durable[name] = clone(ino)
	}
	for _, o := range m.mu.ops {
		next.mu.ops = append(next.mu.ops, dirOp{o.del, o.set, clone(o.ino)})
	}
	return next
}

// takeLocked copies what outlives a process.
func (m *Mem) takeLocked(old *Mem) {
	m.mu.dead = old.mu.dead
	m.mu.lies, m.mu.torn, m.mu.capacity = old.mu.lies, old.mu.torn, old.mu.capacity
	m.mu.dirs = maps.Clone(old.mu.dirs)
}

// FlipBit flips one bit (0 to 7) of a byte in cache and disk and in all that
// lies between: the medium's own corruption.
func (m *Mem) FlipBit(name string, off int64, bit uint) error {
	name = path.Clean(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	ino, err := m.lookupLocked(name)
	if err == nil && (off < 0 || off >= max(ino.cacheSize, ino.diskSize)) {
		err = fs.ErrInvalid
	}
	if err != nil {
		return pathError("flip bit", name, err)
	}
	s, in := off/sectorSize, off%sectorSize
	flipped := func(old sector) sector {
		c := new([sectorSize]byte)
		if old != nil {
			*c = *old
		}
		c[in] ^= 1 << (bit % 8)
		return c
	}
	ino.cache = put(ino.cache, s, flipped(at(ino.cache, s)))
	ino.disk = put(ino.disk, s, flipped(at(ino.disk, s)))
	for i, v := range ino.pending[s] {
		ino.pending[s][i].content = flipped(v.content)
	}
	if c, ok := ino.lost[s]; ok {
		ino.lost[s] = flipped(c)
	}
	return nil
}
