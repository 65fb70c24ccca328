package coordinator

import (
	"cmp"
	"slices"

	"github.com/mainstem-mq/mainstem/coordinator/shard"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

// A record of a transaction changes the machine before the shard's partition has it.
// One that the partition then refused would be lost, and with it the machine: the
// shard would load again, and all its groups would have to wait for the doings of one
// producer. So the partition is asked before anything is recorded, and is told what
// it can not know: what of the producer is still on its way.

// TxnAhead is what of a producer is recorded, and perhaps not with the partition yet:
// what is judged comes behind it. The zero value is nothing.
type TxnAhead struct {
	Known bool                // there is something
	Epoch model.ProducerEpoch // of the newest
	// Ended says that there is a marker, CoordinatorEpoch whose the newest is.
	Ended            bool
	CoordinatorEpoch int32
	Open             bool // the producer has a transaction open behind it all
}

// refuses tells how the partition will judge a record of a transaction.
func (m *machine) refuses(s *step, txn *shard.Txn) protocol.ErrorCode {
	return s.refuses(s.index, txn, m.ahead(txn.Producer))
}

func (m *machine) ahead(producer model.ProducerID) (a TxnAhead) {
	if marker := m.ending[producer]; marker != nil {
		a = TxnAhead{Known: true, Epoch: marker.Epoch, Ended: true, CoordinatorEpoch: marker.CoordinatorEpoch}
	}
	if open := m.txns[producer]; open != nil {
		a.Known, a.Epoch, a.Open = true, open.epoch, true // no marker ahead has a newer one
	}
	return a
}

// EndTransaction ends a producer's transaction in the partition of a shard: what it
// committed there counts from now on, or is forgotten. done hears NoError when the
// marker is below the high watermark, or what the partition has against it. Of any
// other code nothing is known, and the marker has to be written again, which does no
// harm.
//
// The marker goes the way of the shard's other records, as it has to stand behind
// the commits that are on their way.
func (g *Groups) EndTransaction(
	index int32, p TxnProducer, commit bool, coordinatorEpoch int32, bumped bool, done func(protocol.ErrorCode),
) {
	marker := &shard.Txn{
		Producer: p.ID, Epoch: p.Epoch, End: shard.EndAbort, CoordinatorEpoch: coordinatorEpoch, BumpedEpoch: bumped,
	}
	if commit {
		marker.End = shard.EndCommit
	}
	g.shards.Post(index, func(m *machine, s *step) {
		if refused := m.refuses(s, marker); refused != protocol.NoError {
			// What it was judged by may be lost yet.
			s.answer(func(lost protocol.ErrorCode) { done(cmp.Or(lost, refused)) })
			return
		}
		bases := m.basesIn(p.ID)
		s.cut()
		s.record(Record{Txn: marker})
		s.cut()
		m.send(marker)
		s.answer(func(code protocol.ErrorCode) {
			g.shards.PostAside(index, func(m *machine, _ *step) { m.arrived(marker) }, nil)
			done(code)
		})
		if len(bases) == 0 {
			return
		}
		m.apply(s)
		for _, base := range bases {
			m.follow(s, base) // a switch of its mode may have waited for this
			s.cut()
		}
	}, done)
}

// basesIn lists the groups that an open transaction has offsets for, those of cells
// instead of the cells.
func (m *machine) basesIn(producer model.ProducerID) []string {
	open := m.txns[producer]
	if open == nil {
		return nil
	}
	bases := make([]string, 0, len(open.groups))
	for id := range open.groups {
		base, _ := baseOf(id)
		bases = append(bases, base)
	}
	slices.Sort(bases)
	return slices.Compact(bases)
}

// send notes that a marker is on its way. Epochs do not fall, so that the newest
// marker of a producer tells of all.
func (m *machine) send(marker *shard.Txn) {
	if m.ending == nil {
		m.ending = map[model.ProducerID]*shard.Txn{}
	}
	m.ending[marker.Producer] = marker
}

// arrived notes that the partition has a marker.
func (m *machine) arrived(marker *shard.Txn) {
	if m.ending[marker.Producer] != marker {
		return // a newer one is on its way, or the machine is not the one that sent it
	}
	if delete(m.ending, marker.Producer); len(m.ending) == 0 {
		m.ending = nil
	}
}
