package replication

import (
	"sync"
	"sync/atomic"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

// Partitions is all partitions of this broker. A Partition comes into being
// when it is first asked for, so that an idle one costs only its metadata.
type Partitions struct {
	env Env
	mu  sync.Mutex // guards growth and filling of table
	// refreshing guards the topics of partitions; it is taken under mu too.
	refreshing sync.Mutex
	// table maps partition ids, which are dense, to partitions. Readers take no lock.
	table atomic.Pointer[[]atomic.Pointer[Partition]]
	// deleting has the log starts of clients' deletions that await the writer.
	deleting chan struct{}
	// inherited is done when env.open has also those where something was left open
	// before the start.
	inherited sync.Once
}

// NewPartitions makes the set; the caller subscribes Changed to the metadata.
func NewPartitions(env Env) *Partitions {
	env.open = &openSet{}
	ps := &Partitions{env: env, deleting: make(chan struct{}, startsMax)}
	table := make([]atomic.Pointer[Partition], 1024)
	ps.table.Store(&table)
	return ps
}

// Find returns a partition by topic name and index. Errors:
// UNKNOWN_TOPIC_OR_PARTITION, NOT_LEADER_OR_FOLLOWER.
func (ps *Partitions) Find(topic string, index int32) (*Partition, *protocol.Error) {
	t, ok := ps.env.Image().Topic(topic)
	if !ok {
		return nil, protocol.Errorf(protocol.UnknownTopicOrPartition, "topic %q does not exist", topic)
	}
	return ps.find(t, index)
}

// FindByID is Find by topic id; UNKNOWN_TOPIC_ID if no topic has it.
func (ps *Partitions) FindByID(id model.TopicID, index int32) (*Partition, *protocol.Error) {
	t, ok := ps.env.Image().TopicByID(id)
	if !ok {
		return nil, protocol.Errorf(protocol.UnknownTopicID, "no topic has id %s: it may have been deleted and made anew", id)
	}
	return ps.find(t, index)
}

func (ps *Partitions) find(t *cluster.Topic, index int32) (*Partition, *protocol.Error) {
	if index < 0 || int(index) >= len(t.Partitions) {
		return nil, protocol.Errorf(protocol.UnknownTopicOrPartition,
			"topic %q has partitions 0 to %d, not %d", t.Name, len(t.Partitions)-1, index)
	}
	m := &t.Partitions[index]
	if m.Leader != ps.env.Node {
		return nil, protocol.Errorf(protocol.NotLeaderOrFollower, "%s-%d is led by broker %d", t.Name, index, m.Leader)
	}
	if p := ps.loaded(m, t); p != nil {
		return p, nil
	}
	return ps.load(m, t)
}

// loaded returns the partition if it exists already, with its topic's
// metadata brought up to date.
func (ps *Partitions) loaded(m *cluster.Partition, t *cluster.Topic) *Partition {
	table := *ps.table.Load()
	if int(m.ID) >= len(table) {
		return nil
	}
	p := table[m.ID].Load()
	if p != nil && p.topic.Load() != t {
		ps.refresh(p, t.ID)
	}
	return p
}

// refresh gives a partition its topic as it is now. The caller's may be older
// than the partition's: it comes from an image that was taken some time ago.
// Under the lock, images are read in the order in which they are stored.
func (ps *Partitions) refresh(p *Partition, id model.TopicID) {
	ps.refreshing.Lock()
	defer ps.refreshing.Unlock()
	if now, ok := ps.env.Image().TopicByID(id); ok {
		p.topic.Store(now)
	}
}

func (ps *Partitions) load(m *cluster.Partition, t *cluster.Topic) (*Partition, *protocol.Error) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if p := ps.loaded(m, t); p != nil {
		return p, nil
	}
	// The topic may have been deleted since the caller took its image; asking
	// the log would bring the partition back.
	if now, ok := ps.env.Image().TopicByID(t.ID); !ok {
		return nil, protocol.Errorf(protocol.UnknownTopicOrPartition, "topic %q was deleted", t.Name)
	} else {
		t = now
	}
	table := *ps.table.Load()
	if int(m.ID) >= len(table) {
		grown := make([]atomic.Pointer[Partition], max(2*len(table), int(m.ID)+1))
		for i := range table {
			grown[i].Store(table[i].Load())
		}
		ps.table.Store(&grown)
		table = grown
	}
	p := newPartition(&ps.env, ps.env.Log.Partition(m.ID), t, m.Index, ps.LeaderEpoch(m))
	table[m.ID].Store(p)
	return p, nil
}

// LeaderEpoch is a partition's true leader epoch: that of the metadata plus
// the leader's unclean starts since it was written.
func (ps *Partitions) LeaderEpoch(m *cluster.Partition) model.LeaderEpoch {
	return m.EpochAt(ps.env.Log.UncleanStarts())
}

// Changed follows the metadata: partitions of deleted topics are dropped. The
// deletion is durable in the metadata before this is called.
func (ps *Partitions) Changed(before, after *cluster.Image) {
	before.Gone(after, ps.drop)
}

func (ps *Partitions) drop(t *cluster.Topic) {
	var held []*Partition
	ids := make([]model.PartitionID, len(t.Partitions))
	ps.mu.Lock()
	table := *ps.table.Load()
	for i := range t.Partitions {
		id := t.Partitions[i].ID
		ids[i] = id
		if int(id) < len(table) {
			if p := table[id].Swap(nil); p != nil {
				held = append(held, p)
			}
		}
	}
	ps.mu.Unlock()
	gone := protocol.Errorf(protocol.UnknownTopicOrPartition, "topic %q was deleted", t.Name)
	for _, p := range held {
		p.drop(gone)
	}
	ps.env.Log.Drop(ids...)
}
