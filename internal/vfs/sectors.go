package vfs

import "slices"

// sectorSize is what a disk writes whole or not at all.
const sectorSize = 512

// sector is the content of one sector; nil is zeros. Sectors never change once
// written, so that cache, disk, pending versions and clones share them.
type sector = *[sectorSize]byte

// version is one unsynced write of a sector. It is newer than the first
// `after` resizes of its file.
type version struct {
	content sector
	after   int
}

// inode is a file: what the page cache shows, what the disk has, and all that
// lies between the two since the last sync.
type inode struct {
	cache, disk         []sector // by sector number; short slices end in zeros
	cacheSize, diskSize int64

	pending map[int64][]version // by sector number, oldest first
	lost    map[int64]sector    // clean in the cache, not on disk: a sync failed
	resizes []int64             // unsynced sizes, oldest first

	durableName string // where the durable directory has it; "": nowhere
	unlinked    bool   // no name leads to it any more
}

func newInode() *inode {
	return &inode{pending: map[int64][]version{}, lost: map[int64]sector{}}
}

func at(list []sector, s int64) sector {
	if s < int64(len(list)) {
		return list[s]
	}
	return nil
}

func put(list []sector, s int64, c sector) []sector {
	if n := int(s) + 1 - len(list); n > 0 {
		if c == nil {
			return list
		}
		list = append(slices.Grow(list, n), make([]sector, n)...)
	}
	list[s] = c
	return list
}

// read copies what the cache shows; the caller checked that the range exists.
func (i *inode) read(p []byte, off int64) {
	for len(p) > 0 {
		s, in := off/sectorSize, off%sectorSize
		n := min(int64(len(p)), sectorSize-in)
		if c := at(i.cache, s); c != nil {
			copy(p[:n], c[in:])
		} else {
			clear(p[:n])
		}
		p, off = p[n:], off+n
	}
}

// write puts p into the cache as new versions of its sectors.
func (i *inode) write(p []byte, off int64) {
	if len(p) == 0 {
		return
	}
	if end := off + int64(len(p)); end > i.cacheSize {
		i.resize(end)
	}
	first, last := off/sectorSize, (off+int64(len(p))-1)/sectorSize
	fresh := make([][sectorSize]byte, last-first+1) // one allocation for all
	for s := first; s <= last; s++ {
		c := &fresh[s-first]
		in := off % sectorSize
		if in != 0 || len(p) < sectorSize {
			if old := at(i.cache, s); old != nil {
				*c = *old
			}
		}
		n := copy(c[in:], p)
		p, off = p[n:], off+int64(n)
		i.setCache(s, c)
	}
}

func (i *inode) setCache(s int64, c sector) {
	i.cache = put(i.cache, s, c)
	i.pending[s] = append(i.pending[s], version{c, len(i.resizes)})
	delete(i.lost, s)
}

// resize sets the size that the cache shows. What a shorter file lost does not
// come back when it grows again.
func (i *inode) resize(size int64) {
	shrunk := size < i.cacheSize
	i.cacheSize = size
	i.resizes = append(i.resizes, size)
	if !shrunk {
		return
	}
	keep := sectorsOf(size)
	if int64(len(i.cache)) > keep {
		clear(i.cache[keep:])
		i.cache = i.cache[:keep]
	}
	for s := range i.lost {
		if s >= keep {
			delete(i.lost, s)
		}
	}
	if in := size % sectorSize; in != 0 && at(i.cache, keep-1) != nil {
		c := *i.cache[keep-1]
		clear(c[in:])
		i.setCache(keep-1, &c)
	}
}

func sectorsOf(size int64) int64 { return (size + sectorSize - 1) / sectorSize }

// sync makes the cache durable, but for what an earlier sync lost.
func (i *inode) sync() {
	i.applyResizes(len(i.resizes))
	for s := range i.pending {
		if s < sectorsOf(i.diskSize) {
			i.disk = put(i.disk, s, at(i.cache, s))
		}
	}
	clear(i.pending)
	i.resizes = i.resizes[:0]
}

// failSync is a sync whose device failed: the pages count as clean from now
// on, so that no later sync writes them, though the disk never got them. The
// new size, which lies in the file system's journal, stays pending.
func (i *inode) failSync() {
	for s := range i.pending {
		i.lost[s] = at(i.cache, s)
	}
	clear(i.pending)
}

// applyResizes brings the first n unsynced sizes to the disk.
func (i *inode) applyResizes(n int) {
	for _, size := range i.resizes[:n] {
		if size < i.diskSize {
			i.cutDisk(size)
		}
		i.diskSize = size
	}
}

// cutDisk drops what the disk has at and behind size.
func (i *inode) cutDisk(size int64) {
	keep := sectorsOf(size)
	if int64(len(i.disk)) > keep {
		clear(i.disk[keep:])
		i.disk = i.disk[:keep]
	}
	if in := size % sectorSize; in != 0 && at(i.disk, keep-1) != nil {
		c := *i.disk[keep-1]
		clear(c[in:])
		i.disk[keep-1] = &c
	}
}

// evict drops a clean but lost page: reads show what the disk has.
func (i *inode) evict(s int64) {
	i.cache = put(i.cache, s, at(i.disk, s))
	delete(i.lost, s)
}

// restart makes the disk's content all there is.
func (i *inode) restart() {
	i.cutDisk(i.diskSize)
	i.cache = slices.Clone(i.disk)
	i.cacheSize = i.diskSize
	i.resizes = nil
	clear(i.pending)
	clear(i.lost)
}

func (i *inode) clone() *inode {
	c := *i
	c.cache, c.disk = slices.Clone(i.cache), slices.Clone(i.disk)
	c.resizes = slices.Clone(i.resizes)
	c.pending = make(map[int64][]version, len(i.pending))
	for s, v := range i.pending {
		c.pending[s] = slices.Clone(v)
	}
	c.lost = make(map[int64]sector, len(i.lost))
	for s, v := range i.lost {
		c.lost[s] = v
	}
	return &c
}
