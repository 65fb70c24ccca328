package replication

import (
	"slices"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/log"
)

// trackedTxn is a transaction that keeps the last stable offset down, or will
// once the watermark comes to it.
type trackedTxn struct {
	producer model.ProducerID
	epoch    model.ProducerEpoch // of its newest batch
	first    model.Offset
	since    int64        // ms; when first was appended, 0: not known
	marker   model.Offset // that ends it; -1: none was queued
}

// txnTracker is a partition's transactions as its queued appends make them,
// ascending by first: what the log knows as written, and what is on the way. One
// that a marker ends stays until the marker is below the watermark: until then
// nobody may have been told, and the marker may yet fail.
//
// It also has the guards that Verify gave, and whether the partition is in the set of
// those with open transactions. All of it is made with the first of these, as most
// partitions of many never have a transaction; the methods that change nothing take nil.
type txnTracker struct {
	list    []trackedTxn
	decided int // of list, those with a marker

	guards map[model.ProducerID]*guard // nil: none
	given  uint64                      // guards, ever

	listed bool // in Env.open
	place  int  // in there; guarded by the set's lock
}

// txnsLocked makes the tracker if need be.
func (p *Partition) txnsLocked() *txnTracker {
	if p.mu.txns == nil {
		p.mu.txns = &txnTracker{}
	}
	return p.mu.txns
}

// length is how many transactions are open, or were when the watermark was last raised.
func (t *txnTracker) length() int {
	if t == nil {
		return 0
	}
	return len(t.list)
}

func (t *txnTracker) none() bool { return t == nil || len(t.list) == 0 }

// restored are the transactions of a partition whose log is all below the
// watermark.
func restoredTxns(open []log.OpenTxn) *txnTracker {
	t := &txnTracker{}
	for _, o := range open {
		t.list = append(t.list, trackedTxn{o.Producer, o.Epoch, o.First, o.Since, -1})
	}
	return t
}

// open is the transaction that a producer has open, or nil.
func (t *txnTracker) open(id model.ProducerID) *trackedTxn {
	if t.none() {
		return nil
	}
	for i := range t.list {
		if x := &t.list[i]; x.producer == id && x.marker < 0 {
			return x
		}
	}
	return nil
}

// data takes a queued batch of a transaction.
func (t *txnTracker) data(id model.ProducerID, epoch model.ProducerEpoch, base model.Offset, nowMs int64) {
	if x := t.open(id); x != nil {
		x.epoch = epoch
		return
	}
	t.list = append(t.list, trackedTxn{id, epoch, base, nowMs, -1})
}

// end takes a queued marker.
func (t *txnTracker) end(id model.ProducerID, marker model.Offset) {
	if x := t.open(id); x != nil {
		x.marker = marker
		t.decided++
	}
}

// passed has the watermark stand at hw: what was decided below is over.
func (t *txnTracker) passed(hw model.Offset) {
	if t == nil || t.decided == 0 {
		return
	}
	t.list = slices.DeleteFunc(t.list, func(x trackedTxn) bool { return x.marker >= 0 && x.marker < hw })
	t.count()
}

// cut follows the failure of what was queued from an offset on.
func (t *txnTracker) cut(end model.Offset) {
	t.list = slices.DeleteFunc(t.list, func(x trackedTxn) bool { return x.first >= end })
	for i := range t.list {
		if t.list[i].marker >= end {
			t.list[i].marker = -1
		}
	}
	t.count()
}

func (t *txnTracker) count() {
	t.decided = 0
	for i := range t.list {
		if t.list[i].marker >= 0 {
			t.decided++
		}
	}
	if len(t.list) == 0 {
		t.list = nil
	}
}

// stable is the last stable offset: the watermark, or where the first
// transaction begins that is not over below it, as far as the log still has it.
//
// It never falls: a transaction begins at or above the watermark of its time,
// and one whose marker fails has been counted all along.
func (t *txnTracker) stable(hw, start model.Offset) model.Offset {
	if t.none() {
		return hw
	}
	return min(hw, max(t.list[0].first, start))
}
