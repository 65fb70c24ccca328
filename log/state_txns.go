package log

import (
	"slices"
	"sort"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/protocol/batch"
)

// What a partition knows of transactions is made by its entries alone, as all of
// its state: a transaction is open from the first batch that a producer writes
// in it to the marker that ends it. Whether a batch may be appended is judged
// before; here it has been.

// controlBatch is what a control batch says. Where ends is false it ends no
// transaction: Kafka has other types, and what is not known is kept and ignored.
type controlBatch struct {
	batch.Marker

	ends bool
}

// controlsOf reads the control batches among those that stand in payload, in
// their order; nil if there are none, as nearly always.
func controlsOf(payload []byte, headers []batch.Header) (list []controlBatch) {
	at := 0
	for i := range headers {
		if h := &headers[i]; h.IsControl() {
			m, ends, err := batch.ReadMarker(payload[at:], h)
			list = append(list, controlBatch{m, ends && err == nil})
		}
		at += headers[i].Size
	}
	return list
}

// takeProducer takes what a batch tells of its producer. control is what it
// says if it is a control batch.
func (s *partitionState) takeProducer(h *batch.Header, control *controlBatch, appendTime int64, producersMax int) {
	if !h.IsIdempotent() || h.IsControl() && !control.ends {
		return
	}
	p := s.producers.apply(h, appendTime, producersMax)
	switch {
	case h.IsControl():
		p.CoordinatorEpoch, p.LastMarker = max(control.CoordinatorEpoch, 0), h.BaseOffset
		s.endTransaction(p, h.BaseOffset, control.Commit)
	case h.IsTransactional() && p.TxnFirst < 0:
		p.TxnFirst, p.TxnSince = h.BaseOffset, appendTime
	}
}

// endTransaction ends what a producer has open. A marker without that ends
// nothing: it was written to fence the producer, or once more after a restart.
func (s *partitionState) endTransaction(p *ProducerState, marker model.Offset, commit bool) {
	first := p.TxnFirst
	if p.TxnFirst, p.TxnSince = -1, 0; first < 0 || commit {
		return
	}
	stable := marker + 1
	for _, o := range s.producers {
		if o.TxnFirst >= 0 {
			stable = min(stable, o.TxnFirst)
		}
	}
	s.aborted = append(s.aborted, AbortedTxn{Producer: p.ID, First: first, Last: marker, Stable: stable})
}

// openCount is how many transactions are open.
func (s *partitionState) openCount() (n int) {
	for _, p := range s.producers {
		if p.TxnFirst >= 0 {
			n++
		}
	}
	return n
}

// truncateTransactions lowers the end of what is known of transactions. One
// whose abort is cut is open again. Of one that was committed that is not known
// any more: nothing in the product truncates yet, and what will (followers of a
// new leader) has to look for it among the batches that stay. Nor is one whose end
// was cleaned: a partition that lives has forgotten it by then, a replay has not
// yet. (Nothing below the watermark is ever cut, and nothing above it cleaned.)
func (s *partitionState) truncateTransactions(end, cleaned model.Offset) {
	for _, t := range s.aborted.truncate(end) {
		if t.Last < cleaned {
			continue
		}
		i, ok := s.producers.find(t.Producer)
		if !ok {
			s.producers = slices.Insert(s.producers, i, newProducerState(t.Producer, -1))
		}
		s.producers[i].TxnFirst, s.producers[i].TxnSince = t.First, 0
	}
}

// remembersBelow reports whether anything is known that only batches below an
// offset say.
func (s *partitionState) remembersBelow(offset model.Offset) bool {
	for _, p := range s.producers {
		if p.N > 0 && p.Batches[0].LastOffset < offset || p.TxnFirst >= 0 && p.TxnFirst < offset || p.LastMarker >= 0 && p.LastMarker < offset {
			return true
		}
	}
	return slices.ContainsFunc(s.aborted, func(t AbortedTxn) bool { return t.First < offset })
}

// AbortedTxn is a transaction that was aborted, as one partition has it.
type AbortedTxn struct {
	Producer    model.ProducerID
	First, Last model.Offset // of its first record, and of the marker that aborted it
	// Stable is where the partition was stable up to once it was over: every
	// transaction that ended later began there or above.
	Stable model.Offset
}

// abortedTxns are aborted transactions, ascending by Last. Readers hold parts of
// the slice: what it has is never changed in place.
type abortedTxns []AbortedTxn

// forget drops those that ended below an offset.
func (l *abortedTxns) forget(offset model.Offset) {
	n := sort.Search(len(*l), func(i int) bool { return (*l)[i].Last >= offset })
	switch rest := (*l)[n:]; {
	case n == 0:
	case len(rest) == 0:
		*l = nil
	case len(rest) < n:
		*l = slices.Clone(rest) // or what was dropped would stay in memory
	default:
		*l = rest
	}
}

// truncate drops those whose end is cut, and returns which of them began below.
func (l *abortedTxns) truncate(end model.Offset) (open []AbortedTxn) {
	n := sort.Search(len(*l), func(i int) bool { return (*l)[i].Last >= end })
	for _, t := range (*l)[n:] {
		if t.First < end {
			open = append(open, t)
		}
	}
	if *l = (*l)[:n:n]; n == 0 {
		*l = nil
	}
	return open
}

const (
	// openTxnBytes and abortedTxnBytes are what a transaction takes at most of a
	// partition's state, with its producer, as far as ids and offsets are not made
	// to be large.
	openTxnBytes    = 96
	abortedTxnBytes = 24
)

// TxnRoom is how many transactions more may be open in the partition than aborted
// ones have left room for: its state is restated as one entry, which has to fit into
// a segment. One that does not would keep the log from giving back any space. Half
// of that is for transactions.
func (p *PartitionLog) TxnRoom() int {
	most := int(min(p.log.cfg.SegmentBytes, entrySizeMax)) / 2
	return (most - p.Aborted().Len()*abortedTxnBytes) / openTxnBytes
}

// AbortedView is a partition's aborted transactions at one moment.
type AbortedView struct{ list abortedTxns }

// Len is how many there are.
func (v AbortedView) Len() int { return len(v.list) }

// Overlapping returns those that have records or their marker in [from, to), in
// the order in which they ended.
func (v AbortedView) Overlapping(from, to model.Offset) (found []AbortedTxn) {
	n := sort.Search(len(v.list), func(i int) bool { return v.list[i].Last >= from })
	for _, t := range v.list[n:] {
		if t.First < to {
			found = append(found, t)
		}
		if t.Stable >= to {
			return found // all behind it begin there or above
		}
	}
	return found
}

// Aborted is what the partition knows of aborted transactions, as written.
func (p *PartitionLog) Aborted() AbortedView {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.mu.state.aborted)
	return AbortedView{p.mu.state.aborted[:n:n]}
}

// OpenTxn is a transaction that no marker has ended yet.
type OpenTxn struct {
	Producer model.ProducerID
	Epoch    model.ProducerEpoch
	First    model.Offset
	Since    int64 // append time of its first batch, ms; 0: not known
}

// OpenTxns are those of a partition; none if the log does not hold it.
func (l *Log) OpenTxns(id model.PartitionID) []OpenTxn {
	if p := l.partitions.find(id); p != nil {
		return p.OpenTxns()
	}
	return nil
}

// OpenTxns are the transactions that are open as written, ascending by First.
func (p *PartitionLog) OpenTxns() (open []OpenTxn) {
	p.mu.Lock()
	for _, s := range p.mu.state.producers {
		if s.TxnFirst >= 0 {
			open = append(open, OpenTxn{Producer: s.ID, Epoch: s.Epoch, First: s.TxnFirst, Since: s.TxnSince})
		}
	}
	p.mu.Unlock()
	slices.SortFunc(open, func(a, b OpenTxn) int { return int(min(max(a.First-b.First, -1), 1)) })
	return open
}
