package replication

import (
	"fmt"
	"maps"
	"slices"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol"
)

// txnItem is one batch of one record, or a marker, as the model keeps it.
type txnItem struct {
	id       model.ProducerID // -1: none
	epoch    model.ProducerEpoch
	sequence int32
	at       int64 // ms
	txn      bool
	marker   bool
	commit   bool
	by       int32 // coordinator epoch of a marker
}

// txnModel is a partition as a list: the offset of an item is its place. All
// that a partition knows by state is found by walking over it.
type txnModel struct {
	items   []txnItem
	start   model.Offset
	hw      model.Offset
	cleaned model.Offset // compacted below
	waiting model.Offset // the first marker that awaits the disk; -1: none
	guards  map[model.ProducerID]modelGuard
}

type modelGuard struct {
	epoch  model.ProducerEpoch
	lowest int32
}

// txnSpan is a transaction as a walk finds it.
type txnSpan struct {
	id          model.ProducerID
	epoch       model.ProducerEpoch
	first, last model.Offset // last: its marker, or -1
	commit      bool
}

// spans are the transactions among the items below an offset, in the order in
// which they began.
func (m *txnModel) spans(below model.Offset) (list []txnSpan) {
	open := func(id model.ProducerID) int {
		return slices.IndexFunc(list, func(s txnSpan) bool { return s.id == id && s.last < 0 })
	}
	for i, x := range m.items[:below] {
		k := -1
		if x.id >= 0 {
			k = open(x.id)
		}
		switch {
		case x.marker && k >= 0:
			list[k].last, list[k].commit = model.Offset(i), x.commit
		case x.txn && k < 0:
			list = append(list, txnSpan{id: x.id, epoch: x.epoch, first: model.Offset(i), last: -1})
		case x.txn:
			list[k].epoch = x.epoch
		}
	}
	return list
}

func (m *txnModel) end() model.Offset { return model.Offset(len(m.items)) }

// stable is the last stable offset.
func (m *txnModel) stable() model.Offset {
	for _, s := range m.spans(m.hw) {
		if s.last < 0 {
			return max(s.first, m.start)
		}
	}
	return m.hw
}

// open is the transaction that a producer has open at the end, or nil.
func (m *txnModel) open(id model.ProducerID) *txnSpan {
	for _, s := range m.spans(m.end()) {
		if s.id == id && s.last < 0 {
			return &s
		}
	}
	return nil
}

// modelProducer is what the list says of a producer.
type modelProducer struct {
	known   bool
	epoch   model.ProducerEpoch
	last    int32 // sequence
	by      int32
	at      int64
	batches []model.Offset // of this epoch, the last five
}

func (m *txnModel) producer(id model.ProducerID) modelProducer {
	p := modelProducer{last: -1, by: -1}
	for i, x := range m.items {
		if x.id != id {
			continue
		}
		if !p.known || x.epoch != p.epoch {
			p.last, p.batches = -1, nil
		}
		p.known, p.epoch, p.at = true, x.epoch, x.at
		if x.marker {
			p.by = x.by
			continue
		}
		p.last = x.sequence
		p.batches = append(p.batches, model.Offset(i))
		p.batches = p.batches[max(0, len(p.batches)-5):]
	}
	return p
}

// remembered reports whether a producer counts at a time.
func (m *txnModel) remembered(id model.ProducerID, p *modelProducer, nowMs int64) bool {
	return p.known && (nowMs-p.at < 24*3_600_000 || m.open(id) != nil)
}

// judge says what becomes of a batch of one record: a code, and if that is none
// the offset that is answered.
func (m *txnModel) judge(x txnItem, verified bool) (protocol.ErrorCode, model.Offset) {
	p, open := m.producer(x.id), m.open(x.id)
	if !m.remembered(x.id, &p, x.at) {
		p = modelProducer{last: -1}
	}
	if p.known && p.epoch == x.epoch {
		for _, at := range p.batches {
			if m.items[at].sequence == x.sequence {
				return protocol.NoError, at
			}
		}
	}
	g, asked := m.guards[x.id]
	vouched := open != nil && open.epoch == x.epoch
	switch {
	case x.txn && !vouched && !verified:
		return protocol.InvalidTxnState, -1
	case p.known && x.epoch < p.epoch:
		return protocol.InvalidProducerEpoch, -1
	case p.known && x.epoch > p.epoch && x.sequence != 0, p.known && x.epoch == p.epoch && x.sequence != p.last+1:
		return protocol.OutOfOrderSequenceNumber, -1
	case !x.txn && open != nil:
		return protocol.InvalidTxnState, -1
	case x.txn && !vouched && asked && g.epoch == x.epoch && x.sequence > g.lowest:
		return protocol.OutOfOrderSequenceNumber, -1
	}
	return protocol.NoError, m.end()
}

// ask is what a Verify does.
func (m *txnModel) ask(x txnItem) {
	if open := m.open(x.id); open != nil && open.epoch == x.epoch {
		return
	}
	g, asked := m.guards[x.id]
	switch {
	case !asked || x.epoch > g.epoch:
		m.guards[x.id] = modelGuard{x.epoch, x.sequence}
	case x.epoch == g.epoch:
		m.guards[x.id] = modelGuard{g.epoch, min(g.lowest, x.sequence)}
	}
}

// judgeMarker says what becomes of a marker.
func (m *txnModel) judgeMarker(x txnItem, bumped bool) protocol.ErrorCode {
	p := m.producer(x.id)
	switch {
	case !m.remembered(x.id, &p, x.at):
	case x.by < p.by:
		return protocol.TransactionCoordinatorFenced
	case x.epoch < p.epoch, bumped && x.epoch == p.epoch && m.open(x.id) != nil:
		return protocol.InvalidProducerEpoch
	}
	return protocol.NoError
}

// add takes an item that was queued.
func (m *txnModel) add(x txnItem) {
	m.items = append(m.items, x)
	if x.txn || x.marker {
		delete(m.guards, x.id)
	}
}

// aborted are the offsets of records of transactions that were aborted below an
// offset.
func (m *txnModel) aborted(below model.Offset) map[model.Offset]bool {
	gone := map[model.Offset]bool{}
	for _, s := range m.spans(below) {
		for at := s.first; s.last >= 0 && !s.commit && at < s.last; at++ {
			if x := m.items[at]; x.id == s.id && x.txn && !x.marker {
				gone[at] = true
			}
		}
	}
	return gone
}

// readable are the offsets of the records that a reader gets from an offset on.
func (m *txnModel) readable(from model.Offset, committed bool) (list []model.Offset) {
	end := m.hw
	if committed {
		end = m.stable()
	}
	aborted := m.aborted(m.end())
	for at := from; at < end; at++ {
		if x := m.items[at]; x.marker || aborted[at] && (committed || at < m.cleaned) {
			continue
		}
		list = append(list, at)
	}
	return list
}

// named are the aborted transactions that an answer [from, to) has to name.
func (m *txnModel) named(from, to model.Offset) (list []Aborted) {
	list = []Aborted{}
	for _, s := range m.spans(m.end()) {
		if s.last >= max(from, m.cleaned) && !s.commit && s.first < to {
			list = append(list, Aborted{s.id, s.first})
		}
	}
	return list
}

// differs compares what a partition says of itself; "" if it is as it should be.
// Where syncs are held the log's writer may have come to wait for one.
func (m *txnModel) differs(p *Partition, nowMs int64, held bool) string {
	o := p.Offsets()
	written := o.End == m.end()
	if o.LogStart != m.start || o.HighWatermark != m.hw || !written && (!held || o.End > m.end()) || o.LastStable != m.stable() {
		return fmt.Sprintf("%+v, want [%d, %d), watermark %d, stable %d", o, m.start, m.end(), m.hw, m.stable())
	}
	var open, want []txnSpan
	for _, x := range p.OpenTxns() {
		open = append(open, txnSpan{id: x.Producer, epoch: x.Epoch, first: x.First, last: -1})
	}
	for _, s := range m.spans(m.end()) {
		if s.last < 0 {
			want = append(want, s)
		}
	}
	if !slices.Equal(open, want) {
		return fmt.Sprintf("open are %+v, want %+v", open, want)
	}
	if !written {
		return ""
	}
	list, err := p.Producers()
	if err != nil {
		return err.Error()
	}
	got, wanted := map[model.ProducerID]ProducerInfo{}, map[model.ProducerID]ProducerInfo{}
	for _, x := range list {
		if nowMs-x.LastTimestamp < 24*3_600_000 || x.TxnFirst >= 0 {
			x.LastTimestamp = 0
			got[x.ID] = x
		}
	}
	for id := range model.ProducerID(100) {
		x := m.producer(id)
		if !m.remembered(id, &x, nowMs) {
			continue
		}
		info := ProducerInfo{ID: id, Epoch: x.epoch, LastSequence: x.last, CoordinatorEpoch: x.by, TxnFirst: -1}
		if s := m.open(id); s != nil {
			info.TxnFirst = s.first
		}
		wanted[id] = info
	}
	if !maps.Equal(got, wanted) {
		return fmt.Sprintf("producers are %+v, want %+v", got, wanted)
	}
	return ""
}
