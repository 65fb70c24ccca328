package log

import (
	"slices"

	"pgregory.net/rapid"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// drawMarker draws a marker of some producer; whether it ends anything is the
// partition's to know.
func drawMarker(r *rapid.T, base model.Offset, epoch model.LeaderEpoch) ([]byte, batch.Header, []int64) {
	m := batch.Marker{
		Producer:         model.ProducerID(rapid.IntRange(0, 2).Draw(r, "producer")),
		Epoch:            model.ProducerEpoch(rapid.IntRange(0, 1).Draw(r, "producer epoch")),
		Commit:           rapid.Bool().Draw(r, "commit"),
		CoordinatorEpoch: rapid.Int32Range(0, 3).Draw(r, "coordinator epoch"),
		Timestamp:        rapid.Int64Range(0, 60).Draw(r, "time"),
	}
	raw := batch.AppendMarker(nil, &m)
	batch.SetBaseOffset(raw, base)
	batch.SetLeaderEpoch(raw, epoch)
	h, err := batch.Parse(raw)
	if err != nil {
		r.Fatal(err)
	}
	return raw, h, []int64{m.Timestamp}
}

// ended is a marker.
func (m *modelPartition) ended(s ProducerState, h *batch.Header, c *controlBatch, appendTime int64) {
	first := s.TxnFirst
	s.LastTime, s.CoordinatorEpoch, s.LastMarker, s.TxnFirst, s.TxnSince = appendTime, c.CoordinatorEpoch, h.BaseOffset, -1, 0
	m.producers[s.ID] = s
	if first < 0 || c.Commit {
		return
	}
	stable := h.BaseOffset + 1
	for _, o := range m.producers {
		if o.TxnFirst >= 0 {
			stable = min(stable, o.TxnFirst)
		}
	}
	m.aborted = append(m.aborted, AbortedTxn{Producer: s.ID, First: first, Last: h.BaseOffset, Stable: stable})
}

// reopen is what a truncation makes of transactions; it returns who has none any
// more.
func (m *modelPartition) reopen(end model.Offset) (closed map[model.ProducerID]bool) {
	closed = map[model.ProducerID]bool{}
	for id, s := range m.producers {
		if s.TxnFirst >= end {
			s.TxnFirst, s.TxnSince, closed[id] = -1, 0, true
			m.producers[id] = s
		}
	}
	for _, t := range m.aborted {
		if t.First >= end || t.Last < end {
			continue
		}
		s, ok := m.producers[t.Producer]
		if !ok {
			s = *newProducerState(t.Producer, -1)
		}
		s.TxnFirst, s.TxnSince = t.First, 0
		m.producers[t.Producer] = s
	}
	m.aborted = slices.DeleteFunc(m.aborted, func(t AbortedTxn) bool { return t.Last >= end })
	return closed
}
