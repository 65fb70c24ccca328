package replication

import (
	"cmp"
	"slices"

	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/span"
	"github.com/mainstem-mq/mainstem/log"
	"github.com/mainstem-mq/mainstem/protocol"
)

// Read adds whole batches to out. It may block on the disk for cold data.
func (p *Partition) Read(r ReadRequest, out *span.List) ReadResult {
	o := p.Offsets()
	res := ReadResult{HighWatermark: o.HighWatermark, LastStable: o.LastStable, LogStart: o.LogStart}
	if res.Err = p.readRefusal(&r, &o, &res); res.Err != nil || res.Diverging != nil {
		return res
	}
	limit := o.HighWatermark
	var aborted log.AbortedView
	if r.ReadCommitted {
		limit = o.LastStable
		// Before the batches are looked for: what a compaction takes from here on
		// may be read yet, and it forgets whose it was.
		aborted, res.Aborted = p.log.Aborted(), []Aborted{}
	}
	if r.From >= limit || r.MaxBytes <= 0 && !r.MinOne {
		return res // nothing, or no room for it: a large answer has many of these
	}
	n, end, err := p.log.Read(log.ReadRequest{From: r.From, Limit: limit, MaxBytes: r.MaxBytes, MinOne: r.MinOne, Reader: r.Reader}, out)
	res.Bytes = n
	if err != nil && n == 0 {
		res.Err = storageError(err)
	}
	if n > 0 && aborted.Len() > 0 {
		res.Aborted = abortedOf(aborted.Overlapping(r.From, end))
	}
	return res
}

// abortedOf is what a reader is told of aborted transactions.
func abortedOf(list []log.AbortedTxn) []Aborted {
	told := make([]Aborted, len(list))
	for i := range list {
		told[i] = Aborted{Producer: list[i].Producer, First: list[i].First}
	}
	slices.SortFunc(told, func(a, b Aborted) int { return cmp.Compare(a.First, b.First) })
	return told
}

// Refuses reports whether a Read would be answered with an error, or with where
// the logs differ, whatever there is to read. o is the partition's Offsets.
func (p *Partition) Refuses(r ReadRequest, o Offsets) bool {
	var res ReadResult
	return p.readRefusal(&r, &o, &res) != nil || res.Diverging != nil
}

// readRefusal applies the epoch rules of KIP-320 and the range check. A log
// that differs from the client's is told by res.Diverging, which is no error.
func (p *Partition) readRefusal(r *ReadRequest, o *Offsets, res *ReadResult) *protocol.Error {
	if err := p.droppedError(); err != nil {
		return err
	}
	if err := p.checkEpoch(r.CurrentEpoch); err != nil {
		return err
	}
	if r.Replica {
		return p.refuseReplica(r.CurrentEpoch)
	}
	if r.LastFetchedEpoch >= 0 {
		end := p.epochEnd(r.LastFetchedEpoch)
		if end.End < 0 {
			return protocol.Errorf(protocol.OffsetOutOfRange,
				"the last fetched epoch %d is unknown here (the epoch is now %d): reset the position", r.LastFetchedEpoch, p.epoch)
		}
		if r.From >= o.LogStart && (end.Epoch < r.LastFetchedEpoch || end.End < r.From) {
			res.Diverging = &end
			return nil
		}
	}
	if r.From < o.LogStart || r.From > o.End {
		return protocol.Errorf(protocol.OffsetOutOfRange,
			"offset %d is outside %d to %d that the partition holds", r.From, o.LogStart, o.End)
	}
	return nil
}

func (p *Partition) droppedError() *protocol.Error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.dropped
}

// checkEpoch fences clients whose metadata is older or newer than ours.
func (p *Partition) checkEpoch(current model.LeaderEpoch) *protocol.Error {
	switch {
	case current < 0 || current == p.epoch:
		return nil
	case current < p.epoch:
		return protocol.Errorf(protocol.FencedLeaderEpoch,
			"leader epoch %d is over, it is now %d: refresh metadata", current, p.epoch)
	default:
		return protocol.Errorf(protocol.UnknownLeaderEpoch,
			"leader epoch %d is not known here yet, it is %d: retry", current, p.epoch)
	}
}

// refuseReplica has somebody who takes itself for a replica ask for metadata again. The
// codes are Kafka's: who knows a leader's epoch and asks as its replica has newer
// metadata than the leader.
func (p *Partition) refuseReplica(current model.LeaderEpoch) *protocol.Error {
	code := protocol.NotLeaderOrFollower
	if current >= 0 {
		code = protocol.UnknownLeaderEpoch
	}
	return protocol.Errorf(code, "the partition has no replica but its leader: read as a consumer (replica id -1), or refresh metadata")
}

// Available is how many bytes a Read from an offset could give now, at most
// limit, for fetch.min.bytes. It does not touch the log's data.
func (p *Partition) Available(from model.Offset, limit int, readCommitted bool) int {
	end := p.highWatermark()
	if readCommitted {
		end = p.Offsets().LastStable
	}
	if from >= end {
		return 0
	}
	return p.log.BytesBetween(from, end, limit)
}
