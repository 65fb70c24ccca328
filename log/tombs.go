package log

import (
	"cmp"
	"slices"
	"sync"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/log/index"
)

// tombs are the dropped partitions whose bytes are counted as dead, durably,
// and of which some index file still has a section. What is left of such a
// partition is a section that says "nothing, whatever older files have": a
// merge must keep it as long as an older file has anything, or the bytes would
// be found, and counted, once more after a start.
type tombs struct {
	mu struct {
		sync.Mutex
		byID map[model.PartitionID]tomb
	}
}

// tomb says which index files may hold sections of a partition: none older
// than oldest, and none newer than newest.
type tomb struct{ oldest, newest *index.File }

func newTombs() *tombs {
	t := &tombs{}
	t.mu.byID = make(map[model.PartitionID]tomb)
	return t
}

// add takes a partition in, unless no file has anything of it.
func (t *tombs) add(p *PartitionLog) {
	t.mu.Lock()
	defer t.mu.Unlock()
	// Read under this lock: a merge tells the partitions first, then the tombs.
	if at := p.filed(); at.newest != nil {
		t.mu.byID[p.id] = at
	}
}

// wanted reports whether a merge of these files has to keep a section.
func (t *tombs) wanted(id model.PartitionID, inputs map[*index.File]bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	at, ok := t.mu.byID[id]
	return ok && !inputs[at.oldest]
}

// merged hears that out took the place of the inputs, with these sections,
// which ascend by partition.
func (t *tombs) merged(inputs map[*index.File]bool, out *index.File, sections []index.Section) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, at := range t.mu.byID {
		_, kept := slices.BinarySearchFunc(sections, id, func(s index.Section, id model.PartitionID) int { return cmp.Compare(s.Partition, id) })
		if inputs[at.oldest] && inputs[at.newest] && !kept {
			delete(t.mu.byID, id)
			continue
		}
		t.mu.byID[id] = at.merged(inputs, out)
	}
}

// count is the number of tombs.
func (t *tombs) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.mu.byID)
}

func (at tomb) merged(inputs map[*index.File]bool, out *index.File) tomb {
	if inputs[at.oldest] {
		at.oldest = out
	}
	if inputs[at.newest] {
		at.newest = out
	}
	return at
}
