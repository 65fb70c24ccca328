package coordinator

import (
	"fmt"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/internal/model"
)

// An offset that is committed in a transaction is pending until the transaction's
// marker stands in the shard's partition: then it is committed, or nothing. All of
// this is durable in the sense of replay: records alone change it.

// openTxn is a transaction that has committed offsets in this shard.
type openTxn struct {
	epoch  model.ProducerEpoch
	groups map[string]struct{} // those that have something pending of it
}

// pendingOffset waits for the end of its transaction.
type pendingOffset struct {
	committed
	at        uint64 // its place among the transactional records of the shard
	overtaken bool   // what was committed since is in force: this one can only go
}

// pendingTable is what one transaction has for one group. Invariant: it has no
// empty topic.
type pendingTable map[string]map[int32]pendingOffset

func (t pendingTable) put(topic string, partition int32, p pendingOffset) {
	partitions := t[topic]
	if partitions == nil {
		partitions = map[int32]pendingOffset{}
		t[string([]byte(topic))] = partitions
	}
	partitions[partition] = p
}

func (t pendingTable) remove(topic string, partition int32) {
	delete(t[topic], partition)
	if len(t[topic]) == 0 {
		delete(t, topic)
	}
}

// overtake notes that a later commit than what is pending of one before is in force.
func (t pendingTable) overtake(topic string, partition int32, at uint64) {
	if p, ok := t[topic][partition]; ok && p.at < at {
		p.overtaken = true
		t[topic][partition] = p
	}
}

// overtakePending has a commit win over all that is pending from before it, however
// that ends: compaction keeps the later record too.
func (g *group) overtakePending(topic string, partition int32, at uint64) {
	for _, table := range g.pending {
		table.overtake(topic, partition, at)
	}
}

// isPending reports whether a transaction that is open has an offset for the partition.
func (g *group) isPending(topic string, now topicNow, partition int32) bool {
	return g.pending != nil && g.hasPending(topic, partition, now.keeps)
}

func (g *group) hasPending(topic string, partition int32, keep func(committed) bool) bool {
	for _, table := range g.pending {
		if p, ok := table[topic][partition]; ok && keep(p.committed) {
			return true
		}
	}
	return false
}

// pendingOf is what is pending in any of the groups, for somebody who asks about all.
func pendingOf(groups []*group) map[model.ProducerID]pendingTable {
	var all map[model.ProducerID]pendingTable
	for _, g := range groups {
		for producer, table := range g.pending {
			if all == nil {
				all = map[model.ProducerID]pendingTable{}
			}
			if all[producer] == nil {
				all[producer] = pendingTable{}
			}
			for topic, partitions := range table {
				for partition, p := range partitions {
					all[producer].put(topic, partition, p)
				}
			}
		}
	}
	return all
}

// anyPending has dropPending take all.
func anyPending(string, committed) bool { return true }

// dropPending removes what is pending for partitions that have nothing committed;
// where something is, its tombstone takes the pending one too, or it came later.
func (s *step) dropPending(room *arena, g *group, drop func(topic string, c committed) bool) {
	if g.pending == nil {
		return
	}
	gone := map[string][]int32{}
	for _, table := range g.pending {
		for topic, partitions := range table {
			for partition, p := range partitions {
				if _, ok := g.offsets.get(topic, partition); !ok && drop(topic, p.committed) {
					gone[topic] = append(gone[topic], partition)
				}
			}
		}
	}
	for _, topic := range slices.Sorted(maps.Keys(gone)) {
		slices.Sort(gone[topic])
		for _, partition := range slices.Compact(gone[topic]) {
			s.record(Record{Key: room.offsetKey(g.id, topic, partition)})
			s.cut()
		}
	}
}

// holdTxn replays an offset that a transaction commits.
func (m *machine) holdTxn(txn *shard.Txn, key *kmsg.OffsetCommitKey, c committed) {
	g := m.obtain(key.Group)
	open := m.txns[txn.Producer]
	if open == nil {
		if m.txns == nil {
			m.txns = map[model.ProducerID]*openTxn{}
		}
		open = &openTxn{groups: map[string]struct{}{}}
		m.txns[txn.Producer] = open
	}
	open.epoch = txn.Epoch
	open.groups[g.id] = struct{}{}
	table := g.pending[txn.Producer]
	if table == nil {
		if g.pending == nil {
			g.pending = map[model.ProducerID]pendingTable{}
		}
		table = pendingTable{}
		g.pending[txn.Producer] = table
	}
	m.txnRecords++
	table.put(key.Topic, key.Partition, pendingOffset{committed: c, at: m.txnRecords})
	m.dropGuard(txn.Producer) // the open transaction vouches from now on
}

// endTxn replays a marker. One that ends nothing here changes nothing.
func (m *machine) endTxn(txn *shard.Txn) error {
	if txn.End != shard.EndCommit && txn.End != shard.EndAbort {
		return fmt.Errorf("%w: a marker that ends a transaction as %d", errRecord, txn.End)
	}
	m.dropGuard(txn.Producer)
	open := m.txns[txn.Producer]
	if open == nil {
		return nil
	}
	delete(m.txns, txn.Producer)
	for _, id := range slices.Sorted(maps.Keys(open.groups)) {
		g := m.groups[id]
		table := g.pending[txn.Producer]
		g.dropPending(txn.Producer)
		if txn.End == shard.EndCommit {
			m.commitPending(g, table)
		}
		m.forget(g)
	}
	return nil
}

// commitPending makes what was pending committed, but for what was overtaken.
func (m *machine) commitPending(g *group, table pendingTable) {
	g.shown = nil
	for topic, partitions := range table {
		for partition, p := range partitions {
			if p.overtaken {
				continue
			}
			if g.offsets.put(topic, partition, p.committed) {
				m.offsetCount++
			}
			g.overtakePending(topic, partition, p.at)
		}
	}
}

// dropPending forgets what a transaction has for a group.
func (g *group) dropPending(producer model.ProducerID) {
	delete(g.pending, producer)
	if len(g.pending) == 0 {
		g.pending = nil
	}
}

// erasePending replays a tombstone: what is pending for the partition goes too. It
// reports whether there was anything.
func (m *machine) erasePending(g *group, topic string, partition int32) bool {
	erased := false
	for producer, table := range g.pending {
		if _, ok := table[topic][partition]; !ok {
			continue
		}
		erased = true
		table.remove(topic, partition)
		if len(table) == 0 {
			g.dropPending(producer)
			delete(m.txns[producer].groups, g.id)
		}
	}
	return erased
}
