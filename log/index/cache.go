package index

import "sync"

// pageSize is the unit in which entries are read from disk and kept.
const pageSize = 4096

// CacheBytesDefault bounds the memory of a Cache made for 0 bytes.
const CacheBytesDefault = 8 << 20

// Cache keeps the pages of index files that were read last, for all files
// together. A page handed out is never changed or used again for another one,
// so readers need no pin; the collector takes what nobody looks at any more.
type Cache struct {
	pagesMax int
	mu       struct {
		sync.Mutex
		pages  map[pageKey]*page
		newest page // head of the ring of all pages, newest first; holds none itself
		files  uint64
		hits   uint64
		misses uint64
	}
}

type pageKey struct {
	file   uint64
	number uint32
}

type page struct {
	key        pageKey
	bytes      []byte
	prev, next *page
}

// NewCache makes a cache of at most this many bytes; 0 means the default.
func NewCache(bytes int64) *Cache {
	if bytes == 0 {
		bytes = CacheBytesDefault
	}
	c := &Cache{pagesMax: int(max(bytes/pageSize, 1))}
	c.mu.pages = make(map[pageKey]*page)
	c.mu.newest.prev, c.mu.newest.next = &c.mu.newest, &c.mu.newest
	return c
}

// register gives a file its number in the cache: never used twice, so that a
// page of a closed file can not be taken for another's.
func (c *Cache) register() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.files++
	return c.mu.files
}

func (c *Cache) get(k pageKey) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.mu.pages[k]
	if p == nil {
		c.mu.misses++
		return nil
	}
	c.mu.hits++
	p.unlink()
	c.insertLocked(p)
	return p.bytes
}

func (c *Cache) put(k pageKey, b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.pages[k] != nil {
		return // two readers missed it at the same time
	}
	for len(c.mu.pages) >= c.pagesMax {
		c.dropLocked(c.mu.newest.prev)
	}
	p := &page{key: k, bytes: b}
	c.mu.pages[k] = p
	c.insertLocked(p)
}

// forget drops all pages of a file.
func (c *Cache) forget(file uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for k, p := range c.mu.pages {
		if k.file == file {
			c.dropLocked(p)
		}
	}
}

func (c *Cache) insertLocked(p *page) {
	head := &c.mu.newest
	p.prev, p.next = head, head.next
	head.next.prev = p
	head.next = p
}

func (c *Cache) dropLocked(p *page) {
	p.unlink()
	delete(c.mu.pages, p.key)
}

func (p *page) unlink() {
	p.prev.next, p.next.prev = p.next, p.prev
	p.prev, p.next = nil, nil
}

// CacheStats are the figures of a cache.
type CacheStats struct {
	Hits, Misses uint64
	Bytes        int64
}

// Stats returns current figures.
func (c *Cache) Stats() CacheStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return CacheStats{Hits: c.mu.hits, Misses: c.mu.misses, Bytes: int64(len(c.mu.pages)) * pageSize}
}
