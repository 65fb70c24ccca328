package replication

import (
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/log"
	"github.com/mainstem-mq/mainstem/protocol"
)

// FindOffset answers ListOffsets for a timestamp or one of the special
// values. Without tiers the local log starts where the log starts, and
// nothing is tiered or waits to be.
func (p *Partition) FindOffset(timestamp int64, readCommitted bool, currentEpoch model.LeaderEpoch) (FoundOffset, *protocol.Error) {
	none := FoundOffset{Offset: -1, Timestamp: -1, Epoch: -1}
	if err := p.droppedError(); err != nil {
		return none, err
	}
	if err := p.checkEpoch(currentEpoch); err != nil {
		return none, err
	}
	o := p.Offsets()
	limit := o.HighWatermark
	if readCommitted {
		limit = o.LastStable
	}
	switch {
	case timestamp == TimestampLatest:
		return FoundOffset{Offset: limit, Timestamp: -1, Epoch: p.latestEpoch()}, nil
	case timestamp == TimestampEarliest, timestamp == TimestampEarliestLocal:
		return FoundOffset{Offset: o.LogStart, Timestamp: -1, Epoch: p.epochAt(o.LogStart)}, nil
	case timestamp == TimestampLatestTiered, timestamp == TimestampEarliestPendingTier:
		return none, nil
	case timestamp < 0 && timestamp != TimestampMax:
		return none, protocol.Errorf(protocol.InvalidRequest, "%d is not one of ListOffsets' special timestamps (-1 to -6)", timestamp)
	}
	var found log.TimestampOffset
	var ok bool
	var err error
	if timestamp == TimestampMax {
		// Who reads committed is told of no smaller one: as with Kafka the largest is
		// unknown to them while it is above what is stable.
		found, ok, err = p.log.MaxTimestamp(o.HighWatermark)
		ok = ok && found.Offset < limit
	} else {
		found, ok, err = p.log.FirstAtOrAfter(timestamp, limit)
	}
	if err != nil {
		return none, storageError(err)
	}
	if !ok {
		return none, nil
	}
	return FoundOffset{Offset: found.Offset, Timestamp: found.Timestamp, Epoch: found.Epoch}, nil
}

// EpochEnd answers OffsetForLeaderEpoch (KIP-101, KIP-320).
func (p *Partition) EpochEnd(requested, currentEpoch model.LeaderEpoch) (EpochEnd, *protocol.Error) {
	unknown := EpochEnd{Epoch: -1, End: -1}
	if err := p.droppedError(); err != nil {
		return unknown, err
	}
	if err := p.checkEpoch(currentEpoch); err != nil {
		return unknown, err
	}
	return p.epochEnd(requested), nil
}

// epochEnd is the log's answer, for epochs up to the current one. That counts as started at the end even
// before anything was written in it, so that after an unclean start a client
// of the former epoch sees how much of it is left.
func (p *Partition) epochEnd(requested model.LeaderEpoch) EpochEnd {
	switch {
	case requested == p.epoch:
		return EpochEnd{Epoch: requested, End: p.log.End()}
	case requested < 0 || requested > p.epoch:
		return EpochEnd{Epoch: -1, End: -1}
	}
	epoch, end := p.log.EpochEnd(requested)
	return EpochEnd{Epoch: epoch, End: end}
}

func (p *Partition) latestEpoch() model.LeaderEpoch {
	if es := p.log.Epochs(); len(es) > 0 {
		return es[len(es)-1].Epoch
	}
	return p.epoch
}

// epochAt is the epoch of the record at an offset.
func (p *Partition) epochAt(o model.Offset) model.LeaderEpoch {
	at := model.LeaderEpoch(-1)
	for _, e := range p.log.Epochs() {
		if e.Start > o && at >= 0 {
			break
		}
		at = e.Epoch
	}
	if at < 0 {
		return p.epoch
	}
	return at
}
