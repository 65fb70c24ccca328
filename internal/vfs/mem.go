package vfs

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"math"
	"path"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// ErrDead is the answer of a disk, and of every file of it, whose process or
// machine has died.
var ErrDead = errors.New("the machine or the process has died")

// Mem is a disk in memory that forgets what was not synced, for tests. It is
// made by NewMem, and again by Kill, PowerCut and Clone.
type Mem struct {
	mu struct {
		sync.Mutex
		dead     bool
		lies     bool
		torn     bool
		capacity int64
		dirs     map[string]bool
		files    map[string]*inode // what the process sees
		durable  map[string]*inode // what the disk has
		ops      []dirOp           // the way from durable to files, oldest first
		locks    map[string]bool
		shared   map[string]int // how many hold it
	}
}

var _ FS = (*Mem)(nil)

// dirOp is one unsynced change of a directory: del loses its name, set gets
// the inode. A rename is both, at once.
type dirOp struct {
	del, set string
	ino      *inode
}

func (o dirOp) in(dir string) bool {
	return o.del != "" && path.Dir(o.del) == dir || o.set != "" && path.Dir(o.set) == dir
}

// NewMem makes an empty disk of unlimited size.
func NewMem() *Mem {
	m := &Mem{}
	m.mu.capacity = math.MaxInt64
	m.mu.dirs = map[string]bool{"/": true, ".": true}
	m.mu.files = map[string]*inode{}
	m.mu.durable = map[string]*inode{}
	m.mu.locks, m.mu.shared = map[string]bool{}, map[string]int{}
	return m
}

// SetCapacity limits the sum of all file sizes; what does not fit fails with
// ErrNoSpace.
func (m *Mem) SetCapacity(bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.capacity = bytes
}

// SyncLies makes Datasync report success without doing anything: a planted bug
// that every crash test has to catch.
func (m *Mem) SyncLies(lies bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.lies = lies
}

// Create implements FS.
func (m *Mem) Create(name string) (File, error) {
	name = path.Clean(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.checkDirLocked(path.Dir(name)); err != nil {
		return nil, pathError("create", name, err)
	}
	if m.mu.files[name] != nil || m.mu.dirs[name] {
		return nil, pathError("create", name, fs.ErrExist)
	}
	ino := newInode()
	m.mu.files[name] = ino
	m.mu.ops = append(m.mu.ops, dirOp{set: name, ino: ino})
	return &memFile{disk: m, ino: ino, name: name, writable: true}, nil
}

// Open implements FS.
func (m *Mem) Open(name string) (File, error) { return m.open(name, false) }

// OpenWritable implements FS.
func (m *Mem) OpenWritable(name string) (File, error) { return m.open(name, true) }

func (m *Mem) open(name string, writable bool) (File, error) {
	name = path.Clean(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	ino, err := m.lookupLocked(name)
	if err != nil {
		return nil, pathError("open", name, err)
	}
	return &memFile{disk: m, ino: ino, name: name, writable: writable}, nil
}

// Remove implements FS.
func (m *Mem) Remove(name string) error {
	name = path.Clean(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	ino, err := m.lookupLocked(name)
	if err != nil {
		return pathError("remove", name, err)
	}
	ino.unlinked = true
	delete(m.mu.files, name)
	m.mu.ops = append(m.mu.ops, dirOp{del: name})
	return nil
}

// Rename implements FS.
func (m *Mem) Rename(oldName, newName string) error {
	oldName, newName = path.Clean(oldName), path.Clean(newName)
	m.mu.Lock()
	defer m.mu.Unlock()
	ino, err := m.lookupLocked(oldName)
	if err == nil {
		err = m.checkDirLocked(path.Dir(newName))
	}
	if err == nil && m.mu.dirs[newName] {
		err = fs.ErrExist
	}
	if err != nil || oldName == newName {
		return pathError("rename", oldName, err)
	}
	if old := m.mu.files[newName]; old != nil {
		old.unlinked = true
	}
	delete(m.mu.files, oldName)
	m.mu.files[newName] = ino
	m.mu.ops = append(m.mu.ops, dirOp{del: oldName, set: newName, ino: ino})
	return nil
}

// MkdirAll implements FS. As its contract asks, new directories are durable.
func (m *Mem) MkdirAll(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mu.dead {
		return pathError("mkdir", dir, ErrDead)
	}
	for dir = path.Clean(dir); !m.mu.dirs[dir]; dir = path.Dir(dir) {
		if m.mu.files[dir] != nil {
			return pathError("mkdir", dir, unix.ENOTDIR)
		}
		m.mu.dirs[dir] = true
	}
	return nil
}

// SyncDir implements FS.
func (m *Mem) SyncDir(dir string) error {
	dir = path.Clean(dir)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.checkDirLocked(dir); err != nil {
		return pathError("sync directory", dir, err)
	}
	rest := m.mu.ops[:0]
	for _, o := range m.mu.ops {
		if o.in(dir) {
			m.applyLocked(o)
		} else {
			rest = append(rest, o)
		}
	}
	clear(m.mu.ops[len(rest):])
	m.mu.ops = rest
	return nil
}

// List implements FS.
func (m *Mem) List(dir string) ([]string, error) {
	dir = path.Clean(dir)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.checkDirLocked(dir); err != nil {
		return nil, pathError("list", dir, err)
	}
	var names []string
	for name := range m.mu.files {
		if path.Dir(name) == dir {
			names = append(names, path.Base(name))
		}
	}
	for name := range m.mu.dirs {
		if name != dir && path.Dir(name) == dir {
			names = append(names, path.Base(name))
		}
	}
	slices.Sort(names)
	return names, nil
}

// Size implements FS.
func (m *Mem) Size(name string) (int64, error) {
	name = path.Clean(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	ino, err := m.lookupLocked(name)
	if err != nil {
		return 0, pathError("stat", name, err)
	}
	return ino.cacheSize, nil
}

// Space implements FS.
func (m *Mem) Space(dir string) (free, total int64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.checkDirLocked(path.Clean(dir)); err != nil {
		return 0, 0, pathError("statfs", dir, err)
	}
	return m.freeLocked(), m.mu.capacity, nil
}

// Lock implements FS.
func (m *Mem) Lock(name string) (io.Closer, error) {
	name = path.Clean(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	err := m.checkDirLocked(path.Dir(name))
	if err == nil && (m.mu.locks[name] || m.mu.shared[name] > 0) {
		err = ErrLocked
	}
	if err != nil {
		return nil, pathError("lock", name, err)
	}
	if m.mu.files[name] == nil {
		ino := newInode()
		m.mu.files[name] = ino
		m.mu.ops = append(m.mu.ops, dirOp{set: name, ino: ino})
	}
	m.mu.locks[name] = true
	return &memLock{disk: m, name: name}, nil
}

func (m *Mem) lookupLocked(name string) (*inode, error) {
	if m.mu.dead {
		return nil, ErrDead
	}
	if ino := m.mu.files[name]; ino != nil {
		return ino, nil
	}
	return nil, fs.ErrNotExist
}

func (m *Mem) checkDirLocked(dir string) error {
	switch {
	case m.mu.dead:
		return ErrDead
	case !m.mu.dirs[dir]:
		return fs.ErrNotExist
	}
	return nil
}

func (m *Mem) freeLocked() int64 {
	free := m.mu.capacity
	if free == math.MaxInt64 {
		return free
	}
	for ino := range maps.Values(m.mu.files) {
		free -= ino.cacheSize
	}
	return max(free, 0)
}

// applyLocked brings one directory change to the disk. An inode has one name
// there: where the change that took the older one away was lost, it goes now.
func (m *Mem) applyLocked(o dirOp) {
	if o.del != "" {
		if ino := m.mu.durable[o.del]; ino != nil && (o.ino == nil || ino == o.ino) {
			ino.durableName = ""
			delete(m.mu.durable, o.del)
		}
	}
	if o.set == "" {
		return
	}
	if old := m.mu.durable[o.set]; old != nil {
		old.durableName = ""
	}
	if o.ino.durableName != "" {
		delete(m.mu.durable, o.ino.durableName)
	}
	m.mu.durable[o.set] = o.ino
	o.ino.durableName = o.set
}

type memLock struct {
	disk *Mem
	name string
}

// Close implements io.Closer.
func (l *memLock) Close() error {
	l.disk.mu.Lock()
	defer l.disk.mu.Unlock()
	if l.disk.mu.dead {
		return pathError("unlock", l.name, ErrDead)
	}
	if !l.disk.mu.locks[l.name] {
		return pathError("unlock", l.name, fs.ErrClosed)
	}
	delete(l.disk.mu.locks, l.name)
	return nil
}
