package replication

import (
	"slices"
	"sync"
	"time"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/internal/model"
)

// OpenTxn is a transaction that holds the last stable offset back, or will.
type OpenTxn struct {
	Producer model.ProducerID
	Epoch    model.ProducerEpoch
	First    model.Offset
	Since    time.Time // its first batch was appended; zero: not known
	// Holds tells that the last stable offset waits for this very one.
	Holds bool
}

// OpenTxns are the transactions that no marker has ended here, oldest first.
func (p *Partition) OpenTxns() (open []OpenTxn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.txns.none() {
		return nil
	}
	for i, x := range p.mu.txns.list {
		if x.marker >= 0 {
			continue
		}
		o := OpenTxn{Producer: x.producer, Epoch: x.epoch, First: x.first, Holds: i == 0}
		if x.since > 0 {
			o.Since = time.UnixMilli(x.since)
		}
		open = append(open, o)
	}
	return open
}

// EachOpenTxn visits the partitions that have transactions open, in no order. It
// looks at no others, so it costs little however many partitions there are; but for
// the first time, when it looks at all that the log has from before the start.
func (ps *Partitions) EachOpenTxn(do func(p *Partition, open []OpenTxn)) {
	ps.inherited.Do(ps.inheritTxns)
	for _, p := range ps.env.open.all() {
		if open := p.OpenTxns(); len(open) > 0 {
			do(p, open)
		}
	}
}

// inheritTxns makes the partitions in which something was left open before the
// start: nobody may have asked for them yet. Whatever begins later does so in a
// partition that is there.
func (ps *Partitions) inheritTxns() {
	ps.env.Image().Topics(func(t *cluster.Topic) bool {
		for i := range t.Partitions {
			if len(ps.env.Log.OpenTxns(t.Partitions[i].ID)) > 0 {
				// It puts itself into the set; an error is that of a topic that was
				// deleted a moment ago, or of another broker's partition.
				_, _ = ps.find(t, int32(i))
			}
		}
		return true
	})
}

// openSet is the partitions in whose trackers there is a transaction.
type openSet struct {
	mu   sync.Mutex // taken under Partition.mu, and takes none
	list []*Partition
}

// put and take change the set. The caller holds the partition's lock; its place in
// the list is the set's to guard.
func (s *openSet) put(p *Partition) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.mu.txns.place = len(s.list)
	s.list = append(s.list, p)
}

func (s *openSet) take(p *Partition) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := len(s.list) - 1
	moved, place := s.list[last], p.mu.txns.place
	s.list[place], moved.mu.txns.place = moved, place
	s.list[last] = nil
	s.list = s.list[:last]
}

func (s *openSet) all() []*Partition {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.list)
}

// listOpenLocked has the set follow the tracker, after each change of that.
func (p *Partition) listOpenLocked() {
	if p.mu.txns == nil {
		return
	}
	switch has := !p.mu.txns.none() && p.mu.dropped == nil; {
	case has == p.mu.txns.listed:
		return
	case has:
		p.env.open.put(p)
	default:
		p.env.open.take(p)
	}
	p.mu.txns.listed = !p.mu.txns.listed
}
